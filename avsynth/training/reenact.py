"""What a reenactment generator's pictures are compared by, and where one looks."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

_BEHIND = 0.3  # weight of what is neither head nor near it
_FEATURES = 8.0  # weight of mouth and eyes over the rest of the head
_HAIR = 0.08  # of the square, by which a head is larger than its face, to each side
_BESIDE = 0.016  # of the square, around lips and lids that counts as they do


def attention(drawn: Tensor, mask: Tensor, alone: Tensor) -> Tensor:
    """How much each pixel counts, (N, 1, S, S), mean 1.

    Args:
        drawn: (N, DRAWN, S, S), the wanted face.
        mask: (1, 1, S, S), the region that is rendered.
        alone: (N,), 1 where the source has another background than the truth, which then
            counts for nothing.
    """
    head = _smooth(_grown(drawn[:, :1], _HAIR))
    telling = _grown(drawn[:, 1:].amax(dim=1, keepdim=True), _BESIDE)
    behind = _BEHIND * (1.0 - alone)[:, None, None, None]
    weight = mask * (behind + (1.0 - behind) * head + (_FEATURES - 1.0) * telling)
    return weight / (weight.mean(dim=(1, 2, 3), keepdim=True) + 1e-6)


def _grown(drawn: Tensor, share: float) -> Tensor:
    by = max(1, round(share * drawn.shape[-1]))
    across = max_pool2d(drawn, (1, 2 * by + 1), stride=1, padding=(0, by))
    return max_pool2d(across, (2 * by + 1, 1), stride=1, padding=(by, 0))


def _smooth(drawn: Tensor) -> Tensor:
    return avg_pool2d(drawn, 9, stride=1, padding=4, count_include_pad=False)
