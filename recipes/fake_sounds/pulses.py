"""Voices put together pulse by pulse: a filter of one's own at each, or a cut of the recording.

In these, unlike in most of ``signals``, what belongs to one pulse of the glottis stays together in
time across all frequencies, as it does in a throat and in the better generators.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.activity import envelope
from avsynth.speech.pitch_track import pitch_track

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
RATE = 16_000
_SIZE = 1024
_HOP = 80


def source_filter(sound: Floats, rng: np.random.Generator) -> Floats:
    """Pulses and noise through smooth envelopes, phases of many kinds.

    The envelope is a cepstrum cut off after 18 to 70 coefficients, of mel bands at times; pulses
    have its smallest phase, none, or that and a delay that differs from frequency to frequency;
    noise takes over above some frequency; the pitch is as it was, smoothed, or moved.
    """
    pitch = _changed(pitch_track(sound, _HOP).astype(np.float64), rng)
    cepstra = _cepstra(sound, len(pitch), int(rng.integers(18, 70)), rng)
    logs = np.fft.rfft(cepstra, _SIZE, axis=1).real
    edge, width = rng.uniform(1500, 9000), rng.uniform(200, 1500)
    noisy = 1 / (1 + np.exp(-(np.arange(_SIZE // 2 + 1) * RATE / _SIZE - edge) / width))
    noisy = np.maximum(noisy, rng.choice([0.0, 0.02, 0.1]))
    turned = _phases(cepstra, rng)
    made = np.zeros(len(sound) + 2 * _SIZE)
    for start, period in _epochs(pitch):
        frame = min(int(start) // _HOP, len(pitch) - 1)
        spectrum = np.exp(logs[frame] + 1j * turned(frame)) * np.sqrt((1 - noisy) * period)
        shift = np.exp(-2j * np.pi * np.arange(_SIZE // 2 + 1) * (start % 1 + _SIZE // 4) / _SIZE)
        made[int(start) : int(start) + _SIZE] += np.fft.irfft(spectrum * shift)
    voiced = made[_SIZE // 4 : _SIZE // 4 + len(sound)]
    share = np.where((pitch > 0)[:, None], noisy, 1.0)
    return _as_loud(voiced + _noise(np.exp(logs) * np.sqrt(share), len(sound), rng), sound)


def overlap_add(sound: Floats, rng: np.random.Generator) -> Floats:
    """Periods of the recording set down at another pitch (TD-PSOLA, Moulines and Charpentier
    1990), a little wrongly cut."""
    pitch = pitch_track(sound, _HOP).astype(np.float64)
    marks = _marks(sound, pitch)
    places = np.array([place for place, _ in marks])
    factor = float(2 ** (rng.choice([-1, 1]) * rng.uniform(0.3, 4) / 12))
    made, start = np.zeros(len(sound) + 2 * _SIZE), 0.0
    while start < len(sound) and marks:
        place, period = marks[int(np.abs(places - start).argmin())]
        half = int(period * rng.uniform(0.9, 1.1))
        low = max(0, place - half)
        grain = (
            sound[low : place + half]
            * np.hanning(2 * half + 2)[1:-1][half - (place - low) :][
                : len(sound[low : place + half])
            ]
        )
        begin = max(0, int(start) - (place - low))
        made[begin : begin + len(grain)] += grain
        spoken = pitch[min(int(start) // _HOP, len(pitch) - 1)] > 0
        start += period / (factor if spoken else 1.0)
    return _as_loud(made[: len(sound)], sound)


def _changed(pitch: Doubles, rng: np.random.Generator) -> Doubles:
    kind, voiced = rng.random(), pitch > 0
    if kind < 0.3:
        pitch = pitch * 2 ** (rng.normal(0, 2) / 12)
    elif kind < 0.5 and voiced.sum() > 10:
        known = np.interp(np.arange(len(pitch)), np.flatnonzero(voiced), pitch[voiced])
        pitch = np.where(
            voiced, np.convolve(np.pad(known, 5, "edge"), np.ones(11) / 11, "valid"), 0
        )
    return pitch


def _cepstra(sound: Floats, steps: int, order: int, rng: np.random.Generator) -> Doubles:
    """Real cepstra (steps, order), folded so that their transform's real part is the envelope."""
    padded = np.pad(sound.astype(np.float64), (_SIZE // 2, _SIZE))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_HOP][:steps]
    taper = np.zeros(_SIZE)
    length = int(rng.choice([400, 512, 800]))
    taper[_SIZE // 2 - length // 2 : _SIZE // 2 + length // 2] = np.hanning(length)
    logs = np.log(np.abs(np.fft.rfft(frames * taper, axis=1)) + 1e-5)
    if rng.random() < 0.4:
        width = int(rng.choice([5, 9, 15]))
        logs = np.stack([np.convolve(row, np.ones(width) / width, "same") for row in logs])
    cepstra = np.fft.irfft(logs, axis=1)[:, :order]
    cepstra[:, 1:] *= 2
    return cepstra


def _phases(cepstra: Doubles, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """Frame -> phases (bins,) of its pulse."""
    kind = rng.random()
    bins = _SIZE // 2 + 1
    delay = np.cumsum(np.convolve(rng.normal(0, 1, bins), np.ones(41) / 41, "same"))
    delay = delay * (rng.uniform(0, 0.6) if kind < 0.6 else 0)

    def turned(frame: int) -> Doubles:
        least = np.fft.rfft(cepstra[frame], _SIZE).imag
        return np.asarray(delay if 0.6 <= kind < 0.75 else least + delay)

    return turned


def _epochs(pitch: Doubles) -> list[tuple[float, float]]:
    """Where pulses lie, in samples, and their periods."""
    found, place = [], 0.0
    while place < len(pitch) * _HOP:
        hertz = pitch[min(int(place) // _HOP, len(pitch) - 1)]
        if hertz <= 0:
            place += _HOP
            continue
        found.append((place, RATE / hertz))
        place += RATE / hertz
    return found


def _marks(sound: Floats, pitch: Doubles) -> list[tuple[int, float]]:
    """The largest sample of each period, and steps of 8 ms where there is no voice."""
    found, place = [], 0.0
    while place < len(sound) - 1:
        hertz = pitch[min(int(place) // _HOP, len(pitch) - 1)]
        period = RATE / hertz if hertz > 0 else 128.0
        if hertz > 0:
            low = int(max(0, place - 0.3 * period))
            part = sound[low : int(place + 0.3 * period) + 1]
            place = low + float(np.abs(part).argmax())
        found.append((int(place), period))
        place += period
    return found


def _noise(levels: Doubles, length: int, rng: np.random.Generator) -> Doubles:
    """White noise through magnitudes (steps, bins)."""
    size = 4 * _HOP
    padded = rng.standard_normal(len(levels) * _HOP + 2 * size)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::_HOP][: len(levels)]
    spectra = np.fft.rfft(frames * np.hanning(size + 1)[:-1], _SIZE, axis=1)
    parts = np.fft.irfft(spectra * levels, axis=1)
    made = np.zeros(len(levels) * _HOP + _SIZE)
    for k, part in enumerate(parts):
        made[k * _HOP : k * _HOP + _SIZE] += part / 2
    return made[size // 2 : size // 2 + length]


def _as_loud(made: Doubles, sound: Floats) -> Floats:
    """With the recording's loudness over time."""
    made = np.pad(made[: len(sound)], (0, max(0, len(sound) - len(made)))).astype(np.float32)
    levels = [np.convolve(envelope(each, 100), np.ones(3) / 3, "same") for each in (sound, made)]
    gain = np.clip(levels[0] / (levels[1] + 1e-6), 0, 1e4)
    steps = np.interp(np.arange(len(made)) / 160 - 0.5, np.arange(len(gain)), gain)
    return np.asarray(made * steps, np.float32)
