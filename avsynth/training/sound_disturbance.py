"""What happens to sound on its way to a listener: codecs, bands, loudness, rooms, noise.

For detectors of synthetic speech: real and synthetic sound alike go through ``disturb``, so that
nothing but the synthesis itself tells them apart. All draws come from the generator given.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from avsynth.media.recode_sound import SoundCodec, recode_sound

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Change = Callable[[Floats, np.random.Generator], Floats]

RATE = 16_000
_RATES = (11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_CODECS: tuple[tuple[SoundCodec, tuple[int, ...]], ...] = (
    ("mp3", (24_000, 32_000, 48_000, 64_000, 96_000, 128_000)),
    ("aac", (24_000, 32_000, 48_000, 64_000, 96_000)),
    ("opus", (12_000, 16_000, 24_000, 32_000, 64_000)),
    ("mulaw", (64_000,)),
)
_CODEC_ODDS = (0.45, 0.25, 0.25, 0.05)


def disturb(sound: Floats, rng: np.random.Generator, strength: float = 1.0) -> Floats:
    """Samples (N,) at 16 kHz, -1..1, as another recording, codec and room would have them: (N,).

    Each change happens with a chance of its own, times ``strength``; about one sound in seven comes
    through with its loudness changed only.
    """
    made = np.array(sound, np.float32)
    for chance, change in _CHANGES:
        if rng.random() < chance * strength:
            made = change(made, rng)
    return loudness(made, rng)


def codec(sound: Floats, rng: np.random.Generator) -> Floats:
    """Through MP3, AAC, Opus or telephony."""
    name, rates = _CODECS[int(rng.choice(len(_CODECS), p=_CODEC_ODDS))]
    return recode_sound(sound, RATE, name, int(rng.choice(rates)))


def resample(sound: Floats, rng: np.random.Generator) -> Floats:
    """To another rate and back: a low one cuts the band off, each leaves its filter's mark."""
    quality = str(rng.choice(["HQ", "VHQ", "MQ", "LQ"]))
    return resampled(sound, int(rng.choice(_RATES)), quality)


def resampled(sound: Floats, rate: int, quality: str) -> Floats:
    """Samples (N,) to ``rate`` and back to 16 kHz by soxr's filter ``quality``: (N,)."""
    import soxr

    there = soxr.resample(sound, RATE, rate, quality)
    back = np.asarray(soxr.resample(there, rate, RATE, quality), np.float32)[: len(sound)]
    return np.pad(back, (0, len(sound) - len(back)))


def low_pass(sound: Floats, rng: np.random.Generator) -> Floats:
    """Without what lies above 3.4 to 7.9 kHz, steeply or gently."""
    edge, order = rng.uniform(3400, 7900), rng.uniform(8, 80)
    return shaped(sound, lambda f: 1 / (1 + (f / edge) ** order))


def high_pass(sound: Floats, rng: np.random.Generator) -> Floats:
    """Without what lies below 30 to 200 Hz."""
    edge, order = rng.uniform(30, 200), rng.uniform(4, 16)
    return shaped(sound, lambda f: 1 - 1 / (1 + (f / edge) ** order))


def equalise(sound: Floats, rng: np.random.Generator) -> Floats:
    """By another microphone: slow waves over the logarithm of frequency, some 4 dB each."""
    draws = rng.normal(0, 4.0, 5) / np.arange(1, 6) ** 0.5
    tilt = rng.normal(0, 3.0)

    def gain(f: Doubles) -> Doubles:
        place = np.log2(np.maximum(f, 50) / 50) / np.log2(160)
        waves = np.cos(np.pi * np.arange(1, 6)[:, None] * place)
        return np.asarray(10 ** ((draws @ waves + tilt * (place - 0.5)) / 20))

    return shaped(sound, gain)


