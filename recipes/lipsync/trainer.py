"""Generator and discriminators, and one step of improving them against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from identities import disguise
from settings import Settings
from torch import Tensor, nn

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models.discriminators import Judgement, PatchConfig, PatchDiscriminator
from avsynth.models.lipsync import MAPS, LipsyncNetwork, Posterior, compose
from avsynth.models.sync import SyncExpert
from avsynth.training import lipsync as losses
from avsynth.training.adversarial import feature_matching, generator_loss, paired_loss
from avsynth.training.divergence import divergence
from avsynth.training.ema import Ema
from avsynth.training.squares import cut, places_of
from avsynth.training.steps import improve, in_float

Batch = dict[str, Tensor]
_COLOURS = 3
_DECAY = 0.998


class Trainer:
    """Everything that learns, on one device."""

    def __init__(self, settings: Settings, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        film = settings.film
        still = PatchConfig(
            channels=_COLOURS, condition=MAPS, widths=settings.widths, scales=settings.scales
        )
        moving = PatchConfig(
            channels=_COLOURS * film, condition=MAPS * film, widths=settings.widths, scales=1
        )
        self.network = self._place(LipsyncNetwork(settings.network))
        self.posterior = self._place(Posterior(settings.network))
        self.patches = self._place(PatchDiscriminator(still))
        self.temporal = self._place(PatchDiscriminator(moving))
        self.expert = self._expert() if settings.sync else None
        self.ema = Ema(self.network, _DECAY)
        makers = [*self.network.parameters(), *self.posterior.parameters()]
        judges = [*self.patches.parameters(), *self.temporal.parameters()]
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(makers, settings.learning_rate, (0.5, 0.99)),
            "discriminators": torch.optim.Adam(judges, settings.discriminator_rate, (0.5, 0.99)),
        }

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        return {
            "network": self.network, "posterior": self.posterior, "patches": self.patches,
            "temporal": self.temporal, "ema": self.ema.average,
        }  # fmt: skip

    def step(self, batch: Batch, number: int, generator: torch.Generator) -> dict[str, float]:
        """Improve both sides once; the losses by name."""
        settings = self.settings
        if settings.identities:
            mel = batch.pop("mel")
            batch = disguise(batch, generator) | {"mel": mel}
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        adversaries = bool(settings.adversarial or settings.temporal or settings.matching)
        start = int(
            torch.randint(batch["truth"].shape[1] - settings.film + 1, (), generator=generator)
        )
        self._rates(number)
        made, terms = self._make(batch, generator)
        if adversaries and number > settings.warm_up:
            terms |= self._against(batch, made, start)
        if self.expert is not None:
            terms["sync"] = settings.sync * self._out_of_sync(made, batch["mel"])
        total = torch.stack(list(terms.values())).sum()
        improve(self.optimizers["generator"], total)
        self.ema.update(self.network, number)
        if adversaries:
            terms["judges"] = self._judge(batch, made.detach(), start)
            improve(self.optimizers["discriminators"], terms["judges"])
        return {name: round(float(value.detach()), 5) for name, value in terms.items()}

    def _make(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """The generator's films, and the losses that need no adversary."""
        settings = self.settings
        truth, picture, maps = (batch[n].flatten(0, 1) for n in ("truth", "picture", "maps"))
        given, terms = {"picture": picture, "maps": maps}, {}
        if settings.network.variant == "vae":
            with self._fast():
                mean, variance = self.posterior(picture, maps, truth)
            mean, variance = mean.float(), variance.float()
            noise = torch.randn(mean.shape, generator=generator).to(mean.device)
            given["latent"] = mean + noise * (0.5 * variance).exp()
            terms["divergence"] = settings.divergence * divergence(
                mean, variance, settings.free_bits
            )
        result = self._run(self.network, given)
        made = compose(picture, truth, maps[:, :1], result)
        weight = losses.attention(maps)
        shape = batch["truth"].shape[:2]
        films = (x.unflatten(0, shape) for x in (made, truth, weight))
        terms |= {
            "pictures": losses.pictures(made, truth, weight),
            "edges": settings.edges * losses.edges(made, truth, weight),
            "detail": settings.detail * losses.detail(made, truth, weight),
            "flicker": settings.flicker * losses.flicker(*films),
        }
        return made.unflatten(0, shape), terms

    def _against(self, batch: Batch, made: Tensor, start: int) -> Batch:
        """What the discriminators tell the generator."""
        settings = self.settings
        self._still_judges(True)
        real, fake = self._judgements(batch, made, start)
        self._still_judges(False)
        return {
            "adversarial": settings.adversarial * paired_loss(fake[0], real[0]),
            "temporal": settings.temporal * paired_loss(fake[1], real[1]),
            "matching": settings.matching * feature_matching(real[0], fake[0]),
        }

    def _out_of_sync(self, made: Tensor, mel: Tensor) -> Tensor:
        assert self.expert is not None
        steps = self.expert.config.steps
        skip = (mel.shape[-1] - steps) // 2
        return generator_loss(self.expert(made, mel[..., skip : skip + steps]))

    def _judge(self, batch: Batch, made: Tensor, start: int) -> Tensor:
        """What the discriminators have to learn."""
        real, fake = self._judgements(batch, made, start)
        return paired_loss(real[0], fake[0]) + paired_loss(real[1], fake[1])

    def _judgements(
        self, batch: Batch, made: Tensor, start: int
    ) -> tuple[list[Judgement], list[Judgement]]:
        """Of stills and of films, real and made."""
        film = slice(start, start + self.settings.film)
        places = mouths(batch["maps"], self.settings.mouth)
        maps = places(batch["maps"])

        def both(pictures: Tensor) -> list[Judgement]:
            seen = places(pictures)
            with self._fast():
                still = self.patches(seen.flatten(0, 1), maps.flatten(0, 1))
                moving = self.temporal(seen[:, film], maps[:, film])
            return [in_float(still), in_float(moving)]

        return both(batch["truth"]), both(made)

    def _run(self, network: nn.Module, given: Batch) -> Batch:
        with self._fast():
            result = network({k: self._layout(v) for k, v in given.items()})
        return {name: value.float() for name, value in result.items()}

    def _rates(self, number: int) -> None:
        """Constant, then down to a tenth over the last third; a short warm-up."""
        left = 1.0 - number / self.settings.steps
        factor = min(1.0, number / 100) * min(1.0, 0.1 + 2.7 * left)
        for name, rate in (
            ("generator", self.settings.learning_rate),
            ("discriminators", self.settings.discriminator_rate),
        ):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * factor

    def _still_judges(self, still: bool) -> None:
        for judge in (self.patches, self.temporal):
            judge.requires_grad_(not still)

    def _fast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16)

    def _place(self, network: Any) -> Any:
        return network.to(self.device, memory_format=torch.channels_last)

    def _layout(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    def _expert(self) -> SyncExpert:
        source = weights.read(self.settings.sync_expert)
        network = source.network
        if not isinstance(network, SyncExpert):
            raise WeightsError("not a sync expert", source.path)
        return network.to(self.device)


def mouths(maps: Tensor, side: int) -> Callable[[Tensor], Tensor]:
    """A function that cuts the mouths, (B, T, C, side, side), out of films (B, T, C, S, S).

    ``maps`` (B, T, 3, S, S) say where the lips are; a film is cut at one place, so that nothing
    moves but the mouth.
    """
    lips = maps[:, :, 1].mean(dim=1)
    corners = places_of(lips, side)
    return lambda film: cut(film, corners, side)
