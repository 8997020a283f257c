"""Train a motion network on a pack.

    python recipes/motion/train.py --pack packs/motion --config recipes/motion/config.yaml \
        --out runs/motion-small

Needs torch, numpy, safetensors, pydantic and PyYAML, no media library. Deterministic under its
seed; interrupted, the same command goes on at the step of the last checkpoint. Writes log.jsonl,
checkpoint.safetensors, and NAME.safetensors (half precision, with config, mouth space and data
statement) from the averaged weights at the end, or (``keep: best``) when they validated best.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load_file
from torch import Tensor, nn

from avsynth.errors import UsageError
from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.training import checkpoint
from avsynth.training.ema import Ema
from avsynth.training.pack import Clip, Pack
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file

Floats = NDArray[np.float32]


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: MotionConfig
    copies: int = Field(0, ge=0, description="disturbed versions of the sound to hear as well")
    hold_out: tuple[str, ...] = ()
    min_clarity: float = Field(0.2, description="clips whose sync is less clear are left out")
    steps: int = Field(800, gt=0)
    batch: int = Field(32, gt=0)
    window: int = Field(50, gt=0, description="rows")
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    noise: float = Field(0.3, description="deviation of Gaussian noise on projected features")
    channel_dropout: float = 0.1
    stretch: float = Field(0.2, description="largest change of tempo, natural logarithm")
    mixup: float = Field(0.4, description="beta of mixing pairs of windows; 0: none")
    balance: float = Field(0.6, description="weight of a person: rows to this power")
    opening_weight: float = 1.0
    velocity_weight: float = 1.0
    teacher: Path | None = Field(None, description="weights whose motion is imitated as well")
    teacher_share: float = Field(0.5, description="of the target, where there is a real one")
    validate_every: int = Field(200, gt=0)
    patience: int = Field(4, gt=0, description="validations without a better one before stopping")
    keep: Literal["best", "last"] = Field("last", description="the averaged weights to write")
    threads: int = Field(1, gt=0, description="processor threads; so small a network wants one")
    seed: int = 0


@dataclasses.dataclass
class Example:
    """One clip: feature versions [(T, P)], motion (T, K) in the person's units."""

    clip: Clip
    heard: list[Floats]
    motion: Floats


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override")
    options = parser.parse_args()
    values = yaml.safe_load(options.config.read_text("utf-8"))
    values |= {k: yaml.safe_load(v) for k, _, v in (pair.partition("=") for pair in options.set)}
    train(Settings.model_validate(values), options.pack, options.out, options.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    generator = seed_everything(settings.seed)
    torch.set_num_threads(settings.threads)
    statistics = load_file(folder / "statistics.safetensors")
    space = MouthSpace.from_arrays(statistics)
    network = build(settings.network, statistics).to(device)
    if settings.network.coefficients != space.size:
        raise UsageError(f"network.coefficients must be {space.size}, as in the pack")
    training, validation = load_examples(settings, folder, space)
    loss_of = MotionLoss(space, settings).to(device)
    ema = Ema(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    log = RunLog(out)
    saved, kept = out / "checkpoint.safetensors", out / "kept.safetensors"
    step, best, waited = 0, -1.0, 0
    if saved.is_file():
        networks: dict[str, nn.Module] = {"network": network, "ema": ema.average}
        step, notes = checkpoint.resume(saved, networks, optimizer, generator)
        best, waited = notes["best"], notes["waited"]
        log.truncate(step)
    draw = Sampler(training, settings, generator)
    began = time.monotonic()
    while step < settings.steps and waited < settings.patience:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = schedule(step, settings)
        network.train()
        batch = {name: value.to(device) for name, value in draw().items()}
        losses = loss_of(network.move(batch["heard"]), batch["motion"], batch["mask"])
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        ema.update(network, step)
        log.write(step, **{name: round(float(v.detach()), 6) for name, v in losses.items()})
        if step % settings.validate_every == 0 or step == settings.steps:
            score = validate(ema.average, validation, space, device)
            log.write(step, validation=score, seconds=round(time.monotonic() - began, 1))
            print(f"{settings.name} step {step} validation {score:.4f}", flush=True)
            best, waited = (score, 0) if score > best else (best, waited + 1)
            if waited == 0 or settings.keep == "last":
                data = statement(settings, training, step, score)
                extras = {k: torch.from_numpy(v) for k, v in space.arrays().items()}
                weights_file.write(kept, "motion", ema.average, settings.network, extras, data)
            networks = {"network": network, "ema": ema.average}
            notes = {"best": best, "waited": waited}
            checkpoint.save(saved, step, networks, optimizer, generator, notes)
    final = out / f"{settings.name}.safetensors"
    final.write_bytes(kept.read_bytes())
    return final


def build(config: MotionConfig, statistics: dict[str, Floats]) -> MotionNetwork:
    """An untrained network that holds the pack's projection of its front end."""
    network = MotionNetwork(config)
    network.mean.copy_(torch.from_numpy(statistics[f"{config.front_end}.mean"]))
    network.directions.copy_(torch.from_numpy(statistics[f"{config.front_end}.directions"]))
    return network


def schedule(step: int, settings: Settings) -> float:
    """Learning rate: 100 steps of warm-up, then a half cosine down to nothing."""
    warm = min(1.0, step / min(100, settings.steps))
    return settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))


