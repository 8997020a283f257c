"""Losses of a speaker encoder: which of the training voices, and whose crops belong together."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize, one_hot


class MarginSoftmax(nn.Module):
    """Softmax over the cosines to a centre per voice, the right one handicapped by an angle.

    The additive angular margin of Deng et al., "ArcFace", 2019. The centres are trained with the
    encoder and thrown away after it.
    """

    def __init__(self, embedding: int, voices: int, scale: float = 30.0) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(voices, embedding) / math.sqrt(embedding))
        self.scale = scale

    def forward(self, embeddings: Tensor, voices: Tensor, margin: float) -> Tensor:
        """Unit vectors (B, D) and the numbers of their voices (B,) -> loss; margin in radians."""
        cosine = linear(embeddings, normalize(self.centres, dim=1)).clamp(-1 + 1e-6, 1 - 1e-6)
        sine = (1 - cosine**2).sqrt()
        further = cosine * math.cos(margin) - sine * math.sin(margin)
        # Beyond pi - margin the cosine of the wider angle would rise again.
        further = torch.where(cosine > -math.cos(margin), further, cosine - margin**2 / 2)
        right = one_hot(voices, len(self.centres)).bool()
        return cross_entropy(self.scale * torch.where(right, further, cosine), voices)


class Prototypical(nn.Module):
    """Each voice's crop must find the mean of that voice's other crops among those of all voices.

    The angular prototypical loss of Chung et al., "In defence of metric learning for speaker
    recognition", 2020, with a trained scale and offset.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.offset = nn.Parameter(torch.tensor(-5.0))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Unit vectors (V, C, D) of C > 1 crops of each of V voices -> loss."""
        asked, means = embeddings[:, 0], normalize(embeddings[:, 1:].mean(dim=1), dim=1)
        table = self.scale.clamp_min(1e-6) * asked @ means.T + self.offset
        return cross_entropy(table, torch.arange(len(table), device=table.device))
