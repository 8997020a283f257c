"""Filters from a ``Vocoder`` -> sound: excitation, short-time spectra, inverse transform.

Everything runs frame by frame with a Hann window before and after, so that a file may be made in
one piece (``synthesise``) or block by block for hours (``StreamingVocoder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import pad

from avsynth.models.vocoder import VocoderConfig
from avsynth.speech.excitation import Excitation, hold

Floats = NDArray[np.float32]

#: Largest difference between the streaming and the whole-file result, in units of full scale.
TOLERANCE = 1e-4


class Model(Protocol):
    """The part of ``avsynth.weights.LoadedModel`` that is needed here."""

    config: Any

    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network."""


def synthesise(
    filters: Mapping[str, Tensor],
    pitch: Tensor,
    config: VocoderConfig,
    phase: float = 0.0,
    seed: int = 0,
) -> Tensor:
    """Filters (B, T, bins) and their pitch (B, T) in Hz -> samples (B, T * hop) in float32.

    ``phase`` is where the pulses begin, in cycles; ``seed`` says which noise. Differentiable in the
    filters.
    """
    held = hold(pitch, config.hold)
    excitation = Excitation(len(pitch), config.hop, config.rate, phase, seed)
    pulses, noise = excitation(torch.cat([held, held[:, -1:]], dim=1))
    return apply(filters, pulses, noise, config)


def apply(
    filters: Mapping[str, Tensor], pulses: Tensor, noise: Tensor, config: VocoderConfig
) -> Tensor:
    """Filters (B, T, bins) on excitations (B, T * hop) -> samples (B, T * hop).

    Beyond both ends the filters stay as they are there, and the excitation is silent.
    """
    before, after = _borders(config)
    margin = config.window - config.hop
    wider = {name: _extended(value, before, after) for name, value in filters.items()}
    made = _render(wider, pad(pulses, (margin, margin)), pad(noise, (margin, margin)), config)
    return made[:, margin : margin + pulses.shape[1]]


def _borders(config: VocoderConfig) -> tuple[int, int]:
    """Frames before the first and after the last whose windows reach into the sound."""
    half = config.window // config.hop // 2
    return half - 1, half


def _extended(value: Tensor, before: int, after: int) -> Tensor:
    """Frames (B, T, bins) with the first and the last repeated."""
    first, last = value[:, :1], value[:, -1:]
    return torch.cat([first.expand(-1, before, -1), value, last.expand(-1, after, -1)], dim=1)


def _render(
    filters: Mapping[str, Tensor], pulses: Tensor, noise: Tensor, config: VocoderConfig
) -> Tensor:
    """Filters (B, F, bins) on excitations (B, (F - 1) * hop + window) -> as many samples."""
    window = torch.hann_window(config.window, device=pulses.device)
    spectrum = torch.polar(filters["gain"].exp(), filters["phase"])
    if config.source:
        spectrum = spectrum * _spectra(pulses, window, config)
        spectrum = spectrum + filters["noise"].exp() * _spectra(noise, window, config)
    frames = torch.fft.irfft(spectrum, n=config.window, dim=-1) * window
    # Overlap-add: a frame's hops go to as many blocks of the result, one after the other.
    parts = frames.unflatten(-1, (-1, config.hop))  # (B, F, hops, hop)
    hops, count = parts.shape[2], parts.shape[1]
    made = parts.new_zeros(len(parts), count + hops - 1, config.hop)
    for k in range(hops):
        made = made + pad(parts[:, :, k], (0, 0, k, hops - 1 - k))
    samples: Tensor = made.flatten(1) / float(window.square().sum() / config.hop)
    return samples


def _spectra(samples: Tensor, window: Tensor, config: VocoderConfig) -> Tensor:
    frames = samples.unfold(-1, config.window, config.hop) * window
    spectra: Tensor = torch.fft.rfft(frames, dim=-1)
    return spectra


