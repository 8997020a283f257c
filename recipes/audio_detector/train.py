"""Train the sound detector on the views that prepare.py wrote.

    python recipes/audio_detector/train.py --pack .packs/sound_views --out runs/audio-small \
        --config recipes/audio_detector/small.yaml

Deterministic under its seed; interrupted, the same command goes on at the last checkpoint. Writes
log.jsonl, checkpoint.safetensors and NAME.safetensors (half precision, averaged weights).
``--set held_out=FAMILY name=audio-without-FAMILY`` trains without a family of fakes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pairs import Pairs, without
from pydantic import BaseModel, ConfigDict, Field
from scores import validate
from torch import Tensor
from torch.nn.functional import softplus

from avsynth.models.sound_detector import SoundDetector, SoundDetectorConfig, views
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.training.steps import improve
from avsynth.weights import file as weights_file

_RATE = 16_000


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: SoundDetectorConfig = SoundDetectorConfig()
    held_out: str = Field("", description="a family of fakes that training does not see")
    steps: int = Field(2200, gt=0)
    pairs: int = Field(10, gt=0, description="of a batch")
    seconds: float = Field(2.0, gt=0, description="of a window")
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    branches: tuple[Literal["spectrum", "wave"], ...] = Field(
        ("spectrum", "wave"),
        description="those that learn; a run that goes on may leave one as it is",
    )
    ranked: float = Field(0.5, ge=0, description="weight of the order of each pair")
    decay: float = Field(0.995, ge=0, lt=1, description="of the averaged weights")
    validate_every: int = Field(550, gt=0)
    bfloat16: bool = True
    threads: int = Field(1, gt=0)
    seed: int = 0


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights' file."""
    torch.set_num_threads(settings.threads)
    rng = seed_everything(settings.seed)
    pairs = Pairs(folder, "train", without(settings.held_out))
    dev = Pairs(folder, "dev")
    network = SoundDetector(settings.network).to(device)
    ema = Ema(network, settings.decay)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    networks, optimizers = {"network": network, "ema": ema.average}, {"detector": optimizer}
    run = Run(
        settings.name, out, settings.steps, settings.validate_every, networks, optimizers, rng
    )
    length = int(settings.seconds * _RATE)
    for step in run.steps():
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _pace(step, settings.steps)
        real, fake = (each.to(device) for each in pairs.batch(settings.pairs, length, rng))
        terms = losses(network, real, fake, settings, rng)
        improve(optimizer, torch.stack(list(terms.values())).sum(), largest=5.0)
        ema.update(network, step)
        run.log({name: round(value.item(), 5) for name, value in terms.items()})
        if not run.due:
            continue
        found = validate(ema.average, dev, device)
        run.validated({f"dev_{k}": v for k, v in found.items()})
        data = statement(settings, pairs, step, run.seconds, found)
        weights_file.write(run.final, "sound-detector", ema.average, settings.network, {}, data)
        run.save()
    return run.final


def losses(
    network: SoundDetector, real: Tensor, fake: Tensor, settings: Settings,
    rng: np.random.Generator,
) -> dict[str, Tensor]:  # fmt: skip
    """Of each branch: cross entropy, and how far a recording lies above its fake."""
    batch = views(torch.cat([real, fake]), settings.network)
    batch["spectrum"] = hidden(batch["spectrum"], rng)
    parts = {
        "spectrum": lambda: network.spectrum(batch["spectrum"]).mean(dim=(1, 2)),
        "wave": lambda: network.wave(batch["sound"]).mean(dim=1),
    }
    terms = {}
    for name in settings.branches:
        with torch.autocast(real.device.type, torch.bfloat16, enabled=settings.bfloat16):
            logits = parts[name]()
        low, high = logits.float().chunk(2)
        terms[f"{name}_logit"] = (softplus(low) + softplus(-high)).mean() / 2
        terms[f"{name}_logit"] += settings.ranked * softplus(low - high).mean()
    return terms


def hidden(spectrum: Tensor, rng: np.random.Generator) -> Tensor:
    """Spectra (2 B, 1, F, T), real ones and then their fakes, with up to two bands and a stretch
    of time at their mean, the same in both of a pair."""
    made = spectrum.clone()
    count, bins, steps = len(spectrum) // 2, spectrum.shape[2], spectrum.shape[3]
    for k in range(count):
        for _ in range(int(rng.integers(3))):
            low = int(rng.integers(bins))
            made[k::count, :, low : low + int(rng.integers(1, bins // 4))] = 0
        first = int(rng.integers(steps))
        made[k::count, :, :, first : first + int(rng.integers(1, steps // 5))] = 0
    return made


def _pace(step: int, steps: int) -> float:
    """A short warm-up, then a half cosine."""
    return min(1.0, step / 50) * (0.01 + 0.99 * (0.5 + 0.5 * float(np.cos(np.pi * step / steps))))


def statement(
    settings: Settings, pairs: Pairs, step: int, seconds: float, found: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    real = [item for item in pairs.items if item.label == "real"]
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": ["LibriSpeech train-clean-100", "GRID"],
        "families": pairs.families,
        "held_out": list(without(settings.held_out)),
        "people": len({item.speaker for item in real}),
        "recordings": len(real),
        "fakes": len(pairs.items) - len(real),
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "seed": settings.seed,
        "validation": found,
    }


if __name__ == "__main__":
    main()
