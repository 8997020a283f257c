"""Train a speaker encoder on a pack of speech.

    python recipes/speaker/train.py --pack packs/speech --out runs/speaker-small \
        --config recipes/speaker/small.yaml

Needs torch, torchaudio, numpy, safetensors, pydantic and PyYAML. Deterministic under its seed;
interrupted, the same command goes on at the step of the last checkpoint. Writes log.jsonl,
checkpoint.safetensors, and NAME.safetensors (half precision) from the averaged weights, with the
mean embedding of each training speaker and the thresholds of the validation inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from disturb import disturb, mask
from pydantic import BaseModel, ConfigDict, Field
from segments import Segments
from torch import Tensor, nn
from torch.nn.functional import normalize
from voices import Recording, Voices, recordings

from avsynth.errors import UsageError
from avsynth.models.speaker import SpeakerConfig, SpeakerEncoder
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.pack import Pack
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.training.speaker import MarginSoftmax, Prototypical
from avsynth.weights import file as weights_file


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: SpeakerConfig
    speeds: tuple[float, ...] = Field((1.0,), description="each makes new voices of all speakers")
    hold_out: int = Field(0, ge=0, description="validate on every so many-th training speaker")
    steps: int = Field(4000, gt=0)
    voices: int = Field(48, gt=1, description="of a batch")
    crops: int = Field(2, gt=1, description="of each voice in it")
    frames: tuple[int, int] = Field((120, 240), description="least and greatest length of a crop")
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    margin: float = Field(0.2, ge=0, description="radians, reached after half of the steps")
    classify: float = Field(1.0, description="weight of the margin softmax")
    prototypical: float = Field(0.5, description="weight of the prototypical loss")
    strength: float = Field(1.0, ge=0, description="of the disturbances")
    validate_every: int = Field(500, gt=0)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: int = Field(1, gt=0, description="processor threads")
    seed: int = 0


class Learner:
    """The encoder, its average, the losses with what they learn, and the optimiser."""

    def __init__(self, settings: Settings, voices: int, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        network = settings.network
        self.encoder = SpeakerEncoder(network).to(device)
        self.ema = Ema(self.encoder)
        self.softmax = MarginSoftmax(network.embedding, voices).to(device)
        self.prototypical = Prototypical().to(device)
        self.networks: dict[str, nn.Module] = {
            "encoder": self.encoder, "ema": self.ema.average,
            "softmax": self.softmax, "prototypical": self.prototypical,
        }  # fmt: skip
        losses = [*self.softmax.parameters(), *self.prototypical.parameters()]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.encoder.parameters()), "weight_decay": settings.weight_decay},
                {"params": losses, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
        )

    def step(self, voices: Voices, number: int) -> dict[str, Tensor]:
        """Improve once; step ``number`` has draws of its own. The losses by name."""
        settings = self.settings
        random = np.random.default_rng([settings.seed, number])
        noise = torch.Generator().manual_seed(settings.seed * 10_000_019 + number)
        for group in self.optimizer.param_groups:
            group["lr"] = schedule(number, settings)
        frames = int(random.integers(settings.frames[0], settings.frames[1] + 1))
        mel, numbers = voices.batch(settings.voices, settings.crops, frames, random)
        if settings.strength:
            mel = mask(disturb(mel, noise, settings.strength), noise)
        bfloat16 = settings.precision == "bfloat16"
        self.encoder.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            embeddings = self.encoder({"mel": mel})["embedding"]
        embeddings = normalize(embeddings.float(), dim=1)
        margin = settings.margin * min(1.0, 2 * number / settings.steps)
        grouped = embeddings.view(settings.voices, settings.crops, -1)
        losses = {
            "classify": settings.classify * self.softmax(embeddings, numbers, margin),
            "prototypical": settings.prototypical * self.prototypical(grouped),
        }
        losses["loss"] = losses["classify"] + losses["prototypical"]
        self.optimizer.zero_grad()
        losses["loss"].backward()
        self.optimizer.step()
        self.ema.update(self.encoder, number)
        return losses


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    torch.set_num_threads(settings.threads)
    seed_everything(settings.seed)
    training, validation = split(settings, folder)
    voices = Voices(training, settings.speeds, settings.network.spectrum, device)
    learner = Learner(settings, voices.count, device)
    optimizers = {"optimizer": learner.optimizer}
    segments = Segments(validation, settings.network.spectrum)
    run = Run(
        settings.name, out, settings.steps, settings.validate_every, learner.networks, optimizers
    )
    for step in run.steps():
        losses = learner.step(voices, step)
        run.log({name: round(float(v.detach()), 6) for name, v in losses.items()})
        if not run.due:
            continue
        average = learner.ema.average
        found = segments.validate(average, device)
        run.validated(found)
        data = statement(settings, training, step, found)
        extras = {"speakers": speakers(average, training, device)}
        weights_file.write(run.final, "speaker", average, settings.network, extras, data)
        run.save()
    return run.final


def schedule(step: int, settings: Settings) -> float:
    """Learning rate: 200 steps of warm-up, then a half cosine down to nothing."""
    warm = min(1.0, step / min(200, settings.steps))
    return settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))


def split(settings: Settings, folder: Path) -> tuple[list[Recording], list[Recording]]:
    """Recordings to learn from, and of other people to validate on."""
    pack = Pack.open(folder, ("sound",))
    training, validation = recordings(pack, "train"), recordings(pack, "dev")
    if settings.hold_out:
        held = sorted({r.person for r in training})[:: settings.hold_out]
        validation = [r for r in training if r.person in held]
        training = [r for r in training if r.person not in held]
    if not training or len({r.person for r in validation}) < 2:
        raise UsageError("the pack has nobody to train on, or fewer than two to validate on")
    return training, validation


@torch.inference_mode()
def speakers(encoder: SpeakerEncoder, training: list[Recording], device: str) -> Tensor:
    """Mean embedding (people, D) of each training speaker's recordings, half precision."""
    found: dict[str, list[Tensor]] = {}
    for recording in training:
        mel = recording.mel(encoder.config.spectrum).float().T[None].to(device)
        found.setdefault(recording.person, []).append(encoder({"mel": mel})["embedding"][0].cpu())
    means = torch.stack([torch.stack(found[p]).mean(dim=0) for p in sorted(found)])
    return normalize(means, dim=1).half()


def statement(
    settings: Settings, training: list[Recording], step: int, found: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({r.clip.licence for r in training}),
        "people": len({r.person for r in training}),
        "minutes": round(sum(r.clip.rows for r in training) / 100 / 60, 1),
        "steps": step,
        "seed": settings.seed,
        "threshold_eer": found["threshold_eer"],
        "threshold_far1": found["threshold_far1"],
        "spread": found["spread"],
        "validation": found,
    }


if __name__ == "__main__":
    main()
