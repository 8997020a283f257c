"""How well a mouth goes with a sound, second by second, before and after dubbing.

By the simple scorer of ``metrics.sync``, on which no network is trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face.mouth_space import MouthSpace, PersonStyle, canonical_opening
from avsynth.face.speaking import openings_of
from avsynth.media import MediaInfo, read_audio
from avsynth.metrics.sync import RATE, sync_over_time, vocal_drive
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.pipelines.acting import Actor
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.speech import Speech, minute_by_minute
from avsynth.reporting import Second

_SOUND_RATE = 16000
_BLOCK = 2048  # mouths


def sync_before(video: Path, info: MediaInfo, actor: Actor, analysis: Analysis) -> list[Second]:
    """The original mouth against the original sound; empty when there is none."""
    if not info.audio:
        return []
    drive = minute_by_minute(read_audio(video, _SOUND_RATE), vocal_drive)
    times = analysis.pts * float(analysis.time_base)
    frames, values = openings_of(analysis.tracks, actor.track)
    at = times[frames]
    grid = np.arange(len(drive)) / RATE
    openings = np.interp(grid, at, values)
    away = np.abs(at[np.clip(np.searchsorted(at, grid), 0, len(at) - 1)] - grid)
    openings[(away > 0.2) | (grid < at[0]) | (grid > at[-1])] = np.nan
    return _seconds(openings, drive)


def sync_after(speech: Speech, actor: Actor, space: MouthSpace) -> list[Second]:
    """The mouth that was asked for against the new sound."""
    drive = minute_by_minute(read_audio(speech.path, _SOUND_RATE), vocal_drive)
    return _seconds(openings_wanted(actor.curve, actor.style, space, len(drive)), drive)


def openings_wanted(
    curve: MotionCurve, style: PersonStyle, space: MouthSpace, count: int
) -> NDArray[np.float64]:
    """Openings (count,), 25 a second, of the mouth that is asked for.

    Whole mouths, some three kilobytes each, are held for a minute or so alone.
    """
    openings = np.empty(count)
    for first in range(0, count, _BLOCK):
        grid = np.arange(first, min(first + _BLOCK, count)) / RATE
        coefficients = style.from_units(curve.at(grid))
        openings[first : first + _BLOCK] = canonical_opening(space.shape(coefficients))
    return openings


def _seconds(openings: NDArray[np.float64], drive: NDArray[np.float64]) -> list[Second]:
    curve = sync_over_time(openings, drive)
    return [
        Second(
            time=round(float(time), 3),
            offset=None if np.isnan(offset) else round(float(offset), 3),
            confidence=None if np.isnan(confidence) else round(float(confidence), 3),
        )
        for time, offset, confidence in zip(
            curve.times, curve.offset, curve.confidence, strict=True
        )
    ]
