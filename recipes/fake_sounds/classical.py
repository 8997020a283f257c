"""Copies by WORLD and by Griffin-Lim, with their settings drawn anew for every copy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.speech.pitch_track import load_world, pitch_track
from avsynth.speech.spectrum import SpectrumConfig, mel_filters

Floats = NDArray[np.float32]
RATE = 16_000


def world_plain(sound: Floats, rng: np.random.Generator) -> Floats:
    """Analysis and synthesis, steps of 2.5 to 10 ms, now and then with the pitch a little moved."""
    hop = int(rng.choice([40, 80, 80, 160]))
    pitch, envelope, noise = _analysed(sound, hop, rng)
    if rng.random() < 0.4:
        pitch = pitch * 2 ** (rng.normal(0, 1.5) / 12)
    return _made(pitch, envelope, noise, hop, len(sound))


def world_coded(sound: Floats, rng: np.random.Generator) -> Floats:
    """With envelope and aperiodicity through few coefficients, smoothed in time, as models of
    statistical speech synthesis learn them."""
    world = load_world()
    pitch, envelope, noise = _analysed(sound, 80, rng)
    count = int(rng.choice([24, 32, 40, 60]))
    coded = world.code_spectral_envelope(envelope, RATE, count)
    width = int(rng.choice([1, 3, 5, 7]))
    coded = np.stack([np.convolve(c, np.ones(width) / width, "same") for c in coded.T], axis=1)
    size = (envelope.shape[1] - 1) * 2
    envelope = world.decode_spectral_envelope(np.ascontiguousarray(coded), RATE, size)
    noise = world.decode_aperiodicity(world.code_aperiodicity(noise, RATE), RATE, size)
    return _made(pitch, envelope, noise, 80, len(sound))


def world_jittered(sound: Floats, rng: np.random.Generator) -> Floats:
    """With a pitch that trembles or stands still, an envelope that is warped, a harsher breath."""
    pitch, envelope, noise = _analysed(sound, 80, rng)
    voiced = pitch > 0
    if rng.random() < 0.3:
        pitch[voiced] = np.exp(np.log(pitch[voiced]).mean())
    pitch[voiced] *= 2 ** (rng.normal(0, rng.uniform(0, 0.4), voiced.sum()) / 12)
    bins = envelope.shape[1]
    places = np.clip(np.arange(bins) / rng.uniform(0.9, 1.12), 0, bins - 1)
    envelope = np.stack([np.interp(places, np.arange(bins), row) for row in envelope])
    noise = np.clip(noise ** rng.uniform(0.5, 2.0), 1e-4, 1 - 1e-6)
    return _made(pitch, np.ascontiguousarray(envelope), noise, 80, len(sound))


def _analysed(
    sound: Floats, hop: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    world = load_world()
    samples = sound.astype(np.float64)
    if rng.random() < 0.5:
        pitch, times = world.dio(samples, RATE, frame_period=1000.0 * hop / RATE)
        pitch = world.stonemask(samples, pitch, times, RATE)
    else:
        pitch = pitch_track(sound, hop).astype(np.float64)
        times = np.arange(len(pitch)) * hop / RATE
    envelope = world.cheaptrick(samples, pitch, times, RATE, q1=float(rng.uniform(-0.25, -0.05)))
    return pitch, envelope, world.d4c(samples, pitch, times, RATE)


def _made(
    pitch: NDArray[np.float64], envelope: NDArray[np.float64], noise: NDArray[np.float64],
    hop: int, length: int,
) -> Floats:  # fmt: skip
    made = load_world().synthesize(pitch, envelope, noise, RATE, 1000.0 * hop / RATE)
    return np.asarray(np.pad(made, (0, length))[:length], np.float32)


def griffin_lim_mel(sound: Floats, rng: np.random.Generator) -> Floats:
    """From a mel alone: its bands are spread over the bins again, phases found in a few rounds."""
    size = int(rng.choice([512, 640, 800, 1024, 1024, 2048]))
    hop = size // int(rng.choice([4, 4, 4, 5, 8]))
    bands = int(rng.choice([60, 80, 80, 80, 100, 128]))
    config = SpectrumConfig(window=size, hop=hop, bands=bands)
    spectrum = _transformed(torch.from_numpy(sound), size, hop).abs()
    filters = mel_filters(config)
    mel = filters.T @ spectrum
    spread = torch.linalg.pinv(filters.T) @ mel
    magnitudes = torch.maximum(spread, 1e-3 * filters @ mel / filters.sum().clamp_min(1e-6))
    for _ in range(8):  # multiplicative: bins stay positive while the bands come out right
        magnitudes = magnitudes * (filters @ (mel / (filters.T @ magnitudes).clamp_min(1e-7)))
        magnitudes = magnitudes / filters.sum(dim=1, keepdim=True).clamp_min(1e-6)
    return _found(magnitudes, size, hop, len(sound), rng)


def griffin_lim_linear(sound: Floats, rng: np.random.Generator) -> Floats:
    """From the magnitudes of all bins, phases found in a few rounds."""
    size = int(rng.choice([256, 512, 1024]))
    hop = size // int(rng.choice([2, 4, 4]))
    spectrum = _transformed(torch.from_numpy(sound), size, hop).abs()
    return _found(spectrum, size, hop, len(sound), rng)


def _found(
    magnitudes: Tensor, size: int, hop: int, length: int, rng: np.random.Generator
) -> Floats:
    """Fast Griffin-Lim (Perraudin et al. 2013), momentum and rounds drawn."""
    rounds, momentum = int(rng.choice([4, 8, 16, 32, 48])), float(rng.choice([0, 0.5, 0.99]))
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    turn = torch.rand(magnitudes.shape, generator=generator) * 2 * torch.pi
    angles, before = torch.polar(torch.ones_like(turn), turn), torch.zeros(1)
    for _ in range(rounds):
        sound = _back(magnitudes * angles, size, hop, length)
        rebuilt = _transformed(sound, size, hop)
        angles = rebuilt - momentum / (1 + momentum) * before
        angles = angles / angles.abs().clamp_min(1e-9)
        before = rebuilt
    return _back(magnitudes * angles, size, hop, length).numpy()


def _transformed(sound: Tensor, size: int, hop: int) -> Tensor:
    return torch.stft(sound, size, hop, window=torch.hann_window(size), return_complex=True)


def _back(spectrum: Tensor, size: int, hop: int, length: int) -> Tensor:
    return torch.istft(spectrum, size, hop, window=torch.hann_window(size), length=length)
