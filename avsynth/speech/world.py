"""Speech taken apart and put together again by WORLD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import load_world, pitch_track

Floats = NDArray[np.float32]

_HOP = 80  # samples: 5 ms


def world_copy(sound: Floats) -> Floats:
    """16 kHz samples (N,) by CheapTrick, D4C and WORLD's synthesis (Morise et al. 2016): (N,).

    Steps of 5 ms; the pitch is ``pitch_track``'s.
    """
    world = load_world()
    samples = sound.astype(np.float64)
    pitch = pitch_track(sound, _HOP).astype(np.float64)
    times = np.arange(len(pitch)) * _HOP / SAMPLE_RATE
    parts = [f(samples, pitch, times, SAMPLE_RATE) for f in (world.cheaptrick, world.d4c)]
    made = world.synthesize(pitch, *parts, SAMPLE_RATE, 1000.0 * _HOP / SAMPLE_RATE)
    return np.asarray(np.pad(made, (0, _HOP))[: len(sound)], np.float32)
