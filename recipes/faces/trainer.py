"""One step of a VAE, a GAN or a VAE-GAN: the same generator, data, optimiser and average.

VAE: L1 and divergence. GAN: hinge loss with a penalty on the discriminator's gradient at real
pictures (R1, Mescheder et al. 2018; every few steps as in StyleGAN 2). VAE-GAN: both, with feature
matching of reconstructions; half as many drawn people as reconstructed ones are judged besides
(Larsen et al. 2016).
"""

from __future__ import annotations

import torch
from portraits import Portraits
from settings import Settings
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from avsynth.models.discriminators import Judgement, PatchDiscriminator
from avsynth.models.face_vae import FaceVae
from avsynth.training.adversarial import discriminator_loss, feature_matching, generator_loss
from avsynth.training.divergence import divergence
from avsynth.training.ema import Ema
from avsynth.training.steps import improve, in_float

_MOMENTUM = 0.99  # of the Gaussian that follows the latents


class Trainer:
    """The networks, their optimisers, and the average that is kept in the end."""

    def __init__(self, settings: Settings, portraits: Portraits, device: str = "cpu") -> None:
        if (settings.judge is None) != (settings.kind == "vae"):
            raise ValueError("a VAE has no discriminator, the others have one")
        self.settings, self.device = settings, torch.device(device)
        network = FaceVae(settings.network)
        if network.warp is not None:
            network.warp.fields.copy_(portraits.fields)
        self.network: FaceVae = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.network, settings.average)
        self.networks: dict[str, nn.Module] = {"network": self.network, "ema": self.ema.average}
        parameters = [p for p in network.parameters() if p.requires_grad]
        # Without momentum of the gradients, as is usual where an adversary moves, for all kinds.
        made = torch.optim.Adam(parameters, settings.learning_rate, betas=(0.5, 0.99))
        self.optimizers: dict[str, torch.optim.Optimizer] = {"network": made}
        self.judge: PatchDiscriminator | None = None
        if settings.judge is not None:
            judge = PatchDiscriminator(settings.judge)
            self.judge = judge.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.networks["judge"] = judge
            self.optimizers["judge"] = torch.optim.Adam(
                judge.parameters(), settings.judge_rate, betas=(0.5, 0.99)
            )

    def step(
        self, batch: dict[str, Tensor], number: int, noise: torch.Generator
    ) -> dict[str, float]:
        """Improve once; the losses by name."""
        settings = self.settings
        real = batch["picture"].to(self.device)
        losses: dict[str, Tensor] = {}
        fast = settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            made = self._made(real, batch["shape"].to(self.device), number, noise, losses)
        if self.judge is not None and number > settings.begin:
            losses["judge"] = self._judged(real, made.detach(), number, fast)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
                fake = in_float(self.judge(made))
                losses["adversary"] = generator_loss(fake)
                if settings.kind == "vae-gan":
                    with torch.no_grad():
                        truth = in_float(self.judge(real))
                    rebuilt = [[x[: len(real)] for x in scale] for scale in fake.features]
                    losses["matching"] = feature_matching(truth, Judgement([], rebuilt))
        improve(self.optimizers["network"], self._total(losses, number))
        self.ema.update(self.network, number)
        return {name: round(float(value.detach()), 5) for name, value in losses.items()}

    def _made(
        self, real: Tensor, shape: Tensor, number: int, noise: torch.Generator,
        losses: dict[str, Tensor],
    ) -> Tensor:  # fmt: skip
        """Pictures: drawn, rebuilt, or rebuilt and then drawn; fills in the VAE's losses."""
        settings = self.settings
        size = settings.network.latent
        if settings.kind == "gan":
            return self.network.decode(_normal(len(real), size, noise, real))[0]
        mean, variance = self.network.encode(real)
        latent = mean + (variance / 2).exp() * _normal(len(real), size, noise, real)
        if settings.follow is not None and number > settings.follow:
            self._follow(latent.detach())
        if settings.kind == "vae-gan" and number > settings.begin:
            drawn = self.network.drawn(_normal(len(real) // 2, size, noise, real))
            latent = torch.cat([latent, drawn])
        made, shapes = self.network.decode(latent)
        losses["l1"] = l1_loss(made[: len(real)], real)
        losses["divergence"] = divergence(mean, variance, settings.free)
        if settings.network.modes:
            losses["shape"] = mse_loss(shapes[: len(real)], shape)
        return made

    def _follow(self, latent: Tensor) -> None:
        """Move the Gaussian that people are drawn from towards latents (N, L)."""
        with torch.autocast(self.device.type, enabled=False):
            network, share = self.network, 1.0 - _MOMENTUM
            away = latent - network.centre
            covariance = network.factor @ network.factor.T
            covariance = covariance.lerp(away.T @ away / len(away), share)
            network.settle(network.centre + share * away.mean(dim=0), covariance)

    def _judged(self, real: Tensor, made: Tensor, number: int, fast: bool) -> Tensor:
        """Improve the discriminator; its hinge loss."""
        assert self.judge is not None
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            loss = discriminator_loss(in_float(self.judge(real)), in_float(self.judge(made)))
        total = loss
        every = self.settings.penalty_every
        if number % every == 0:
            given = real.detach().requires_grad_()
            logits = torch.stack([x.mean(dim=(1, 2, 3)) for x in self.judge(given).logits]).sum()
            [gradient] = torch.autograd.grad(logits, given, create_graph=True)
            slope = gradient.square().sum(dim=(1, 2, 3)).mean()
            total = total + 0.5 * self.settings.penalty * every * slope
        improve(self.optimizers["judge"], total)
        return loss

    def _total(self, losses: dict[str, Tensor], number: int) -> Tensor:
        settings = self.settings
        if settings.kind == "gan":
            return losses["adversary"]
        weights = {
            "l1": 1.0,
            "divergence": settings.divergence * min(1.0, number / max(1, settings.warm_up)),
            "shape": settings.shape,
            "adversary": settings.adversary,
            "matching": settings.matching,
        }
        return torch.stack(
            [weights[name] * v for name, v in losses.items() if name in weights]
        ).sum()


def _normal(count: int, size: int, noise: torch.Generator, like: Tensor) -> Tensor:
    return torch.randn(count, size, generator=noise).to(like.device)