def room(sound: Floats, rng: np.random.Generator) -> Floats:
    """With a decaying tail of noise, 0.1 to 0.7 s long, 0 to 20 dB below the direct sound."""
    length = int(RATE * rng.uniform(0.1, 0.7))
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail *= np.minimum(1, np.arange(length) / (RATE * rng.uniform(0.001, 0.02)))
    tail *= 10 ** (-rng.uniform(0, 20) / 20) / np.sqrt((tail**2).sum())
    tail[0] += 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def noise(sound: Floats, rng: np.random.Generator) -> Floats:
    """With white to brown noise 10 to 45 dB below."""
    slope = rng.uniform(0, 2)
    coloured = shaped(
        rng.standard_normal(len(sound)).astype(np.float32),
        lambda f: np.asarray(np.maximum(f, 60) ** (-slope / 2)),
    )
    return _mixed(sound, coloured, rng.uniform(10, 45))


def hum(sound: Floats, rng: np.random.Generator) -> Floats:
    """With mains hum and its overtones 25 to 55 dB below, or a constant offset."""
    if rng.random() < 0.3:
        return sound + np.float32(rng.normal(0, 0.004))
    base = float(rng.choice([50.0, 60.0])) * rng.uniform(0.995, 1.005)
    time = np.arange(len(sound)) / RATE
    waves = [
        rng.uniform(0, 1) / k * np.sin(2 * np.pi * (k * base * time + rng.random()))
        for k in range(1, 6)
    ]
    return _mixed(sound, np.asarray(np.sum(waves, axis=0), np.float32), rng.uniform(25, 55))


def clip(sound: Floats, rng: np.random.Generator) -> Floats:
    """Peaks cut off or rounded, or samples in coarse steps."""
    peak = float(np.abs(sound).max()) + 1e-9
    kind = rng.integers(3)
    if kind == 0:
        limit = np.float32(peak * rng.uniform(0.3, 0.9))
        return np.clip(sound, -limit, limit)
    if kind == 1:
        drive = np.float32(rng.uniform(0.5, 2.5) / peak)
        return np.asarray(np.tanh(sound * drive) / drive, np.float32)
    step = np.float32(peak / 2 ** rng.uniform(7, 13))
    return np.asarray(np.round(sound / step) * step, np.float32)


def silence(sound: Floats, rng: np.random.Generator) -> Floats:
    """Begins later or earlier, rolled by up to half a second; a part may fall silent."""
    made = np.roll(sound, int(rng.integers(-RATE // 2, RATE // 2)))
    if rng.random() < 0.5:
        length = int(rng.integers(RATE // 20, RATE // 2))
        start = int(rng.integers(max(1, len(made) - length)))
        made[start : start + length] *= np.float32(10 ** -rng.uniform(1, 4))
    return made


def loudness(sound: Floats, rng: np.random.Generator) -> Floats:
    """Peak anywhere from -30 to -0.1 dB of full scale."""
    peak = float(np.abs(sound).max())
    return sound * np.float32(10 ** (rng.uniform(-30, -0.1) / 20) / max(peak, 1e-5))


def shaped(sound: Floats, gain: Callable[[Doubles], Doubles]) -> Floats:
    """Samples (N,) with each frequency in Hz multiplied by ``gain`` of it; no phase is turned."""
    size = _roomy(len(sound))
    spectrum = np.fft.rfft(sound, size)
    spectrum *= gain(np.asarray(np.fft.rfftfreq(size, 1 / RATE)))
    return np.asarray(np.fft.irfft(spectrum, size)[: len(sound)], np.float32)


def _roomy(count: int) -> int:
    """The next multiple of 1,000: a fast length with room for filters to ring."""
    return -(-(count + RATE // 8) // 1000) * 1000


def _mixed(sound: Floats, other: Floats, below: float) -> Floats:
    """With ``other`` so many decibels below the sound's RMS."""
    wanted = float(np.sqrt((sound**2).mean())) * 10 ** (-below / 20)
    return sound + other * np.float32(wanted / max(float(np.sqrt((other**2).mean())), 1e-9))


#: In the order in which they happen, each with its chance.
_CHANGES: tuple[tuple[float, Change], ...] = (
    (0.2, silence),
    (0.2, room),
    (0.35, equalise),
    (0.35, noise),
    (0.1, hum),
    (0.15, high_pass),
    (0.12, clip),
    (0.35, resample),
    (0.25, low_pass),
    (0.4, codec),
)
