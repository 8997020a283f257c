"""Train a sync expert on a pack.

    python recipes/sync_expert/train.py --pack packs/sync --out runs/sync-small \
        --config recipes/sync_expert/config.yaml

Needs torch, numpy, OpenCV, safetensors, pydantic and PyYAML, no media library. Deterministic under
its seed; interrupted, the same command goes on at the step of the last checkpoint. Writes
log.jsonl, checkpoint.safetensors, and NAME.safetensors (half precision) from the averaged weights.

The loss is InfoNCE (van den Oord et al. 2018): within a stretch of about a second, each film
must find its own sound among all others, the nearest of which are one frame away, and each sound
its film; and, with a smaller weight, among the sounds of the other clips of the batch.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
import pseudo_people
import talks
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from avsynth.errors import UsageError
from avsynth.metrics.picture_sync import offset_and_confidence, similarity
from avsynth.models.sync import STEPS, SyncConfig, SyncExpert, film_windows, sound_windows
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.pack import Clip, Pack
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: SyncConfig
    hold_out: tuple[str, ...] = ()
    min_clarity: float = Field(0.3, description="clips whose sync is less clear are left out")
    steps: int = Field(5000, gt=0)
    clips: int = Field(16, gt=0, description="stretches of a batch")
    stretch: int = Field(24, gt=0, description="pictures of a stretch; shorter clips are left out")
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    balance: float = Field(0.5, description="weight of a person: pictures to this power")
    across: float = Field(0.3, description="weight of telling apart the sounds of other clips")
    validate_every: int = Field(500, gt=0)
    validation_clips: int = Field(40, gt=0, description="at most, of held-out people or sentences")
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: int = Field(1, gt=0, description="processor threads")
    seed: int = 0


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    generator = seed_everything(settings.seed)
    torch.set_num_threads(settings.threads)
    network = SyncExpert(settings.network).to(device)
    training, validation = load_talks(settings, folder)
    ema = Ema(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    networks: dict[str, nn.Module] = {"network": network, "ema": ema.average}
    optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": optimizer}
    run = Run(
        settings.name, out, settings.steps, settings.validate_every,
        networks, optimizers, generator,
    )  # fmt: skip
    draw = Sampler(training, settings, generator)
    for step in run.steps():
        for group in optimizer.param_groups:
            group["lr"] = schedule(step, settings)
        network.train()
        films, sounds = (part.to(device) for part in draw())
        bfloat16 = settings.precision == "bfloat16"
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16):
            looked, heard = network.look(films), network.hear(sounds)
        losses = contrast(looked.float(), heard.float(), network.scale, settings)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        ema.update(network, step)
        run.log({name: round(float(v.detach()), 6) for name, v in losses.items()})
        if not run.due:
            continue
        found = validate(ema.average, validation, device)
        run.validated(found)
        data = statement(settings, training, step, found)
        weights_file.write(run.final, "sync", ema.average, settings.network, {}, data)
        run.save()
    return run.final


def schedule(step: int, settings: Settings) -> float:
    """Learning rate: 200 steps of warm-up, then a half cosine down to nothing."""
    warm = min(1.0, step / min(200, settings.steps))
    return settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))


def load_talks(settings: Settings, folder: Path) -> tuple[list[talks.Talk], list[talks.Talk]]:
    """Training clips; and clips of held-out people, or where there are none unseen sentences."""
    pack = Pack.open(folder, ("jpeg", "ends", "mel"))
    kept = [
        talks.load(pack, clip)
        for clip in pack.index.clips
        if (settings.purpose == "research" or clip.purpose == "commercial")
        and clip.clarity >= settings.min_clarity
        and clip.rows - abs(clip.lag) >= settings.stretch
    ]
    unseen = [t for t in kept if t.clip.person in settings.hold_out]
    sentences = [t for t in kept if t.clip.split == "test_sentence"]
    training = [t for t in kept if t.clip.split == "train" and t not in unseen]
    validation = unseen or sentences
    if not training or not validation:
        raise UsageError("the pack has no clips to train on, or none to validate on, so configured")
    return training, validation[:: -(-len(validation) // settings.validation_clips)]


class Sampler:
    """Random stretches of random people, in disguise."""

    def __init__(
        self, training: list[talks.Talk], settings: Settings, generator: np.random.Generator
    ) -> None:
        self._settings, self._random = settings, generator
        people: dict[str, list[talks.Talk]] = defaultdict(list)
        for talk in training:
            people[talk.clip.person].append(talk)
        self._people = list(people.values())
        rows = np.array([sum(len(t) for t in mine) for mine in self._people], np.float64)
        self._weights = rows**settings.balance / (rows**settings.balance).sum()

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Films (B W, T, 3, S, S) of B stretches with W films each, and sounds (B W, 80, steps)."""
        stretches = [self._stretch() for _ in range(self._settings.clips)]
        films, sounds = zip(*stretches, strict=True)
        return torch.cat(films).expand(-1, -1, 3, -1, -1), torch.cat(sounds)

    def _stretch(self) -> tuple[Tensor, Tensor]:
        random, network = self._random, self._settings.network
        mine = self._people[random.choice(len(self._people), p=self._weights)]
        talk = mine[random.integers(len(mine))]
        start = int(random.integers(len(talk) - self._settings.stretch + 1))
        part = slice(start, start + self._settings.stretch)
        films = film_windows(
            pseudo_people.disguise(talk.film(part), network.colour, random), network.frames
        )
        # What is heard before and after the stretch counts as well, where there is something.
        margin = -(-network.context // STEPS)
        first = max(0, start - margin)
        mel = talk.mel[first : part.stop + margin].astype(np.float32)
        voice = torch.from_numpy(pseudo_people.dub(mel.reshape(-1, mel.shape[-1]), random)).T
        sounds = sound_windows(voice, len(mel) - network.frames + 1, network)
        return films, sounds[start - first : start - first + len(films)]


def contrast(looked: Tensor, heard: Tensor, scale: Tensor, settings: Settings) -> dict[str, Tensor]:
    """Losses by name from embeddings (B W, E) of pairs in sync, "loss" their weighted sum."""
    table = scale * looked @ heard.T
    number = torch.arange(len(table), device=table.device)
    stretch = number // (len(table) // settings.clips)
    same = stretch[:, None] == stretch
    others = same & (number[:, None] != number)
    lowest = torch.finfo(table.dtype).min
    within, across = table.masked_fill(~same, lowest), table.masked_fill(others, lowest)
    losses = {
        name: (cross_entropy(part, number) + cross_entropy(part.T, number)) / 2
        for name, part in (("within", within), ("across", across))
    }
    return {"loss": losses["within"] + settings.across * losses["across"], **losses}


@torch.inference_mode()
def validate(network: SyncExpert, validation: list[talks.Talk], device: str) -> dict[str, float]:
    """Over whole clips: share of offsets within a frame, confidence, AUC of single films.

    A lag that lies beyond the ends of a clip counts as lost, so this AUC stays below one.
    """
    right, confidences, areas = [], [], []
    for talk in validation:
        mel = talk.mel.reshape(-1, talk.mel.shape[-1]).astype(np.float32).T
        matrix = similarity(network, talk.film(), mel, device=device)
        offset, confidence = offset_and_confidence(matrix)
        right.append(abs(offset) <= 1)
        confidences.append(confidence)
        middle = matrix.shape[1] // 2
        away = np.delete(matrix, np.arange(middle - 3, middle + 4), axis=1)
        areas.append(np.nanmean(matrix[:, middle, None] > away))
    return {
        "within_one": round(float(np.mean(right)), 4),
        "confidence": round(float(np.mean(confidences)), 4),
        "auc": round(float(np.mean(areas)), 4),
    }


def statement(
    settings: Settings, training: list[talks.Talk], step: int, found: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    clips: list[Clip] = [talk.clip for talk in training]
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in clips}),
        "people": len({clip.person for clip in clips}),
        "minutes": round(sum(len(talk) for talk in training) / 25 / 60, 1),
        "steps": step,
        "seed": settings.seed,
        "validation": found,
    }


if __name__ == "__main__":
    main()
