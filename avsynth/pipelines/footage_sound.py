"""Footage as takes: what is heard and how the mouth moves then, put on one clock.

A film's sound may be early or late, or not its own at all: where the mouth goes with it is found by
comparing it with the mouth that the base network hears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.face.mouth_space import MouthSpace
from avsynth.media import read_audio
from avsynth.metrics import sync
from avsynth.models.motion import MotionNetwork
from avsynth.pipelines.footage import Face, Film
from avsynth.pipelines.speech import from_zero
from avsynth.speech.activity import voice_activity
from avsynth.speech.front_end import FrontEnd
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.windows import Windows
from avsynth.training.adapt_motion import RATE, Take
from avsynth.training.adapt_scores import opening_direction

Floats = NDArray[np.float64]

_JOINED = 0.15  # seconds between frames over which a mouth is interpolated
_BEFORE_AND_AFTER = RATE // 2  # rows around speech that are learnt from too
_SHORTEST = RATE  # rows of a take
# Correlation from which mouth and sound belong together, in long films and over the square root of
# the rows of short ones; and how much of that it has to be above that of most lags. Of LRW-AR's
# people and two research clips, whom the network never heard, this takes 10 s of speech for their
# own in 97 % and for another moment's in 1 %.
_CLEAR, _CLEAR_IN_FEW, _STANDS_OUT = 0.25, 3.5, 0.8


@dataclass(frozen=True)
class Heard:
    """The sound of a film, 25 rows a second: row k is centred on (k + 0.5) / 25 seconds.

    ``features`` float32 (T, P) are projected; ``motion`` (T, K) is what the base network makes of
    them, ``speaking`` bool (T,).
    """

    features: NDArray[np.float32]
    motion: Floats
    speaking: NDArray[np.bool_]

    @property
    def times(self) -> Floats:
        """Seconds (T,)."""
        return np.asarray((np.arange(len(self.features)) + 0.5) / RATE, np.float64)


@dataclass(frozen=True)
class Sync:
    """How a film's mouth and sound go together: the mouth comes ``lag`` rows after the sound, where
    they correlate by ``clarity``; ``clear`` says whether to believe it."""

    lag: int
    clarity: float
    clear: bool


@torch.inference_mode()
def hear(film: Film, network: MotionNetwork, front_end: FrontEnd) -> Heard:
    """The sound of a film through the network's own ears."""
    features, motion, voiced = [], [], []
    for window in Windows(from_zero(read_audio(film.path, SAMPLE_RATE))):
        projected = network.project(front_end(window.samples, window.level)[None])
        features.append(projected[0].numpy()[window.used])
        motion.append(network.move(projected)[0].numpy()[window.used])
        voiced.append(voice_activity(window.samples, RATE, window.level)[window.used])
    if not features:
        width = network.config.projected, network.config.coefficients
        return Heard(
            np.zeros((0, width[0]), np.float32), np.zeros((0, width[1])), np.zeros(0, np.bool_)
        )
    return Heard(
        np.concatenate(features), np.concatenate(motion).astype(np.float64),
        np.concatenate(voiced) > 0.5,
    )  # fmt: skip


@dataclass(frozen=True)
class Mouth:
    """The mouth at given times: coefficients (T, K) and openings (T,), NaN where it is not seen."""

    coefficients: Floats
    openings: Floats

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Where it is, (T,)."""
        return np.isfinite(self.openings)


def mouth_at(film: Film, faces: list[Face], times: Floats) -> Mouth:
    """The subject's mouth at ``times`` (T,), between frames by linear interpolation."""
    width = faces[0].coefficients.shape[1]
    coefficients, openings = np.full((len(times), width), np.nan), np.full(len(times), np.nan)
    for face in faces:
        at = film.times[face.frames]
        right = np.clip(np.searchsorted(at, times), 1, max(len(at) - 1, 1))
        if len(at) < 2:
            continue
        left = right - 1
        inside = (times >= at[0]) & (times <= at[-1]) & (at[right] - at[left] <= _JOINED)
        inside &= face.usable[left] & face.usable[right]
        share = ((times - at[left]) / (at[right] - at[left]))[inside]
        a, b = left[inside], right[inside]
        openings[inside] = face.openings[a] * (1 - share) + face.openings[b] * share
        both = face.coefficients[a], face.coefficients[b]
        coefficients[inside] = both[0] * (1 - share[:, None]) + both[1] * share[:, None]
    return Mouth(coefficients, openings)


def in_sync(heard: Heard, mouth: Mouth, space: MouthSpace) -> Sync:
    """By how much the ``mouth`` at the times of ``heard`` is late.

    The mean over two signals, the opening and the first component, of their correlation with what
    the network expects, as in the motion recipe.
    """
    expected = heard.motion @ opening_direction(space), heard.motion[:, 0]
    real = mouth.openings, mouth.coefficients[:, 0]
    curve = np.mean([sync.lag_curve(e, r) for e, r in zip(expected, real, strict=True)], axis=0)
    place = int(curve.argmax())
    clarity = float(curve[place])
    limit = max(_CLEAR, _CLEAR_IN_FEW / max(float(mouth.seen.sum()), 1.0) ** 0.5)
    clear = clarity >= limit and clarity - float(np.median(curve)) >= _STANDS_OUT * limit
    return Sync(place - sync.MAX_LAG, round(clarity, 3), clear)


def takes_of(heard: Heard, mouth: Mouth) -> list[Take]:
    """Stretches in which the mouth is seen while there is speech, or nearly."""
    reach = _BEFORE_AND_AFTER
    padded = np.pad(heard.speaking, reach)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).any(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[False, near & mouth.seen, False].astype(int)))
    return [
        Take(heard.features[a:b], mouth.coefficients[a:b], mouth.openings[a:b], heard.speaking[a:b])
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if b - a >= _SHORTEST
    ]
