"""Generator and discriminator, and one step of improving them against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from settings import Settings
from torch import Tensor, nn
from torch.nn.functional import interpolate

from avsynth.face.portrait_square import DRAWN
from avsynth.models.discriminators import Judgement, PatchConfig, PatchDiscriminator
from avsynth.models.reenact import ReenactNetwork, compose
from avsynth.training import lipsync as losses
from avsynth.training.adversarial import feature_matching, paired_loss
from avsynth.training.ema import Ema
from avsynth.training.perceptual import PerceptualLoss
from avsynth.training.recolour import Colours, uniform
from avsynth.training.reenact import attention
from avsynth.training.squares import cut, places_of
from avsynth.training.steps import improve, in_float

Batch = dict[str, Tensor]
View = Callable[[Tensor], Tensor]
_COLOURS = 3
_DECAY = 0.995
_TINT = 0.15  # logarithm: GRID's light is yellow, and so would be everybody's teeth
_GIVEN = ("source", "warped", "hollow", "flow", "drawn")


class Trainer:
    """Everything that learns, on one device."""

    def __init__(self, settings: Settings, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        judge = PatchConfig(
            channels=_COLOURS, condition=DRAWN, widths=settings.widths, scales=settings.scales
        )
        self.network = self._place(ReenactNetwork(settings.network))
        self.patches = self._place(PatchDiscriminator(judge))
        self.perceive = PerceptualLoss(self.device) if settings.perceptual else None
        self.ema = Ema(self.network, _DECAY)
        rates, betas = (settings.learning_rate, settings.discriminator_rate), (0.5, 0.99)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(self.network.parameters(), rates[0], betas),
            "discriminator": torch.optim.Adam(self.patches.parameters(), rates[1], betas),
        }

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        return {"network": self.network, "patches": self.patches, "ema": self.ema.average}

    def step(self, batch: Batch, number: int, generator: torch.Generator) -> dict[str, float]:
        """Improve both sides once; the losses by name."""
        settings = self.settings
        if settings.identities:
            batch = disguise(batch, generator)
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        self._rates(number)
        made = self._make(batch)
        seen = self._looked_at(batch["drawn"], number)
        terms = self._compare(batch, made, seen)
        adversary = bool(settings.adversarial or settings.matching)
        if adversary and number > settings.warm_up:
            terms |= self._against(batch, made, seen)
        improve(self.optimizers["generator"], torch.stack(list(terms.values())).sum())
        self.ema.update(self.network, number)
        if adversary and number > settings.warm_up // 2:
            real, fake = self._judgements(batch, made.detach(), seen)
            terms["judge"] = paired_loss(real, fake)
            improve(self.optimizers["discriminator"], terms["judge"])
        return {name: round(float(value.detach()), 5) for name, value in terms.items()}

    def _make(self, batch: Batch) -> Tensor:
        with self._fast():
            result = self.network({name: self._layout(batch[name]) for name in _GIVEN})
        made = {name: value.float() for name, value in result.items()}
        return compose(batch["source"], batch["flow"], batch["mask"], made)

    def _compare(self, batch: Batch, made: Tensor, seen: View) -> Batch:
        """The losses that need no adversary."""
        settings, truth = self.settings, batch["truth"]
        weight = attention(batch["drawn"], batch["mask"], batch["alone"])
        terms = {
            "pictures": losses.pictures(made, truth, weight),
            "edges": settings.edges * losses.edges(made, truth, weight),
            "detail": settings.detail * losses.detail(made, truth, weight),
        }
        if self.perceive is not None:
            terms["perceptual"] = settings.perceptual * self.perceive(seen(made), seen(truth))
        return terms

    def _looked_at(self, drawn: Tensor, number: int) -> View:
        """What judges see of (N, C, S, S): the face, and every other step the mouth from near."""
        side = self.settings.face
        if number % 2:
            faces = places_of(drawn[:, 0], side)
            return lambda pictures: cut(pictures, faces, side)
        mouths = places_of(drawn[:, 1], side // 2)
        return lambda pictures: double(cut(pictures, mouths, side // 2))

    def _against(self, batch: Batch, made: Tensor, seen: View) -> Batch:
        """What the discriminator tells the generator."""
        settings = self.settings
        self.patches.requires_grad_(False)
        real, fake = self._judgements(batch, made, seen)
        self.patches.requires_grad_(True)
        return {
            "adversarial": settings.adversarial * paired_loss(fake, real),
            "matching": settings.matching * feature_matching(real, fake),
        }

    def _judgements(self, batch: Batch, made: Tensor, seen: View) -> tuple[Judgement, Judgement]:
        """Of pictures, real and made."""
        drawn = self._layout(seen(batch["drawn"]))
        with self._fast():
            real, fake = (
                in_float(self.patches(self._layout(seen(pictures)), drawn))
                for pictures in (batch["truth"], made)
            )
        return real, fake

    def _rates(self, number: int) -> None:
        """Constant, then down to a tenth over the last third; a short warm-up."""
        left = 1.0 - number / self.settings.steps
        factor = min(1.0, number / 100) * min(1.0, 0.1 + 2.7 * left)
        for name, rate in (
            ("generator", self.settings.learning_rate),
            ("discriminator", self.settings.discriminator_rate),
        ):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * factor

    def _fast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16)

    def _place(self, network: Any) -> Any:
        return network.to(self.device, memory_format=torch.channels_last)

    def _layout(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


def double(pictures: Tensor) -> Tensor:
    """Twice the size, smoothly, (N, C, H, W)."""
    return interpolate(pictures, scale_factor=2.0, mode="bilinear", align_corners=False)


def disguise(batch: Batch, generator: torch.Generator) -> Batch:
    """Another person: mirrored or not, in other colours and another light, all pictures alike."""
    dark = batch["warped"] + batch["hollow"]
    films = torch.stack([batch["source"], batch["warped"], dark, batch["truth"]], dim=1)
    tint = torch.exp(uniform((len(films), 1, _COLOURS, 1, 1), generator) * _TINT)
    films = Colours(len(films), films.shape[-1], generator)((films * tint).clamp(0.0, 1.0))
    source, warped, dark, truth = films.unbind(dim=1)
    changed = batch | {"source": source, "warped": warped, "hollow": dark - warped, "truth": truth}
    mirrored = torch.rand(len(films), generator=generator) < 0.5
    where = mirrored[:, None, None, None]
    for name in (*_GIVEN, "truth"):
        turned = changed[name].flip(-1)
        if name == "flow":
            turned = turned * turned.new_tensor([-1.0, 1.0])[:, None, None]
        changed[name] = torch.where(where, turned, changed[name])
    return changed
