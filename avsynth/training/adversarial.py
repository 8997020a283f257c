"""Adversarial losses over ``Judgement``s: the same for pictures, films, motion and sound.

Hinge loss (Lim and Ye 2017); paired relativistic loss (Jolicoeur-Martineau 2019) for fakes whose
real counterpart is known: what both show cancels, so that small differences are learned from;
feature matching (Wang et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, relu, softplus

from avsynth.models.discriminators import Judgement


def discriminator_loss(real: Judgement, fake: Judgement) -> Tensor:
    """What the discriminator minimises: logits above 1 for real, below -1 for fake."""
    terms = [
        relu(1.0 - r).mean() + relu(1.0 + f).mean()
        for r, f in zip(real.logits, fake.logits, strict=True)
    ]
    return torch.stack(terms).mean()


def generator_loss(fake: Judgement) -> Tensor:
    """What the generator minimises: its pictures taken for real."""
    return torch.stack([-logits.mean() for logits in fake.logits]).mean()


def paired_loss(winner: Judgement, loser: Judgement) -> Tensor:
    """Minimised by the discriminator for (real, fake) of equal content, by the generator reversed.

    Softplus of how far the loser's logit lies above the winner's, place by place.
    """
    terms = [
        softplus(low - high).mean() for high, low in zip(winner.logits, loser.logits, strict=True)
    ]
    return torch.stack(terms).mean()


def feature_matching(real: Judgement, fake: Judgement) -> Tensor:
    """Mean L1 distance of the activations, each layer in units of the real ones' size."""
    terms = [
        l1_loss(f, r.detach()) / (r.detach().abs().mean() + 1e-6)
        for many_r, many_f in zip(real.features, fake.features, strict=True)
        for r, f in zip(many_r, many_f, strict=True)
    ]
    return torch.stack(terms).mean()