class StreamingVocoder:
    """A vocoder that is fed frames as they come: memory does not grow with the length.

    All that ``push`` and ``flush`` return, one after the other, is what ``synthesise`` makes of the
    whole, to within ``TOLERANCE`` (float32; an engine that computes in bfloat16 differs by its own
    rounding), however the frames were cut. ``model`` is a loaded ``vocoder``; ``block`` frames are
    made at a time.
    """

    def __init__(self, model: Model, phase: float = 0.0, seed: int = 0, block: int = 200) -> None:
        config: VocoderConfig = model.config
        self.config, self._model, self._block = config, model, block
        self._look = max(config.reach, config.hold + 1)
        self._excitation = Excitation(1, config.hop, config.rate, phase, seed)
        self._mel, self._pitch = torch.zeros(1, config.bands, 0), torch.zeros(1, 0)
        self._made = 0  # frames in these two that are made already: context of the next
        margin = config.window - config.hop
        self._filters: dict[str, Tensor] = {}  # frames whose excitation is not all there
        self._sources = torch.zeros(2, 1, margin)  # pulses and noise that those frames see
        self._tail = torch.zeros(1, margin)  # of the overlap-add
        self._skip = margin  # samples of the result that lie before the first frame's centre

    def push(self, mel: ArrayLike | Tensor, pitch: ArrayLike | Tensor) -> Floats:
        """Log-mel (bands, t) and pitch (t,) in Hz -> the samples that are ready, t of any size.

        ValueError when the two do not belong together.
        """
        new, heights = torch.as_tensor(mel).float()[None], torch.as_tensor(pitch).float()[None]
        if new.shape[1:] != (self.config.bands, heights.shape[-1]):
            raise ValueError(f"mel {tuple(new.shape[1:])} does not fit {heights.shape[-1]} pitches")
        self._mel = torch.cat([self._mel, new], dim=2)
        self._pitch = torch.cat([self._pitch, heights], dim=1)
        ready = []
        while self._pitch.shape[1] - self._made >= self._block + self._look:
            ready.append(self._make(self._block))
        return np.concatenate([np.zeros(0, np.float32), *ready])

    def flush(self) -> Floats:
        """The rest. Then the sound is over: nothing more may be pushed."""
        frames = self._pitch.shape[1] - self._made
        ready = [self._make(frames)] if frames else []
        if self._filters:
            _, after = _borders(self.config)
            beyond = {k: v[:, -1:].expand(-1, after, -1) for k, v in self._filters.items()}
            silence = torch.zeros(1, self.config.window - self.config.hop)
            ready.append(self._add(beyond, silence, silence))
        return np.concatenate([np.zeros(0, np.float32), *ready])

    @torch.inference_mode()
    def _make(self, frames: int) -> Floats:
        """The next ``frames`` frames, heard with what is around them."""
        start, stop = self._made, self._made + frames
        seen = stop + self._look
        batch = {"mel": self._mel[:, :, :seen], "pitch": self._pitch[:, :seen]}
        filters = {name: value[:, start:stop] for name, value in self._model(batch).items()}
        held = hold(self._pitch, self.config.hold)
        held = torch.cat([held, held[:, -1:]], dim=1)[:, start : stop + 1]
        pulses, noise = self._excitation(held)
        kept = max(0, stop - self._look)
        self._mel, self._pitch = self._mel[:, :, kept:], self._pitch[:, kept:]
        self._made = stop - kept
        return self._add(filters, pulses, noise)

    def _add(self, filters: Mapping[str, Tensor], pulses: Tensor, noise: Tensor) -> Floats:
        """Take frames and excitations in; the samples (N,) that no later frame will add to."""
        hop, margin = self.config.hop, self.config.window - self.config.hop
        before, _ = _borders(self.config)
        if not self._filters:
            filters = {name: _extended(value, before, 0) for name, value in filters.items()}
            self._filters = {name: value[:, :0] for name, value in filters.items()}
        waiting = {k: torch.cat([v, filters[k]], dim=1) for k, v in self._filters.items()}
        sources = torch.cat([self._sources, torch.stack([pulses, noise])], dim=2)
        count = (sources.shape[2] - margin) // hop
        ready = {name: value[:, :count] for name, value in waiting.items()}
        made = _render(ready, sources[0], sources[1], self.config)
        made[:, :margin] += self._tail
        self._filters = {name: value[:, count:] for name, value in waiting.items()}
        self._sources = sources[:, :, count * hop :]
        self._tail = made[:, count * hop :]
        done = made[0, min(self._skip, count * hop) : count * hop]
        self._skip -= min(self._skip, count * hop)
        return done.numpy()