def load_examples(
    settings: Settings, folder: Path, space: MouthSpace
) -> tuple[list[Example], list[Example]]:
    """Training and validation clips that the settings allow, sync-corrected."""
    front_end = settings.network.front_end
    copies = [front_end, *(f"{front_end}_{k + 1}" for k in range(settings.copies))]
    names = {"coefficients", "opening", *copies, *(["whisper"] if settings.teacher else [])}
    pack = Pack.open(folder, sorted(names))
    allowed = [
        clip
        for clip in pack.index.clips
        if settings.purpose == "research" or clip.purpose == "commercial"
    ]
    motions = motions_of(pack, allowed, space)
    imitated = imitate(settings, pack, allowed) if settings.teacher else {}
    training, validation = [], []
    for clip in allowed:
        held_out = clip.split == "dev" or clip.person in settings.hold_out
        motion = motions.get((clip.source, clip.name))
        example = corrected(clip, [pack.rows(clip, name) for name in copies], motion)
        if held_out and example is not None:
            validation.append(example)
        if clip.split != "train" or held_out:
            continue
        if example is not None and clip.clarity < settings.min_clarity:
            continue
        if settings.teacher:
            teacher = imitated[clip.source, clip.name]
            blended = teacher
            if motion is not None:
                shifted = np.roll(motion, -clip.lag, axis=0)
                share = settings.teacher_share
                blended = share * teacher + (1 - share) * shifted
            heard = [pack.rows(clip, name).astype(np.float32) for name in copies]
            example = Example(clip, heard, blended.astype(np.float32))
        if example is not None:
            training.append(example)
    if not training or not validation:
        raise UsageError("the pack has no clips to train on, or none to validate on, so configured")
    return training, validation


