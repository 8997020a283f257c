"""Copies by signal processing alone, each with one of the marks that synthesis leaves.

A listener to generators finds phases that do not belong together, envelopes that are too smooth,
images of the spectrum about the rates inside a network, ripples and tones at those rates, spectra
in coarse steps. Each of these is made here by itself, from hardly there to plain.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.signal import lfilter, resample_poly
from torch import Tensor

from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import SpectrumConfig, mel_filters

Floats = NDArray[np.float32]
RATE = 16_000


def phase_vocoder(sound: Floats, rng: np.random.Generator) -> Floats:
    """Stretched by the phase vocoder and played faster (another pitch), or stretched and back."""
    factor = float(2 ** (rng.choice([-1, 1]) * rng.uniform(0.5, 4) / 12))
    size = int(rng.choice([512, 1024, 2048]))
    longer = _stretched(sound, factor, size)
    if rng.random() < 0.5:
        return _long(_stretched(longer, 1 / factor, size), len(sound))
    up, down = _ratio(1 / factor)
    return _long(np.asarray(resample_poly(longer, up, down), np.float32), len(sound))


def linear_prediction(sound: Floats, rng: np.random.Generator) -> Floats:
    """All-pole filters on pulses at the pitch and noise, or on a coarse residual."""
    order, hop = int(rng.choice([12, 16, 20, 24])), 160
    padded = np.pad(sound.astype(np.float64), (hop, 3 * hop))
    pitch = pitch_track(sound, hop)
    coarse = rng.random() < 0.5
    pulses = _pulse_train(np.pad(pitch, (0, 4)), hop, len(padded))
    made = np.zeros(len(padded) + 4 * hop)
    taper = np.hanning(4 * hop + 1)[:-1]
    for k in range(len(sound) // hop):
        frame = padded[k * hop : k * hop + 4 * hop]
        if len(frame) < 4 * hop or not np.abs(frame).max() > 1e-7:
            continue
        poles = _predictor(frame * taper, order)
        residual = np.convolve(frame, poles)[: 4 * hop]
        power = np.sqrt((residual**2).mean())
        if coarse:
            step = power * rng.uniform(0.8, 2.0)
            excitation = np.round(residual / step) * step
        else:
            voiced = pitch[min(k, len(pitch) - 1)] > 0
            other = rng.standard_normal(4 * hop)
            own = pulses[k * hop : k * hop + 4 * hop]
            excitation = 0.9 * own + 0.2 * other if voiced else other
            excitation = excitation * power / (np.sqrt((excitation**2).mean()) + 1e-9)
        made[k * hop : k * hop + 4 * hop] += taper * lfilter([1.0], poles, excitation) / 2
    return np.asarray(made[hop : hop + len(sound)], np.float32)


def sinusoids(sound: Floats, rng: np.random.Generator) -> Floats:
    """The strongest peaks of each spectrum as they are, all else as noise of the same level."""
    spectrum = _transformed(sound, 1024, 256)
    size = spectrum.abs()
    share = float(rng.uniform(0.02, 0.2))
    limit = torch.quantile(size, 1 - share, dim=0, keepdim=True)
    smooth = torch.nn.functional.avg_pool1d(size.T[:, None], 9, 1, 4)[:, 0].T
    random = torch.from_numpy(np.exp(2j * np.pi * rng.random(size.shape)).astype(np.complex64))
    return _back(torch.where(size >= limit, spectrum, smooth * random), 1024, 256, len(sound))


def high_phases(sound: Floats, rng: np.random.Generator) -> Floats:
    """Above some frequency the phases are random, or those of a few rounds of Griffin-Lim, or are
    the spectrum's smallest; below, the sound is the recording's."""
    size = int(rng.choice([512, 1024]))
    hop = size // 4
    spectrum = _transformed(sound, size, hop)
    edge = int(rng.uniform(500, 5000) / RATE * size)
    turn = torch.from_numpy((2 * np.pi * rng.random(spectrum.shape)).astype(np.float32))
    if rng.random() < 0.3:
        turn = turn * 0 + float(rng.uniform(0, 6))
    angles = torch.polar(torch.ones_like(turn), turn)
    angles[:edge] = spectrum[:edge] / spectrum[:edge].abs().clamp_min(1e-9)
    magnitudes = spectrum.abs()
    for _ in range(int(rng.choice([0, 4, 16]))):
        there = _transformed(_back(magnitudes * angles, size, hop, len(sound)), size, hop)
        angles[edge:] = there[edge:] / there[edge:].abs().clamp_min(1e-9)
    return _back(magnitudes * angles, size, hop, len(sound))


def smooth_envelope(sound: Floats, rng: np.random.Generator) -> Floats:
    """Magnitudes blurred over time and frequency, phases kept."""
    spectrum = _transformed(sound, 512, 128)
    logs = np.log(spectrum.abs().numpy() + 1e-6)
    width = (int(rng.choice([1, 3, 5, 9])), int(rng.choice([3, 5, 9])))
    edge = int(rng.choice([0, 0, 32, 64, 96]))
    blurred = uniform_filter(logs, width)
    gain = np.exp(np.clip(blurred - logs, -4, 4))
    gain[:edge] = 1
    return _back(spectrum * torch.from_numpy(gain.astype(np.float32)), 512, 128, len(sound))


def images(sound: Floats, rng: np.random.Generator) -> Floats:
    """With mirrored spectra, 10 to 45 dB down, as a step from a lower rate leaves them that is
    not followed by a filter."""
    made = sound.astype(np.float64)
    for _ in range(int(rng.integers(1, 3))):
        factor = int(rng.choice([2, 2, 4, 5, 8]))
        low = resample_poly(made, 1, factor)
        kind = int(rng.integers(3))
        if kind == 0:
            wide = np.zeros(len(low) * factor)
            wide[::factor] = low * factor
        elif kind == 1:
            wide = np.repeat(low, factor)
        else:
            wide = np.interp(np.arange(len(low) * factor) / factor, np.arange(len(low)), low)
        image = _double(wide, len(sound)) - _double(resample_poly(low, factor, 1), len(sound))
        made = made + image * 10 ** (-rng.uniform(0, 24) / 20)
    return made.astype(np.float32)


def ripple(sound: Floats, rng: np.random.Generator) -> Floats:
    """Loudness and offset that repeat with the stride of an upsampling layer: 2 to 300 samples."""
    made = sound.astype(np.float64)
    for _ in range(int(rng.integers(1, 4))):
        period = int(rng.choice([2, 4, 5, 8, 10, 16, 20, 32, 40, 80, 160, 186, 256]))
        pattern = rng.standard_normal(period)
        gain = 10 ** rng.uniform(-1.8, -0.7)
        made = made * (1 + gain * np.resize(pattern, len(made)))
        if rng.random() < 0.5:
            tone = np.resize(rng.standard_normal(period), len(made))
            made = made + tone * np.abs(sound).mean() * 10 ** rng.uniform(-3, -1.5)
    return made.astype(np.float32)


def coarse_mel(sound: Floats, rng: np.random.Generator) -> Floats:
    """Band levels in coarse steps, or blurred in time, phases kept."""
    config = SpectrumConfig(window=640, hop=160, bands=int(rng.choice([40, 80])))
    spectrum = _transformed(sound, 640, 160)
    filters = mel_filters(config)
    logs = torch.log(filters.T @ spectrum.abs() + 1e-5)
    step = float(rng.uniform(0.7, 2.0))
    changed = torch.round(logs / step) * step
    if rng.random() < 0.5:
        changed = torch.nn.functional.avg_pool1d(logs[None], 9, 1, 4)[0]
    weights = filters / filters.sum(dim=1, keepdim=True).clamp_min(1e-9)
    return _back(spectrum * (weights @ (changed - logs)).exp(), 640, 160, len(sound))


def masked(sound: Floats, rng: np.random.Generator) -> Floats:
    """Each place of the spectrum a little louder or softer than it was, as masks are wrong."""
    size = int(rng.choice([256, 512, 1024]))
    spectrum = _transformed(sound, size, size // 4)
    spread = float(rng.uniform(0.2, 0.9))
    gain = np.exp(spread * rng.standard_normal(spectrum.shape)).astype(np.float32)
    if rng.random() < 0.5:
        gain = uniform_filter(gain, 3)
    return _back(spectrum * torch.from_numpy(gain), size, size // 4, len(sound))


def frame_codec(sound: Floats, rng: np.random.Generator) -> Floats:
    """Through a strided and a transposed convolution with too few channels: frames as their
    principal components, added up again with a taper, or without: then the stride ripples."""
    stride = int(rng.choice([8, 10, 16, 20, 32, 40]))
    length = 2 * stride
    sharp = lfilter([1.0, -0.95], [1.0], sound.astype(np.float64))
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sharp, length), length)[::stride]
    values, vectors = np.linalg.eigh(frames.T @ frames)
    kept = vectors[:, np.cumsum(values) / values.sum() > 10 ** -rng.uniform(0.8, 2.2)]
    code = frames @ kept
    if rng.random() < 0.3:
        step = code.std(axis=0) * rng.uniform(0.2, 0.8)
        code = np.round(code / step) * step
    ramp = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5) / stride
    taper = ramp if rng.random() < 0.6 else np.full(length, 0.5)
    parts = (code @ kept.T) * taper
    made = np.zeros(len(parts) * stride + length)
    for half in range(2):
        piece = parts[:, half * stride : (half + 1) * stride].reshape(-1)
        made[half * stride : half * stride + len(piece)] += piece
    smooth = lfilter([1.0], [1.0, -0.95], made[length : length + len(sound)])
    return _long(smooth.astype(np.float32), len(sound))


def _stretched(sound: Floats, factor: float, size: int) -> Floats:
    """``factor`` times as long, without phase locking (Flanagan and Golden 1966)."""
    hop = size // 4
    spectrum = _transformed(sound, size, hop).numpy()
    places = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    first = places.astype(int)
    share = (places - first)[None]
    levels = np.abs(spectrum)
    levels = (1 - share) * levels[:, first] + share * levels[:, first + 1]
    advance = np.angle(spectrum[:, 1:]) - np.angle(spectrum[:, :-1])
    expected = 2 * np.pi * hop * np.arange(spectrum.shape[0])[:, None] / size
    advance = expected + (advance - expected + np.pi) % (2 * np.pi) - np.pi
    phase = np.angle(spectrum[:, :1]) + np.cumsum(advance[:, first], axis=1) - advance[:, :1]
    made = torch.from_numpy((levels * np.exp(1j * phase)).astype(np.complex64))
    return _back(made, size, hop, len(places) * hop)


def _pulse_train(pitch: Floats, hop: int, length: int) -> NDArray[np.float64]:
    track = np.interp(np.arange(length) / hop, np.arange(len(pitch)), np.maximum(pitch, 60.0))
    cycles = np.cumsum(track / RATE)
    pulses = np.diff(np.floor(cycles), prepend=0.0)
    return np.asarray(pulses * np.sqrt(RATE / track))


def _predictor(frame: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Coefficients (order + 1,) by the autocorrelation method (Levinson and Durbin)."""
    spectrum = np.abs(np.fft.rfft(frame, 2 * len(frame))) ** 2
    lags = np.fft.irfft(spectrum)[: order + 1]
    lags[0] = lags[0] * 1.0001 + 1e-9
    poles, error = np.array([1.0]), lags[0]
    for k in range(1, order + 1):
        reflection = -(poles @ lags[k:0:-1]) / error
        poles = np.append(poles, 0.0)
        poles = poles + reflection * poles[::-1]
        error *= 1 - reflection**2
    return poles


def _transformed(sound: Floats, size: int, hop: int) -> Tensor:
    return torch.stft(
        torch.from_numpy(np.ascontiguousarray(sound)), size, hop,
        window=torch.hann_window(size), return_complex=True,
    )  # fmt: skip


def _back(spectrum: Tensor, size: int, hop: int, length: int) -> Floats:
    made = torch.istft(spectrum, size, hop, window=torch.hann_window(size))
    return _long(np.asarray(made.numpy(), np.float32), length)


def _long(sound: Floats, length: int) -> Floats:
    return np.pad(sound[:length], (0, max(0, length - len(sound))))


def _double(sound: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.pad(sound[:length], (0, max(0, length - len(sound))))


def _ratio(value: float) -> tuple[int, int]:
    from fractions import Fraction

    near = Fraction(value).limit_denominator(60)
    return near.numerator, near.denominator
