"""Make a fake like its original in all that says nothing of synthesis.

Level, offset, the long-term spectrum in third octaves, the noise in pauses, length: a classifier on
these alone must not tell the two apart (``detectors.audit``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.activity import envelope, speech_level
from avsynth.training.sound_disturbance import resampled, shaped

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
RATE = 16_000
_EDGES = 60.0 * 2 ** (np.arange(25) / 3.5)  # Hz, up to about 7 kHz
_MOST = 24.0  # dB that a band is moved
_PAUSES = 12  # at most
_SIZE = 1024
_RATES = (22_050, 24_000, 32_000, 44_100, 48_000)


def match(fake: Floats, real: Floats, rng: np.random.Generator, hissing: bool) -> Floats:
    """``fake`` (N,) with the long-term spectrum, the level and the noise floor of ``real``: (N,).

    The level is matched by mean square, by peak or by its loud parts, whichever is drawn.
    ``hissing``: a system whose pauses have a noise of its own, which is turned down.
    """
    fake = np.nan_to_num(fake - fake.mean()).astype(np.float32)
    gain = np.clip(bands(real) - bands(fake), -_MOST, _MOST)
    gain = gain - np.median(gain)

    def curve(f: Doubles) -> Doubles:
        decibels = np.interp(np.log(np.maximum(f, 1)), np.log(_CENTRES), gain)
        return np.asarray(10 ** (decibels / 20))

    made = shaped(fake, curve)
    measure = _LEVELS[int(rng.integers(len(_LEVELS)))]
    made = made * np.float32(measure(real) / max(measure(made), 1e-9))
    if hissing:
        made = _gated(made, real)
    noise, own = floor(real, len(made), rng), floor(made, len(made), rng)
    missing = 1 - float((own**2).mean()) / max(float((noise**2).mean()), 1e-16)
    return np.asarray(made + noise * np.float32(max(missing, 0) ** 0.5), np.float32)


def _gated(fake: Floats, real: Floats) -> Floats:
    """``fake`` with its quiet moments as quiet as those of ``real``, by their ranks."""
    own, theirs = (np.maximum(envelope(each - each.mean(), 100), 1e-6) for each in (fake, real))
    rank = np.argsort(np.argsort(own)) / len(own)
    wanted = np.quantile(theirs, rank) * np.quantile(own, 0.95) / np.quantile(theirs, 0.95)
    share = np.clip((0.8 - rank) / 0.2, 0, 1)  # the loud fifth stays, the quiet part is moved
    gain = share * np.log(np.clip(wanted / own, 0.01, 2.0))
    gain = np.convolve(np.pad(gain, 2, mode="edge"), np.ones(5) / 5, "valid")
    over_time = np.interp(np.arange(len(fake)) / 160 - 0.5, np.arange(len(gain)), gain)
    return np.asarray(fake * np.exp(over_time), np.float32)


def pauses(spoken: Floats, real: Floats, rng: np.random.Generator) -> Floats:
    """Speech that was not made from ``real``, with as much silence as that has: pauses are put
    in where it is quietest, and what becomes too much at the end is cut."""
    made = spoken[: len(real)]
    for _ in range(_PAUSES):
        wanted = (quiet(real) - quiet(made)) * len(made)
        if wanted < RATE // 20:
            break
        levels = np.sqrt(np.convolve(made.astype(np.float64) ** 2, np.ones(320) / 320, "same"))
        place = int(rng.choice(np.argsort(levels)[: max(1, len(levels) // 50)]))
        pause = np.zeros(int(min(wanted, RATE * rng.uniform(0.1, 0.6))), np.float32)
        made = np.concatenate([made[:place], pause, made[place:]])[: len(real)]
    return made


def quiet(sound: Floats) -> float:
    """Share of frames of 10 ms that are 40 dB below the loud ones."""
    levels = envelope(sound, 100)
    return float((levels < np.quantile(levels, 0.95) / 100).mean())


def _root(sound: Floats) -> float:
    return float(np.sqrt((sound.astype(np.float64) ** 2).mean()))


def _peak(sound: Floats) -> float:
    return float(np.abs(sound).max())


_LEVELS = (_root, _peak, speech_level)
_CENTRES = np.sqrt(_EDGES[1:] * _EDGES[:-1])


def bands(sound: Floats) -> Doubles:
    """Long-term level of each band, dB: (24,)."""
    power = _frames(sound).mean(axis=0)
    place = np.digitize(np.arange(len(power)) * RATE / _SIZE, _EDGES)
    sums = [
        power[place == k].mean() if (place == k).any() else np.nan for k in range(1, len(_EDGES))
    ]
    levels = 10 * np.log10(np.array(sums) + 1e-12)
    holes = np.isnan(levels)
    levels[holes] = np.interp(np.flatnonzero(holes), np.flatnonzero(~holes), levels[~holes])
    return levels


def floor(sound: Floats, length: int, rng: np.random.Generator) -> Floats:
    """Noise like that of the quietest twentieth of a recording: (length,)."""
    power = _frames(sound)
    quiet = power[np.argsort(power.sum(axis=1))[: max(1, len(power) // 20)]].mean(axis=0)
    size = np.sqrt(quiet / (np.hanning(_SIZE) ** 2).sum())

    def curve(f: Doubles) -> Doubles:
        return np.asarray(np.interp(f, np.arange(len(size)) * RATE / _SIZE, size))

    return shaped(rng.standard_normal(length).astype(np.float32), curve)


def origin(sound: Floats, rng: np.random.Generator) -> Floats:
    """As if it had come at another rate, or with a little less band: real and fake alike."""
    if rng.random() < 0.5:
        rate = int(rng.choice(_RATES))
        sound = resampled(sound, rate, str(rng.choice(["HQ", "VHQ", "MQ"])))
    if rng.random() < 0.25:
        edge, order = rng.uniform(6000, 7900), rng.uniform(20, 100)
        sound = shaped(sound, lambda f: 1 / (1 + (f / edge) ** order))
    return sound


def to_steps(sound: Floats, rng: np.random.Generator) -> NDArray[np.int16]:
    """16-bit samples with an offset of some steps and a dither of one: nothing is digital
    silence, and the offset tells nothing."""
    noisy = (sound - sound.mean()) * 32767 + rng.normal(0, 3.0) + rng.uniform(-1, 1, len(sound))
    return np.clip(np.rint(noisy), -32768, 32767).astype(np.int16)


def _frames(sound: Floats) -> Doubles:
    padded = np.pad(sound, (0, max(0, _SIZE - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[:: _SIZE // 2]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(_SIZE), axis=1)) ** 2)