def motions_of(
    pack: Pack, clips: list[Clip], space: MouthSpace
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Motion (T, K) of every clip with a face, in the units of its person."""
    people: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if np.isfinite(pack.rows(clip, "opening")).any():
            people[clip.person].append(clip)
    motions = {}
    for mine in people.values():
        coefficients = np.concatenate([pack.rows(clip, "coefficients") for clip in mine])
        openings = np.concatenate([pack.rows(clip, "opening") for clip in mine])
        style = PersonStyle.from_coefficients(coefficients, openings, space.deviation)
        for clip in mine:
            motions[clip.source, clip.name] = style.to_units(pack.rows(clip, "coefficients"))
    return motions


def corrected(
    clip: Clip, heard: list[NDArray[np.generic]], motion: NDArray[np.float64] | None
) -> Example | None:
    """Sound and mouth moved onto each other; None for sound alone."""
    if motion is None:
        return None
    lag, rows = clip.lag, clip.rows
    sound = slice(0, rows - lag) if lag >= 0 else slice(-lag, rows)
    mouth = slice(lag, rows) if lag >= 0 else slice(0, rows + lag)
    versions = [version[sound].astype(np.float32) for version in heard]
    return Example(clip, versions, motion[mouth].astype(np.float32))


def imitate(settings: Settings, pack: Pack, clips: list[Clip]) -> dict[tuple[str, str], Floats]:
    """The teacher's motion (T, K) for every clip, from its Whisper features."""
    assert settings.teacher is not None
    teacher = weights_file.read(settings.teacher).network
    assert isinstance(teacher, MotionNetwork)
    with torch.inference_mode():
        return {
            (clip.source, clip.name): teacher.move(
                torch.from_numpy(pack.rows(clip, "whisper").astype(np.float32))[None]
            )[0].numpy()
            for clip in clips
        }


class Sampler:
    """Random windows of random people, disturbed."""

    def __init__(
        self, examples: list[Example], settings: Settings, generator: np.random.Generator
    ) -> None:
        self._settings, self._random = settings, generator
        people: dict[str, list[Example]] = defaultdict(list)
        for example in examples:
            people[example.clip.person].append(example)
        self._people = list(people.values())
        rows = np.array([sum(len(e.motion) for e in mine) for mine in self._people], np.float64)
        self._weights = rows**settings.balance / (rows**settings.balance).sum()

    def __call__(self) -> dict[str, Tensor]:
        """A batch: heard (B, T, P), motion (B, T, K), mask (B, T)."""
        s, random = self._settings, self._random
        windows = [self._window() for _ in range(s.batch)]
        heard, motion, mask = (np.stack(part) for part in zip(*windows, strict=True))
        heard += s.noise * random.standard_normal(heard.shape, np.float32)
        heard *= random.random((s.batch, 1, heard.shape[2])) >= s.channel_dropout
        if s.mixup > 0:
            share = random.beta(s.mixup, s.mixup, (s.batch, 1, 1)).astype(np.float32)
            other = random.permutation(s.batch)
            heard = share * heard + (1 - share) * heard[other]
            motion = share * motion + (1 - share) * motion[other]
            mask = mask * mask[other]
        parts = {"heard": heard, "motion": motion, "mask": mask}
        return {name: torch.from_numpy(value) for name, value in parts.items()}

    def _window(self) -> tuple[Floats, Floats, Floats]:
        random, length = self._random, self._settings.window
        mine = self._people[random.choice(len(self._people), p=self._weights)]
        example = mine[random.integers(len(mine))]
        heard, motion = example.heard[random.integers(len(example.heard))], example.motion
        if self._settings.stretch > 0 and random.random() < 0.7:
            tempo = np.exp(random.uniform(-1, 1) * self._settings.stretch)
            heard, motion = stretched(heard, tempo), stretched(motion, tempo)
        start = int(random.integers(max(1, len(motion) - length + 1)))
        heard, motion = heard[start : start + length], motion[start : start + length]
        short = length - len(motion)
        mask = np.pad(np.ones(len(motion), np.float32), (0, short))
        return np.pad(heard, ((0, short), (0, 0))), np.pad(motion, ((0, short), (0, 0))), mask


def stretched(values: Floats, tempo: float) -> Floats:
    """Rows (T, D) at another tempo (T / tempo, D), linearly interpolated."""
    places = np.minimum(np.arange(int(len(values) / tempo)) * tempo, len(values) - 1)
    left = np.minimum(places.astype(np.intp), len(values) - 2)
    share = (places - left)[:, None].astype(np.float32)
    return values[left] * (1 - share) + values[left + 1] * share


class MotionLoss(nn.Module):
    """Positions (Huber) and velocities (L1) of coefficients by their size, and the opening (L1)."""

    def __init__(self, space: MouthSpace, settings: Settings) -> None:
        super().__init__()
        top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
        opens = (space.components[:, bottom, 1] - space.components[:, top, 1]) * space.deviation
        self.settings = settings
        self.size: Tensor
        self.opens: Tensor
        self.register_buffer("size", _tensor(space.deviation / space.deviation[0]))
        self.register_buffer("opens", _tensor(opens / np.linalg.norm(opens)))

    def forward(self, motion: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Predicted and true motion (B, T, K), mask (B, T) -> losses by name, "loss" their sum."""
        huber = nn.functional.smooth_l1_loss(
            motion * self.size, truth * self.size, reduction="none", beta=0.3
        )
        position = (huber * mask[..., None]).sum() / mask.sum()
        error = motion - truth
        opening = ((error @ self.opens).abs() * mask).sum() / mask.sum()
        both = mask[:, 1:] * mask[:, :-1]
        change = ((error[:, 1:] - error[:, :-1]) * self.size).abs()
        velocity = (change * both[..., None]).sum() / both.sum()
        total = (
            position
            + self.settings.opening_weight * opening
            + self.settings.velocity_weight * velocity
        )
        return {"loss": total, "position": position, "opening": opening, "velocity": velocity}


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


@torch.inference_mode()
def validate(
    network: MotionNetwork, examples: list[Example], space: MouthSpace, device: str
) -> float:
    """Mean over held-out people of the correlation of opening and first component, averaged."""
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    opens = (space.components[:, bottom, 1] - space.components[:, top, 1]) * space.deviation
    scores: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        heard = torch.from_numpy(example.heard[0])[None].to(device)
        motion = network.move(heard)[0].float().cpu().numpy()
        for signal in (opens, np.eye(len(opens))[0]):
            pair = np.corrcoef(motion @ signal, example.motion @ signal)
            scores[example.clip.person].append(float(np.nan_to_num(pair[0, 1])))
    return round(float(np.mean([np.mean(values) for values in scores.values()])), 4)


def statement(
    settings: Settings, examples: list[Example], step: int, score: float
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    people = sorted({example.clip.person for example in examples})
    minutes = sum(len(example.motion) for example in examples) / 25 / 60
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({example.clip.licence for example in examples}),
        "people": len(people),
        "minutes": round(minutes, 1),
        "steps": step,
        "seed": settings.seed,
        "validation": score,
    }


if __name__ == "__main__":
    main()
