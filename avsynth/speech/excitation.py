"""What a voice is made of before it is filtered: a pulse train at the pitch, and noise.

The source of a source-filter vocoder (Wang, Takaki and Yamagishi, "Neural source-filter waveform
models", 2019): pulses whose harmonics all lie below half the rate, in closed form, with a phase
that is carried on from block to block, and white noise that is drawn in order. Blocks of any
length give the same samples.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_NEAR_ZERO = 1e-4  # of sin(theta / 2): there the closed form is replaced by its limit


def hold(pitch: Tensor, frames: int) -> Tensor:
    """Pitch (B, T) in Hz, 0 unvoiced, with each voiced stretch ``frames`` longer at both ends.

    Trackers find a voice late and lose it early; how loud it is there the filters say.
    """
    for _ in range(frames):
        before = torch.nn.functional.pad(pitch[:, :-1], (1, 0))
        after = torch.nn.functional.pad(pitch[:, 1:], (0, 1))
        pitch = torch.where(pitch > 0, pitch, torch.where(before > 0, before, after))
    return pitch


def phases(
    pitch: Tensor, hop: int, rate: int, start: Tensor | float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Frame-wise pitch (B, T + 1) in Hz -> phase in cycles (0..1), frequency and voicing per
    sample (B, T * hop): frame k lies at sample k * hop, and the last frame only ends the last hop.

    Frequency is interpolated between voiced frames and held at the edges of voiced stretches, where
    the voicing rises and falls in a straight line (0..1). The phase of the first sample is
    ``start`` (float or (B,)), and it stands still where nothing is voiced.
    """
    left, right = pitch[:, :-1, None].double(), pitch[:, 1:, None].double()
    place = torch.arange(hop, device=pitch.device, dtype=torch.float64) / hop
    first = torch.where(left > 0, left, right)
    last = torch.where(right > 0, right, left)
    frequency = (first + (last - first) * place).flatten(1)
    voicing = ((left > 0) * (1 - place) + (right > 0) * place).flatten(1)
    steps = torch.cumsum(frequency / rate, dim=1)
    begin = torch.as_tensor(start, dtype=torch.float64, device=pitch.device).reshape(-1, 1)
    phase = (begin + steps - frequency / rate) % 1.0
    return phase, frequency, voicing


def anchored(phase: Tensor, anchors: Tensor, hop: int) -> Tensor:
    """Phase in cycles (B, T * hop) moved so that frame k, sample k * hop, has ``anchors`` (B, T).

    Between the frames the correction goes in a straight line, the short way round.
    """
    wanted = anchors - phase[:, ::hop]
    turns = torch.diff(wanted, dim=1)
    steps = turns - turns.round()
    path = wanted[:, :1] + torch.nn.functional.pad(torch.cumsum(steps, dim=1), (1, 0))
    slope = torch.nn.functional.pad(steps, (0, 1))[..., None]
    place = torch.arange(hop, device=phase.device, dtype=phase.dtype) / hop
    return (phase + (path[..., None] + slope * place).flatten(1)) % 1.0


def pulses(phase: Tensor, frequency: Tensor, voicing: Tensor, rate: int) -> Tensor:
    """Band-limited pulse train (B, N) float32 of mean square 1, times ``voicing``.

    All harmonics below half the rate in cosine phase and of equal size; the highest one fades in
    and out as the pitch moves, so that nothing clicks. Arguments as ``phases`` gives them.
    """
    fundamental = frequency.float().clamp_min(1.0)
    harmonics = 0.5 * rate / fundamental
    whole = harmonics.floor()
    theta = (2 * math.pi * (phase - phase.round())).float()
    half = torch.sin(theta / 2)
    flat = half.abs() < _NEAR_ZERO
    # Dirichlet's kernel: sum of cos(k theta), k = 1..whole.
    kernel = torch.sin((whole + 0.5) * theta) / torch.where(flat, 1.0, 2 * half) - 0.5
    kernel = torch.where(flat, whole, kernel)
    top = (harmonics - whole) * torch.cos((whole + 1) * theta)
    return (kernel + top) * torch.sqrt(2.0 / harmonics) * voicing.float()


class Excitation:
    """Pulses and noise block after block, for several voices at once.

    ``phase`` is where the pulse trains begin, in cycles; ``seed`` says which noise, voice b drawing
    from ``seed + b``.
    """

    def __init__(self, voices: int, hop: int, rate: int, phase: float = 0.0, seed: int = 0) -> None:
        self.hop, self.rate = hop, rate
        self._phase = torch.full((voices,), phase, dtype=torch.float64)
        self._generators = [np.random.default_rng(seed + voice) for voice in range(voices)]

    def __call__(self, pitch: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch (B, T + 1) as ``phases`` takes it -> pulses and noise (B, T * hop) float32."""
        start = self._phase.to(pitch.device)
        phase, frequency, voicing = phases(pitch, self.hop, self.rate, start)
        if phase.shape[1]:
            self._phase = (phase[:, -1] + frequency[:, -1] / self.rate) % 1.0
        drawn = [g.standard_normal(phase.shape[1], np.float32) for g in self._generators]
        noise = torch.from_numpy(np.stack(drawn)).to(pitch.device)
        return pulses(phase, frequency, voicing, self.rate), noise
