"""Speech in one voice -> the same speech in another: a convolutional variational autoencoder.

The posterior hears content features from which the speaker's level, colour and pitch were taken
(see ``content``); what it keeps of the rest is limited by the divergence from N(0, 1), and training
disturbs the vocal tract length of what it hears, so that it cannot tell whose it was. The decoder
is told the pitch and the target's voice.

Sources: Kingma and Welling 2014 (VAE); information perturbation as in NANSY (Choi et al. 2021);
ConvNeXt blocks (Liu et al. 2022) in one dimension, as in Vocos (Siuzdak 2023); FiLM (Perez et al.
2018).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avsynth.speech.spectrum import FLOOR, SpectrumConfig, mel_filters, window

STACK = 2  # spectrum steps in a step of the network
_PITCHES = 240  # entries of the table of harmonics
_LOW, _HIGH = 40.0, 600.0  # Hz
_DEEPEST = 4.0  # nepers between the lines of the table and what is between them


class VoiceConfig(BaseModel):
    """Everything that is needed to build a ``VoiceNetwork``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spectrum: SpectrumConfig = SpectrumConfig()
    front_end: Literal["mel", "whisper", "wavlm", "hubert"] = "mel"
    features: int = Field(160, gt=0, description="content values of one step of 20 ms")
    projected: int = Field(160, gt=0, description="dimensions kept of them")
    latent: int = Field(32, gt=0)
    encoder: int = Field(128, gt=0, description="width")
    encoder_blocks: int = Field(3, gt=0)
    decoder: int = Field(192, gt=0, description="width")
    decoder_blocks: int = Field(6, gt=0)
    kernel: int = Field(7, gt=0, description="odd")
    dropout: float = Field(0.1, ge=0, lt=1)
    embedding: int = Field(128, ge=0, description="values of the speaker encoder; 0: none")

    @property
    def reach(self) -> int:
        """Steps to each side that one output step depends on."""
        return (self.encoder_blocks + self.decoder_blocks) * (self.kernel // 2)

    @property
    def speaker(self) -> int:
        """Values that describe a voice: embedding, spectrum mean and spread, pitch mean, spread."""
        return self.embedding + 2 * self.spectrum.bands + 2


class _Block(nn.Module):
    """ConvNeXt; the norm is scaled and shifted by the voice where there is one."""

    def __init__(self, width: int, kernel: int, dropout: float, voice: int = 0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.spread = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)  # of each step alone: no window sees its neighbours
        self.film = nn.Linear(voice, 2 * width) if voice else None
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, voice: Tensor | None = None) -> Tensor:
        """(B, T, W) -> (B, T, W); voice (B, V)."""
        y = self.norm(self.spread(x.transpose(1, 2)).transpose(1, 2))
        if self.film is not None and voice is not None:
            scale, shift = self.film(voice)[:, None].chunk(2, dim=-1)
            y = y * (1 + scale) + shift
        mixed: Tensor = self.down(self.dropout(nn.functional.gelu(self.up(y))))
        return x + mixed


class VoiceNetwork(nn.Module):
    """Content, pitch and energy of speech, and a voice -> log-mel spectrum in that voice.

    ``{"content": (B, T, F), "pitch": (B, 2 T, bands + 2), "energy": (B, 2 T), "speaker": (B, S)}
    -> {"mel": (B, bands, 2 T)}``, natural logarithm at speech level, 10 ms a step. ``pitch`` as
    ``sung`` tells it, ``energy`` as ``energy_of`` measures it, ``speaker`` as ``speaker_vector``
    makes it. With "noise" (B, T, L) in the batch the latent is drawn from the posterior, else it
    is its mean.
    """

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.config = config
        bands, kernel = config.spectrum.bands, config.kernel
        self.mean: Tensor
        self.directions: Tensor
        self.speaker_mean: Tensor
        self.speaker_std: Tensor
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("directions", torch.eye(config.features, config.projected))
        self.register_buffer("speaker_mean", torch.zeros(config.speaker))
        self.register_buffer("speaker_std", torch.ones(config.speaker))
        self.hear = nn.Linear(config.projected, config.encoder)
        self.encoder = nn.ModuleList(
            _Block(config.encoder, kernel, config.dropout) for _ in range(config.encoder_blocks)
        )
        self.posterior = nn.Linear(config.encoder, 2 * config.latent)
        self.voice = nn.Sequential(nn.Linear(config.speaker, 128), nn.GELU(), nn.Linear(128, 128))
        told = config.latent + STACK * (bands + 3)
        self.speak = nn.Linear(told, config.decoder)
        self.decoder = nn.ModuleList(
            _Block(config.decoder, kernel, config.dropout, 128)
            for _ in range(config.decoder_blocks)
        )
        self.norm = nn.LayerNorm(config.decoder)
        self.leave = nn.Linear(config.decoder, STACK * bands)

    def encode(self, content: Tensor) -> tuple[Tensor, Tensor]:
        """Content (B, T, F) -> mean and log-variance (B, T, L) of the posterior."""
        return self.encode_projected((content - self.mean) @ self.directions)

    def encode_projected(self, content: Tensor) -> tuple[Tensor, Tensor]:
        """Projected content (B, T, P) -> the same."""
        x = self.hear(content)
        for block in self.encoder:
            x = block(x)
        mean, variance = self.posterior(x).chunk(2, dim=-1)
        return mean, variance.clamp(-9.0, 3.0)

    def decode(self, latent: Tensor, pitch: Tensor, energy: Tensor, speaker: Tensor) -> Tensor:
        """Latent (B, T, L), pitch, energy and speaker as in a batch -> log-mel (B, bands, 2 T)."""
        bands = self.config.spectrum.bands
        told = [latent, _stacked(pitch[..., :bands]), _stacked(pitch[..., bands:])]
        told.append(_stacked(energy[..., None]))
        x = self.speak(torch.cat(told, dim=-1))
        voice = self.voice((speaker - self.speaker_mean) / self.speaker_std)
        for block in self.decoder:
            x = block(x, voice)
        made: Tensor = self.leave(self.norm(x))
        made = made.reshape(made.shape[0], -1, bands)
        # The network speaks in units of the voice's own spectrum.
        mean, spread = spectrum_of(speaker, self.config)
        mel: Tensor = (mean[:, None] + made * spread[:, None]).transpose(1, 2)
        return mel

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        mean, variance = self.encode(batch["content"])
        latent = mean
        if "noise" in batch:
            latent = mean + batch["noise"] * (0.5 * variance).exp()
        return {"mel": self.decode(latent, batch["pitch"], batch["energy"], batch["speaker"])}


