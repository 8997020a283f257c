"""How well a mouth goes with a sound, second by second, before and after dubbing.

By the simple scorer of ``metrics.sync``, on which no network is trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face.mouth_space import MouthSpace, canonical_opening
from avsynth.face.speaking import openings_of
from avsynth.media import MediaInfo, read_audio
from avsynth.metrics.sync import RATE, sync_over_time, vocal_drive
from avsynth.pipelines.acting import Actor
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.speech import Speech, minute_by_minute
from avsynth.reporting import Second

_SOUND_RATE = 16000


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
    grid = np.arange(len(drive)) / RATE
    coefficients = actor.style.from_units(actor.curve.at(grid))
    return _seconds(canonical_opening(space.shape(coefficients)), drive)


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
