"""Pack -> windows of sound and motion, sync-corrected, disturbed, by person."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from configuration import Settings
from numpy.typing import NDArray
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.models.motion import MotionNetwork
from avsynth.training.pack import Clip, Pack
from avsynth.weights import file as weights_file

Floats = NDArray[np.float32]
People = list[list["Example"]]


@dataclasses.dataclass
class Example:
    """One clip: feature versions [(T, P)], motion to learn (T, K) in the person's units, and the
    real one (T, K), None for sound alone."""

    clip: Clip
    heard: list[Floats]
    motion: Floats
    real: Floats | None


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
        heard = [pack.rows(clip, name) for name in copies]
        motion = motions.get((clip.source, clip.name))
        if held_out and motion is not None:
            validation.append(corrected(clip, heard, motion))
        if clip.split != "train" or held_out or clip.clarity < settings.min_clarity:
            continue
        taught = imitated.get((clip.source, clip.name))
        if motion is not None:
            training.append(corrected(clip, heard, motion, taught, settings.teacher_share))
        elif taught is not None:
            training.append(Example(clip, [h.astype(np.float32) for h in heard], taught, None))
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
    clip: Clip,
    heard: list[NDArray[np.generic]],
    motion: NDArray[np.float64],
    taught: Floats | None = None,
    share: float = 0.0,
) -> Example:
    """Sound and mouth moved onto each other, ``share`` of the target from a teacher (T, K)."""
    lag, rows = clip.lag, clip.rows
    sound = slice(0, rows - lag) if lag >= 0 else slice(-lag, rows)
    mouth = slice(lag, rows) if lag >= 0 else slice(0, rows + lag)
    versions = [version[sound].astype(np.float32) for version in heard]
    real = motion[mouth].astype(np.float32)
    target = real if taught is None else share * taught[sound] + (1 - share) * real
    return Example(clip, versions, target, real)


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


def by_person(examples: list[Example], balance: float) -> tuple[People, NDArray[np.float64]]:
    """Examples person by person, and how often each is drawn: by rows to the power ``balance``."""
    people: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        people[example.clip.person].append(example)
    found = list(people.values())
    rows = np.array([sum(len(e.motion) for e in mine) for mine in found], np.float64)
    return found, rows**balance / (rows**balance).sum()


class Sampler:
    """Random windows of random people, disturbed."""

    def __init__(
        self, examples: list[Example], settings: Settings, generator: np.random.Generator
    ) -> None:
        self._settings, self._random = settings, generator
        self._all = by_person(examples, settings.balance)
        self._real = by_person([e for e in examples if e.real is not None], settings.balance)

    def __call__(self) -> dict[str, Tensor]:
        """A batch: heard (B, T, P), motion (B, T, K), mask (B, T)."""
        s, random = self._settings, self._random
        windows = [self._window() for _ in range(s.batch)]
        heard, motion, mask = (np.stack(part) for part in zip(*windows, strict=True))
        heard = self._disturbed(heard)
        if s.mixup > 0:
            share = random.beta(s.mixup, s.mixup, (s.batch, 1, 1)).astype(np.float32)
            other = random.permutation(s.batch)
            heard = share * heard + (1 - share) * heard[other]
            motion = share * motion + (1 - share) * motion[other]
            mask = mask * mask[other]
        parts = {"heard": heard, "motion": motion, "mask": mask}
        return {name: torch.from_numpy(value) for name, value in parts.items()}

    def pairs(self, length: int, batch: int) -> dict[str, Tensor]:
        """A batch for a discriminator, real motion alone, nothing mixed: as above, and ``other``
        (B, T, K), the motion of the same person at another moment, masked as the rest."""
        random = self._random
        windows = []
        for _ in range(batch):
            mine, example = self._example(*self._real)
            heard, motion = self._at_some_tempo(example, example.real)
            start = self._start(motion, length)
            spare = len(motion) - length
            shifts = [k for k in (*range(-25, -3), *range(4, 26)) if 0 <= start + k <= spare]
            if shifts:
                elsewhere, moment = motion, start + shifts[random.integers(len(shifts))]
            else:
                elsewhere = mine[random.integers(len(mine))].real
                moment = self._start(elsewhere, length)
            cut = slice(start, start + length)
            parts = heard[cut], motion[cut], elsewhere[moment : moment + length]
            shortest = min(len(part) for part in parts)
            mask = np.ones((shortest, 1), np.float32)
            windows.append([_padded(part[:shortest], length) for part in (*parts, mask)])
        heard, motion, other, mask = (np.stack(part) for part in zip(*windows, strict=True))
        heard = self._disturbed(heard)
        named = {"heard": heard, "motion": motion, "other": other, "mask": mask[..., 0]}
        return {name: torch.from_numpy(value) for name, value in named.items()}

    def _disturbed(self, heard: Floats) -> Floats:
        s, random = self._settings, self._random
        heard = heard + s.noise * random.standard_normal(heard.shape, np.float32)
        kept = random.random((len(heard), 1, heard.shape[2])) >= s.channel_dropout
        return np.asarray(heard * kept, np.float32)

    def _example(
        self, people: People, weights: NDArray[np.float64]
    ) -> tuple[list[Example], Example]:
        mine = people[self._random.choice(len(people), p=weights)]
        return mine, mine[self._random.integers(len(mine))]

    def _at_some_tempo(self, example: Example, motion: Floats) -> tuple[Floats, Floats]:
        random = self._random
        heard = example.heard[random.integers(len(example.heard))]
        if self._settings.stretch > 0 and random.random() < 0.7:
            tempo = np.exp(random.uniform(-1, 1) * self._settings.stretch)
            heard, motion = stretched(heard, tempo), stretched(motion, tempo)
        return heard, motion

    def _start(self, motion: Floats, length: int) -> int:
        return int(self._random.integers(max(1, len(motion) - length + 1)))

    def _window(self) -> tuple[Floats, Floats, Floats]:
        length = self._settings.window
        example = self._example(*self._all)[1]
        heard, motion = self._at_some_tempo(example, example.motion)
        start = self._start(motion, length)
        heard, motion = heard[start : start + length], motion[start : start + length]
        mask = np.ones((len(motion), 1), np.float32)
        return _padded(heard, length), _padded(motion, length), _padded(mask, length)[:, 0]


def _padded(rows: Floats, length: int) -> Floats:
    return np.pad(rows, ((0, length - len(rows)), (0, 0)))


def stretched(values: Floats, tempo: float) -> Floats:
    """Rows (T, D) at another tempo (T / tempo, D), linearly interpolated."""
    places = np.minimum(np.arange(int(len(values) / tempo)) * tempo, len(values) - 1)
    left = np.minimum(places.astype(np.intp), len(values) - 2)
    share = (places - left)[:, None].astype(np.float32)
    return values[left] * (1 - share) + values[left + 1] * share