def _stacked(x: Tensor) -> Tensor:
    """(B, 2 T, C) -> (B, T, 2 C)."""
    return x.reshape(x.shape[0], -1, STACK * x.shape[2])


def sung(pitch: Tensor, config: SpectrumConfig) -> Tensor:
    """What the decoder is told of a pitch track (B, T) in Hz, 0 where unvoiced: (B, T, bands + 2).

    Where the harmonics lie in the log-mel spectrum (0 where unvoiced), how high the pitch is, and
    whether there is one.
    """
    table = harmonic_table(config).to(pitch.device)
    voiced = (pitch > 0).to(table.dtype)[..., None]
    octave = (pitch.clamp_min(_LOW) / _LOW).log2()
    place = octave * ((_PITCHES - 1) / math.log2(_HIGH / _LOW))
    low = place.floor().clamp(0, _PITCHES - 2)
    rest = (place - low)[..., None].clamp(0, 1)
    index = low.long()
    lines = table[index] * (1 - rest) + table[index + 1] * rest
    return torch.cat([lines * voiced, (octave[..., None] - 1.8) * voiced, voiced], dim=-1)


@functools.cache
def harmonic_table(config: SpectrumConfig) -> Tensor:
    """Log-mel of steady pulses at ``_PITCHES`` frequencies, (P, bands), zero mean in each row.

    The lines of a pulse train in the window's spectrum, powers added.
    """
    frequency = torch.logspace(math.log10(_LOW), math.log10(_HIGH), _PITCHES)
    bins = torch.arange(config.bins) * config.rate / config.window
    # The main lobe of the window, as a function of the distance in Hz.
    fine = 16
    lobe = torch.fft.rfft(window(config), fine * config.window).abs()
    step = config.rate / config.window / fine
    rows = []
    for hertz in frequency.tolist():
        lines = torch.arange(1, int(config.rate / 2 / hertz) + 1) * hertz
        away = ((bins[:, None] - lines).abs() / step).round().long().clamp_max(len(lobe) - 1)
        rows.append((lobe[away] ** 2).sum(dim=1).sqrt())
    mel = (torch.stack(rows) @ mel_filters(config)).clamp_min(FLOOR).log()
    # Between the lines there is never nothing in speech.
    mel = torch.maximum(mel, mel.amax(dim=1, keepdim=True) - _DEEPEST)
    return mel - mel.mean(dim=1, keepdim=True)


def energy_of(mel: Tensor) -> Tensor:
    """Loudness of each step of log-mel (..., bands, T) -> (..., T): log RMS magnitude, around 0.

    The louder bands count; -1 is about silence, 1 loud speech.
    """
    loud = 0.5 * (torch.logsumexp(2 * mel, dim=-2) - math.log(mel.shape[-2]))
    return (loud.clamp_min(-9.0) + 4.5) / 4.5


def speaker_vector(
    embedding: Tensor, spectrum_mean: Tensor, spectrum_std: Tensor, pitch: Tensor
) -> Tensor:
    """What the decoder is told of a voice: (B, E), (B, bands) twice, (B, 2) -> (B, S).

    ``pitch`` is mean and spread of the natural logarithm of the pitch in Hz.
    """
    return torch.cat([embedding, spectrum_mean, spectrum_std, pitch], dim=-1)


def spectrum_of(speaker: Tensor, config: VoiceConfig) -> tuple[Tensor, Tensor]:
    """Mean and spread (B, bands) of the spectrum in what ``speaker_vector`` made, (B, S)."""
    start, bands = config.embedding, config.spectrum.bands
    return speaker[:, start : start + bands], speaker[:, start + bands : start + 2 * bands]


def example_batch(config: VoiceConfig) -> dict[str, Tensor]:
    """One window of four seconds."""
    steps = 4 * config.spectrum.rate // config.spectrum.hop // STACK
    return {
        "content": torch.zeros(1, steps, config.features),
        "pitch": torch.zeros(1, STACK * steps, config.spectrum.bands + 2),
        "energy": torch.zeros(1, STACK * steps),
        "speaker": torch.ones(1, config.speaker),
    }
