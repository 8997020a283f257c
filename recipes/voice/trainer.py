"""The voice network, its discriminator and its adversary, and one step of all of them."""

from __future__ import annotations

from typing import Any

import torch
from settings import Settings
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from windows import Batch, Windows

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models.discriminators import Judgement, PatchConfig, PatchDiscriminator
from avsynth.models.speaker import SpeakerEncoder
from avsynth.models.voice import STACK, VoiceNetwork, spectrum_of, sung
from avsynth.training import voice as losses
from avsynth.training.adversarial import feature_matching, paired_loss
from avsynth.training.divergence import divergence
from avsynth.training.ema import Ema
from avsynth.training.steps import improve, in_float

_DECAY = 0.998


class Trainer:
    """Everything that learns, on one device."""

    def __init__(self, settings: Settings, windows: Windows, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.network = VoiceNetwork(settings.network)
        voices = windows.voices
        self.network.speaker_mean.copy_(voices.mean(dim=0))
        self.network.speaker_std.copy_(voices.std(dim=0).clamp_min(1e-3))
        if windows.projection is not None:
            self.network.mean.copy_(windows.projection[0])
            self.network.directions.copy_(windows.projection[1])
        self.network.to(self.device)
        self.judge = PatchDiscriminator(PatchConfig(channels=1, widths=settings.widths))
        self.judge.to(self.device)
        latent, speakers = settings.network.latent, len(windows.clips)
        self.adversary = losses.SpeakerAdversary(latent, speakers).to(self.device)
        self.ear = self._ear() if settings.likeness else None
        self.ema = Ema(self.network, _DECAY)
        makers = [*self.network.parameters(), *self.adversary.parameters()]
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.AdamW(makers, settings.learning_rate, (0.8, 0.99)),
            "discriminator": torch.optim.Adam(
                self.judge.parameters(), settings.discriminator_rate, (0.5, 0.99)
            ),
        }

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        return {
            "network": self.network, "judge": self.judge, "adversary": self.adversary,
            "ema": self.ema.average,
        }  # fmt: skip

    def step(self, batch: Batch, number: int, generator: torch.Generator) -> dict[str, float]:
        """Improve both sides once; the losses by name."""
        settings = self.settings
        batch = {name: value.to(self.device) for name, value in batch.items()}
        self._rates(number)
        batch["speaker"] = self._blurred(batch["speaker"], generator)
        latent, made, terms = self._reconstruct(batch, number, generator)
        against = settings.variant == "vae_gan" and number > settings.warm_up
        if settings.likeness or settings.content:
            converted, other = self._convert(batch, latent, generator)
            terms |= self._check(converted, other, latent)
        if against:
            trust = min(1.0, (number - settings.warm_up) / settings.trust_steps)
            terms |= self._against(batch["truth"], made, trust)
        improve(self.optimizers["generator"], torch.stack(list(terms.values())).sum())
        self.ema.update(self.network, number)
        if against:
            terms["judge"] = paired_loss(self._judged(batch["truth"]), self._judged(made.detach()))
            improve(self.optimizers["discriminator"], terms["judge"])
        return {name: round(float(value.detach()), 5) for name, value in terms.items()}

    def _reconstruct(
        self, batch: Batch, number: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Batch]:
        """A latent, the spectrum that is made of it, and the losses that need no adversary."""
        settings = self.settings
        with self._fast():
            mean, variance = self.network.encode_projected(batch["content"])
        mean, variance = mean.float(), variance.float()
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        latent = mean + noise * (0.5 * variance).exp()
        pitch = sung(batch["pitch"], settings.network.spectrum)
        with self._fast():
            made = self.network.decode(latent, pitch, batch["energy"], batch["speaker"]).float()
        _, spread = spectrum_of(batch["speaker"], settings.network)
        grown = min(1.0, number / max(settings.divergence_steps, 1))
        terms = {
            "spectra": losses.spectra(made, batch["truth"], spread),
            "motion": settings.motion * losses.motion(made, batch["truth"], spread),
            "divergence": grown
            * settings.divergence
            * divergence(mean.flatten(0, 1), variance.flatten(0, 1), settings.free_bits),
        }
        if settings.unlearn:
            told = self.adversary(losses.reverse(latent * 1.0))
            terms["unlearn"] = settings.unlearn * cross_entropy(told, batch["clip"])
        return latent, made, terms

    def _convert(
        self, batch: Batch, latent: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The same words in the voices of others of the batch, and those voices."""
        size = len(latent)
        shift = int(torch.randint(1, size, (), generator=generator))
        other = batch["speaker"].roll(shift, 0)
        own, new = batch["speaker"][:, -2:], other[:, -2:]
        pitch = batch["pitch"]
        moved = (pitch.clamp_min(1).log() - own[:, :1]) * (new[:, 1:] / own[:, 1:]).clamp(
            0.5, 2
        ) + new[:, :1]
        pitch = torch.where(pitch > 0, moved.exp().clamp(40, 600), pitch)
        pitch = sung(pitch, self.settings.network.spectrum)
        with self._fast():
            made = self.network.decode(latent, pitch, batch["energy"], other)
        return made.float(), other

    def _check(self, converted: Tensor, other: Tensor, latent: Tensor) -> Batch:
        """Whether a conversion sounds like its target and still says the same."""
        settings, terms = self.settings, {}
        if self.ear is not None:
            with self._fast():
                heard = self.ear({"mel": converted})["embedding"].float()
            aim = other[:, : settings.network.embedding]
            terms["likeness"] = settings.likeness * (1 - (heard * aim).sum(dim=1)).mean()
        if settings.content:
            mean, spread = spectrum_of(other, settings.network)
            own = (
                ((converted - mean[..., None]) / spread[..., None])
                .transpose(1, 2)
                .unflatten(1, (-1, STACK))
                .flatten(2)
            )
            with self._fast():
                again, _ = self.network.encode(own)
            terms["content"] = settings.content * (again.float() - latent.detach()).abs().mean()
        return terms

    def _against(self, truth: Tensor, made: Tensor, trust: float) -> Batch:
        """What the discriminator tells the generator, as far as it is trusted yet."""
        settings = self.settings
        self.judge.requires_grad_(False)
        real, fake = self._judged(truth), self._judged(made)
        self.judge.requires_grad_(True)
        return {
            "adversarial": trust * settings.adversarial * paired_loss(fake, real),
            "matching": trust * settings.matching * feature_matching(real, fake),
        }

    def _judged(self, mel: Tensor) -> Judgement:
        with self._fast():
            judgement = self.judge(losses.picture(mel))
        return in_float(judgement)

    def _blurred(self, speaker: Tensor, generator: torch.Generator) -> Tensor:
        """The voice told a little wrong: an embedding of 200 speakers is easily learned by heart.

        The spectrum's mean and spread stay: the result is in units of them.
        """
        width = self.settings.network.embedding
        spread = self.network.speaker_std[:width]
        noise = torch.randn((len(speaker), width), generator=generator).to(speaker.device)
        near = speaker[:, :width] + self.settings.voice_noise * spread * noise
        return torch.cat([near, speaker[:, width:]], dim=1)

    def _rates(self, number: int) -> None:
        """A short warm-up, then a cosine down to a twentieth."""
        settings = self.settings
        left = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * number / settings.steps)).item())
        factor = min(1.0, number / 200) * (0.05 + 0.95 * left)
        for name, rate in (
            ("generator", settings.learning_rate),
            ("discriminator", settings.discriminator_rate),
        ):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * factor

    def _fast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16)

    def _ear(self) -> SpeakerEncoder:
        source = weights.read(self.settings.speaker)
        if not isinstance(source.network, SpeakerEncoder):
            raise WeightsError("not a speaker encoder", source.path)
        return source.network.to(self.device).eval().requires_grad_(False)
