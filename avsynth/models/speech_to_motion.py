"""Hours of speech -> mouth motion, in constant memory.

Sound is taken in windows that overlap by more than the network's reach, wherever the chunks end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from avsynth.errors import NothingToDoError
from avsynth.face.mouth_space import MouthSpace, PersonStyle, Poses, keep_lips_apart
from avsynth.models.motion import MotionConfig
from avsynth.speech import front_end as front_ends
from avsynth.speech.activity import voice_activity
from avsynth.speech.windows import Chunk, Windows

Floats = NDArray[np.float32]

_PAUSE = 0.6  # seconds of silence that leave the mouth to the network
_TOGETHER = 64  # windows
_CLOSING = 0.2  # seconds in which it then closes, and opens again


class Model(Protocol):
    """The part of ``avsynth.weights.LoadedModel`` that is needed here."""

    config: Any
    extras: dict[str, Tensor]

    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network."""


@dataclasses.dataclass(frozen=True)
class MotionCurve:
    """Motion over time: step k is the mouth at ``start + (k + 0.5) / rate`` seconds.

    ``coefficients`` (T, K) float32 are in units of a person (see ``PersonStyle``), ``presence``
    (T,) is 0 where the mouth is to be closed and 1 where it speaks, ``activity`` (T,) says how
    surely somebody speaks, 0..1.
    """

    rate: Fraction
    start: Fraction
    coefficients: Floats
    presence: Floats
    activity: Floats

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the steps in seconds (T,)."""
        steps = np.arange(len(self.coefficients), dtype=np.float64)
        return np.asarray(float(self.start) + (steps + 0.5) / float(self.rate), np.float64)

    def at(self, times: ArrayLike) -> Floats:
        """Motion at times in seconds (N,) -> (N, K + 1), the presence last; closed outside.

        By cubic interpolation. ``PersonStyle.from_units`` makes coefficients of it.
        """
        wanted = np.asarray(times, dtype=np.float64)
        count = len(self.coefficients)
        place = (wanted - float(self.start)) * float(self.rate) - 0.5
        inside = (place > -1) & (place < count)
        place = np.clip(place, -1, count) + 3
        left = np.minimum(place.astype(np.intp), count + 3)
        t = (place - left)[:, None].astype(np.float32)
        # What is near the times, not hours of it, with whole steps to spare.
        near = slice(max(0, left.min(initial=0) - 8), left.max(initial=0) + 8)
        values = np.concatenate([self.coefficients[near], self.presence[near, None]], axis=1)
        # Beyond each end one step of the same shape, closed; Catmull-Rom over four steps.
        padded = np.pad(values, ((3, 3), (0, 0)), mode="edge")
        padded[[0, 1, 2, -3, -2, -1], -1] = 0.0
        a, b, c, d = (padded[left - near.start + k] for k in (-1, 0, 1, 2))
        curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        curve[:, -1] = np.clip(curve[:, -1], 0, 1) * inside
        return np.asarray(curve, np.float32)


#: Rows of evidence against which a person's own way of moving is weighed. Chosen on held-out people
#: (see recipes/motion).
_HABIT = 100.0


@dataclasses.dataclass(frozen=True)
class Accent:
    """How a person's mouth departs from what the network makes of that person's own speech.

    Motion (T, K) in the person's units gains ``motion @ turn + shift``: ``turn`` (K, K), ``shift``
    (K,). It can be read off a source whose sound is the person's own speech.
    """

    turn: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def fit(cls, made: ArrayLike, real: ArrayLike, habit: float = _HABIT) -> Accent:
        """From motion (N, K) made of the person's speech and the real motion (N, K) with it.

        Both in the person's units and in sync; rows with NaN are left out. Ridge regression of
        their difference: with few rows, or a large ``habit``, hardly anything changes.
        """
        x, y = np.asarray(made, np.float64), np.asarray(real, np.float64)
        good = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
        heard = np.column_stack([x[good], np.ones(good.sum())])
        penalty = np.diag([habit] * x.shape[1] + [0.1 * habit])
        solved = np.linalg.solve(heard.T @ heard + penalty, heard.T @ (y - x)[good])
        return cls(solved[:-1], solved[-1])

    def apply(self, units: ArrayLike) -> NDArray[np.float64]:
        """Motion (T, K), or with the presence (T, K + 1), as the person would move."""
        values = np.array(units, np.float64)
        motion = values[..., : len(self.shift)]
        values[..., : len(self.shift)] = motion + motion @ self.turn + self.shift
        return values


class SpeechToMotion:
    """A loaded motion network with its speech front end.

    ``space`` is the mouth space its motion lives in. WeightsError when the front end that the
    weights were trained with is not installed.
    """

    def __init__(self, model: Model, device: str = "cpu") -> None:
        config: MotionConfig = model.config
        self._model = model
        self._front_end = front_ends.make(config.front_end, device)
        self.rate = config.rate
        self.space = MouthSpace.from_arrays({k: v.numpy() for k, v in model.extras.items()})

    def predict(self, audio: Iterable[Chunk]) -> MotionCurve:
        """Motion for 16 kHz mono chunks in order of time, without gaps.

        NothingToDoError when there is not a single sample. ValueError for another sample rate.
        """
        motions: list[Floats] = []
        presence: list[Floats] = []
        activity: list[Floats] = []
        windows = Windows(audio)
        for window in windows:
            features = self._front_end(window.samples, window.level)
            motion = self._model({"features": features[None]})["motion"][0].numpy()
            voiced = voice_activity(window.samples, self.rate, window.level)
            # Copies, and together now and then: what is kept of a window must not hold the rest of
            # it, nor lie scattered over memory that is free otherwise.
            motions.append(motion[window.used].copy())
            presence.append(_presence(voiced, self.rate)[window.used].copy())
            activity.append(voiced[window.used].copy())
            if len(motions) == _TOGETHER:
                motions, presence, activity = (
                    [np.concatenate(parts)] for parts in (motions, presence, activity)
                )
        if windows.start is None:
            raise NothingToDoError("the audio is empty")
        return MotionCurve(
            Fraction(self.rate),
            windows.start,
            np.concatenate(motions).astype(np.float32),
            np.concatenate(presence),
            np.concatenate(activity),
        )

    def targets(
        self, units: ArrayLike, style: PersonStyle, canonical: ArrayLike, poses: Poses
    ) -> NDArray[np.float64]:
        """Image points (T, M, 2) of MOUTH_JAW for motion ``units`` in T frames' ``poses``.

        ``units`` (T, K + 1) is what ``MotionCurve.at`` gives at the times of the frames.
        ``canonical`` (N, M, 3) are mouths of the person, from ``align``: what the space cannot say
        of them, on average, is the person's identity. See ``MouthSpace.displace`` for keeping the
        detail of each source frame instead.
        """
        residual = self.space.residual(canonical)
        identity = residual[np.isfinite(residual).all(axis=(1, 2))].mean(axis=0)
        shape = self.space.shape(style.from_units(units)) + identity
        return poses.to_image(keep_lips_apart(shape))[..., :2]


def _presence(voiced: Floats, rate: int) -> Floats:
    """Voice activity (T,) -> presence (T,): 0 in silence, 1 in speech and its short pauses.

    People seldom close their mouths in a pause of half a second, and the network knows when.
    """
    hold, width = round(_PAUSE * rate / 2), round(_CLOSING * rate)
    held = np.lib.stride_tricks.sliding_window_view(np.pad(voiced, hold), 2 * hold + 1)
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(held.max(axis=1), width, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid").astype(np.float32)
