"""Generator and discriminators, and one step of improving them against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from settings import Settings
from torch import Tensor, nn

from avsynth.models import synthesis
from avsynth.models.discriminators import Judgement
from avsynth.models.vocoder import Vocoder
from avsynth.models.wave_discriminators import PeriodDiscriminator, ResolutionDiscriminator
from avsynth.speech.excitation import anchored, hold, phases, pulses
from avsynth.training.adversarial import discriminator_loss, feature_matching, generator_loss
from avsynth.training.ema import Ema
from avsynth.training.steps import improve
from avsynth.training.vocoder import spectra

Batch = dict[str, Tensor]


class Trainer:
    """Everything that learns, on one device."""

    def __init__(self, settings: Settings, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.network = Vocoder(settings.network).to(self.device)
        self.periods = PeriodDiscriminator(settings.periods).to(self.device)
        self.resolutions = ResolutionDiscriminator(settings.resolutions).to(self.device)
        self.ema = Ema(self.network, settings.decay)
        judges = [*self.periods.parameters(), *self.resolutions.parameters()]
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.AdamW(
                self.network.parameters(), settings.learning_rate, (0.8, 0.99)
            ),
            "discriminators": torch.optim.AdamW(judges, settings.discriminator_rate, (0.8, 0.99)),
        }

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        return {
            "network": self.network, "periods": self.periods, "resolutions": self.resolutions,
            "ema": self.ema.average,
        }  # fmt: skip

    def step(self, batch: Batch, number: int) -> dict[str, float]:
        """Improve both sides once; the losses by name."""
        settings = self.settings
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        self._rates(number)
        made, truth = self._make(batch), batch["sound"]
        distances = spectra(made, truth, settings.network.rate, settings.windows)
        terms = {"mel": settings.mel * distances["mel"], "bins": settings.bins * distances["bins"]}
        rivals = bool(settings.adversarial or settings.matching) and number > settings.warm_up
        real = self._judge(truth[: settings.judged]) if rivals else []
        if rivals:
            terms |= self._against(real, made[: settings.judged])
        improve(self.optimizers["generator"], torch.stack(list(terms.values())).sum())
        self.ema.update(self.network, number)
        if rivals:
            fake = self._judge(made[: settings.judged].detach())
            pairs = zip(real, fake, strict=True)
            terms["judges"] = sum_of([discriminator_loss(r, f) for r, f in pairs])
            improve(self.optimizers["discriminators"], terms["judges"], largest=10.0)
        return {name: round(float(value.detach()), 5) for name, value in terms.items()}

    def _make(self, batch: Batch) -> Tensor:
        """The generator's sound (B, N)."""
        config = self.settings.network
        with self._fast():
            filters = self.network({"mel": batch["mel"], "pitch": batch["pitch"]})
        held = hold(batch["pitch"], config.hold)
        parts = phases(torch.cat([held, held[:, -1:]], dim=1), config.hop, config.rate)
        train = pulses(anchored(parts[0], batch["start"], config.hop), *parts[1:], config.rate)
        drawn = np.random.default_rng(int(batch["seed"])).standard_normal(
            tuple(train.shape), np.float32
        )
        noise = torch.from_numpy(drawn).to(self.device)
        filters = {name: value.float() for name, value in filters.items()}
        return synthesis.apply(filters, train, noise, config)

    def _against(self, real: list[Judgement], made: Tensor) -> Batch:
        """What the discriminators tell the generator; ``real`` is their view of the truth."""
        for judge in (self.periods, self.resolutions):
            judge.requires_grad_(False)
        fake = self._judge(made)
        for judge in (self.periods, self.resolutions):
            judge.requires_grad_(True)
        pairs = list(zip(real, fake, strict=True))
        return {
            "adversarial": self.settings.adversarial * sum_of([generator_loss(f) for f in fake]),
            "matching": self.settings.matching * sum_of([feature_matching(r, f) for r, f in pairs]),
        }

    def _judge(self, sound: Tensor) -> list[Judgement]:
        with self._fast():
            judged = [self.periods(sound), self.resolutions(sound)]
        return [Judgement([x.float() for x in each.logits], each.features) for each in judged]

    def _rates(self, number: int) -> None:
        """A short warm-up, then a half cosine down to a hundredth."""
        cosine = 0.5 + 0.5 * float(np.cos(np.pi * number / self.settings.steps))
        factor = min(1.0, number / 100) * (0.01 + 0.99 * cosine)
        for name, rate in (
            ("generator", self.settings.learning_rate),
            ("discriminators", self.settings.discriminator_rate),
        ):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * factor

    def _fast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16)


def sum_of(values: list[Tensor]) -> Tensor:
    """Of scalars."""
    return torch.stack(values).sum()
