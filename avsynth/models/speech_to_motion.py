"""Hours of speech -> mouth motion, in constant memory.

Sound is taken in windows that overlap by more than the network's reach, so the motion does not
depend on how the sound was cut into chunks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from avsynth.errors import NothingToDoError
from avsynth.face.mouth_space import MouthSpace, PersonStyle, Poses, keep_lips_apart
from avsynth.models.motion import MotionConfig
from avsynth.speech import front_end as front_ends
from avsynth.speech.activity import speech_level, voice_activity
from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]
STEP = front_ends.STEP

WINDOW = 10 * front_ends.RATE  # steps whose motion is kept from one window
CONTEXT = front_ends.RATE  # steps heard to either side of them
_PAUSE = 0.6  # seconds of silence that leave the mouth to the network
_CLOSING = 0.2  # seconds in which it then closes, and opens again


class Chunk(Protocol):
    """The part of an audio chunk that is needed here (see ``avsynth.media.AudioChunk``)."""

    @property
    def time(self) -> Fraction:
        """Time of the first sample, seconds."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    @property
    def samples(self) -> Floats:
        """Mono samples (n,)."""


class Model(Protocol):
    """The part of ``avsynth.weights.LoadedModel`` that is needed here."""

    config: Any
    extras: dict[str, Tensor]

    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network."""


@dataclasses.dataclass(frozen=True)
class MotionCurve:
    """Motion over time: step k is the mouth at ``start + (k + 0.5) / rate`` seconds.

    ``coefficients`` (T, K) float32 are person-normalised (0 is the closed mouth), ``activity``
    (T,) says how surely somebody speaks, 0..1.
    """

    rate: Fraction
    start: Fraction
    coefficients: Floats
    activity: Floats

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the steps in seconds (T,)."""
        steps = np.arange(len(self.coefficients), dtype=np.float64)
        return np.asarray(float(self.start) + (steps + 0.5) / float(self.rate), np.float64)

    def at(self, times: ArrayLike) -> Floats:
        """Motion at times in seconds (N,) -> (N, K), by cubic interpolation; closed outside."""
        wanted = np.asarray(times, dtype=np.float64)
        if not len(self.coefficients):
            return np.zeros((len(wanted), self.coefficients.shape[1]), np.float32)
        place = (wanted - float(self.start)) * float(self.rate) - 0.5
        inside = (place > -1) & (place < len(self.coefficients))
        # One closed step beyond each end, then Catmull-Rom over the four nearest steps.
        padded = np.pad(self.coefficients, ((3, 3), (0, 0)))
        place = np.clip(place, -1, len(self.coefficients)) + 3
        left = np.minimum(place.astype(np.intp), len(padded) - 3)
        t = (place - left)[:, None].astype(np.float32)
        a, b, c, d = (padded[left + k] for k in (-1, 0, 1, 2))
        curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        return np.where(inside[:, None], curve, 0.0).astype(np.float32)


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
        start: Fraction | None = None
        units: list[Floats] = []
        activity: list[Floats] = []
        level = 0.0
        stream = _Stream(audio)
        for window, before, kept in stream.windows():
            start = stream.start
            # The recent past counts, half as much a window: a pause is not made loud.
            level = max(speech_level(window), level / 2)
            features = self._front_end(window, level)
            motion = self._model({"features": features[None]})["motion"][0].numpy()
            voiced = voice_activity(window, self.rate, level)
            gate = _gate(voiced, self.rate)
            units.append((motion * gate[:, None])[before : before + kept])
            activity.append(voiced[before : before + kept])
        if start is None:
            raise NothingToDoError("the audio is empty")
        return MotionCurve(
            Fraction(self.rate),
            start,
            np.concatenate(units).astype(np.float32),
            np.concatenate(activity),
        )

    def targets(
        self,
        units: ArrayLike,
        style: PersonStyle,
        canonical: ArrayLike,
        poses: Poses,
        detail: float = 0.0,
    ) -> NDArray[np.float64]:
        """Image points (T, M, 2) of MOUTH_JAW for motion ``units`` (T, K) on a source track.

        ``canonical`` (T, M, 3) and ``poses`` come from ``align`` of the source's landmarks. The
        person's identity is what the space cannot say of them, averaged over the track; with
        ``detail`` 1 each frame keeps its own instead (0..1).
        """
        residual = self.space.residual(canonical)
        seen = np.asarray(np.isfinite(residual).all(axis=(1, 2)))
        own = np.where(seen[:, None, None], residual, 0.0)
        mean = own.sum(axis=0) / max(int(seen.sum()), 1)
        shape = self.space.shape(style.from_units(units)) + mean + detail * (residual - mean)
        return poses.to_image(keep_lips_apart(shape))[..., :2]


def _gate(voiced: Floats, rate: int) -> Floats:
    """Voice activity (T,) as a gain on motion: 0 in silence, 1 in speech and its short pauses.

    People seldom close their mouths in a pause of half a second, and the network knows when.
    """
    hold, width = round(_PAUSE * rate / 2), round(_CLOSING * rate)
    held = np.lib.stride_tricks.sliding_window_view(np.pad(voiced, hold), 2 * hold + 1)
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(held.max(axis=1), width, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid").astype(np.float32)


class _Stream:
    """Chunks -> overlapping windows of whole steps, holding one window at a time."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = iter(chunks)
        self.start: Fraction | None = None

    def windows(self) -> Iterator[tuple[Floats, int, int]]:
        """Windows of samples, with the steps to skip at their start and the steps to keep."""
        held = np.zeros(0, np.float32)
        before = 0
        whole = (WINDOW + CONTEXT) * STEP
        for samples in self._samples():
            held = np.concatenate([held, samples])
            while len(held) >= before * STEP + whole:
                yield held[: before * STEP + whole], before, WINDOW
                drop = before + WINDOW - CONTEXT
                held, before = held[drop * STEP :], CONTEXT
        left = len(held) - before * STEP
        if self.start is not None and left > 0:
            steps = -(-left // STEP)
            padded = np.pad(held, (0, (before + steps) * STEP - len(held)))
            yield padded, before, steps

    def _samples(self) -> Iterator[Floats]:
        for chunk in self._chunks:
            if chunk.rate != SAMPLE_RATE:
                raise ValueError(f"motion is made from {SAMPLE_RATE} Hz sound, not {chunk.rate}")
            if self.start is None and len(chunk.samples):
                self.start = chunk.time
            yield np.nan_to_num(chunk.samples, posinf=0.0, neginf=0.0).astype(np.float32)
