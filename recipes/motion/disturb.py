"""The same words, heard otherwise: pitch and formants, tone, noise, level, place in the window."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.front_end import STEP

Floats = NDArray[np.float32]


def listen(
    features: Callable[[Floats], Floats], samples: Floats, generator: np.random.Generator
) -> Floats:
    """Features (T, F) of a disturbed version of ``samples``, on the clock of the original.

    The sound is played up to 13 % faster or slower (which moves pitch and formants), filtered,
    mixed with noise at 12 to 35 dB, and preceded by up to 4 s of silence.
    """
    rows = len(samples) // STEP
    speed = Fraction(float(np.exp(generator.uniform(-0.13, 0.13)))).limit_denominator(40)
    played = resample_poly(samples, speed.denominator, speed.numerator).astype(np.float32)
    tilt = generator.uniform(-0.6, 0.6)
    played = np.convolve(played, [1, tilt], "same").astype(np.float32)
    played *= SPEECH_LEVEL / speech_level(played)
    noise = generator.standard_normal(len(played)).astype(np.float32)
    if generator.random() < 0.5:  # duller than white
        noise = np.convolve(noise, np.full(8, 8**-0.5), "same").astype(np.float32)
    played += noise * np.float32(SPEECH_LEVEL * 10 ** (-generator.uniform(12, 35) / 20))
    lead = int(generator.integers(0, 100))
    sound = np.pad(played, (lead * STEP, -len(played) % STEP)).astype(np.float32)
    heard = features(sound)[lead:]
    place = np.clip((np.arange(rows) + 0.5) / float(speed) - 0.5, 0, len(heard) - 1)
    left = np.minimum(place.astype(np.intp), len(heard) - 2)
    share = (place - left)[:, None]
    return np.asarray(heard[left] * (1 - share) + heard[left + 1] * share, np.float32)
