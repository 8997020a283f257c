"""What the motion network is trained by: distances to the real motion, and a discriminator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from configuration import Adversarial, Settings
from numpy.typing import NDArray
from torch import Tensor, nn

from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace
from avsynth.models.discriminators import Judgement, SequenceConfig, SequenceDiscriminator
from avsynth.training import adversarial

#: Where the mouth counts as closed: openings under this many units, softly.
_CLOSED, _SHARP = -0.8, 5.0


def opens(space: MouthSpace) -> NDArray[np.float64]:
    """How far each coefficient, in its typical size, opens the mouth (K,)."""
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    rise = space.components[:, bottom, 1] - space.components[:, top, 1]
    return np.asarray(rise * space.deviation)


class MotionLoss(nn.Module):
    """Positions (Huber) and velocities (L1) of coefficients by their size, and the opening (L1)."""

    def __init__(self, space: MouthSpace, settings: Settings) -> None:
        super().__init__()
        direction = opens(space)
        self.settings = settings
        self.size: Tensor
        self.opens: Tensor
        self.register_buffer("size", _tensor(space.deviation / space.deviation[0]))
        self.register_buffer("opens", _tensor(direction / np.linalg.norm(direction)))

    def forward(self, motion: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Predicted and true motion (B, T, K), mask (B, T) -> losses by name, "loss" their sum."""
        huber = nn.functional.smooth_l1_loss(
            motion * self.size, truth * self.size, reduction="none", beta=0.3
        )
        error, weight = motion - truth, mask
        if self.settings.closure_weight > 0:
            closed = torch.sigmoid(_SHARP * (_CLOSED - truth @ self.opens))
            weight = mask * (1 + self.settings.closure_weight * closed)
        position = (huber * weight[..., None]).sum() / weight.sum()
        opening = ((error @ self.opens).abs() * weight).sum() / weight.sum()
        both = mask[:, 1:] * mask[:, :-1]
        change = ((error[:, 1:] - error[:, :-1]) * self.size).abs()
        velocity = (change * both[..., None]).sum() / both.sum()
        total = (
            position
            + self.settings.opening_weight * opening
            + self.settings.velocity_weight * velocity
        )
        return {"loss": total, "position": position, "opening": opening, "velocity": velocity}


class Adversary:
    """A discriminator of motion given sound, its losses and the network's.

    Real is motion with its own sound; fake are the network's motion, and real motion with the sound
    of another moment, so that it is a sync expert too (matching-aware, Reed et al. 2016).
    """

    def __init__(self, space: MouthSpace, condition: int, settings: Adversarial) -> None:
        self.settings = settings
        self.config = SequenceConfig(
            channels=space.size, condition=condition, hidden=settings.hidden, layers=settings.layers
        )
        with torch.random.fork_rng(devices=[]):  # runs with and without it begin alike
            self.network = SequenceDiscriminator(self.config)
        self._size = _tensor(space.deviation / space.deviation[0])

    def judge(self, motion: Tensor, heard: Tensor, mask: Tensor) -> Judgement:
        """Motion (B, T, K) in person's units, sound (B, T, P), mask (B, T) -> judgement."""
        seen = mask[..., None]
        return self.network(motion * self._size.to(motion) * seen, heard * seen)

    def __call__(
        self, move: Callable[[Tensor], Tensor], batch: dict[str, Tensor], step: int
    ) -> tuple[Tensor, Tensor]:
        """Loss of the discriminator, and of the network whose ``move`` is judged, at ``step``."""
        s, heard, mask = self.settings, batch["heard"], batch["mask"]
        motion = move(heard)
        real = self.judge(batch["motion"], heard, mask)
        made = self.judge(motion.detach(), heard, mask)
        other = self.judge(batch["other"], heard, mask)
        own = (1 - s.mismatched) * adversarial.discriminator_loss(real, made)
        own = own + s.mismatched * adversarial.discriminator_loss(real, other)
        self.network.requires_grad_(False)  # the network's loss leaves the discriminator alone
        judged = self.judge(motion, heard, mask)
        self.network.requires_grad_(True)
        loss = s.weight * adversarial.generator_loss(judged)
        loss = loss + s.matching * adversarial.feature_matching(real, judged)
        return own, loss * min(1.0, (step - s.start) / s.ramp)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
