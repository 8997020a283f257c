"""The adversarially trained renderer: a classical patch, corrected by the lip-sync network.

The network looks at a small square of the lower face; what it says is applied to the patch in the
frame's own resolution, so that the detail of a large face stays the person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.face.lower_crop import LowerCrop, Matrix, apply, cut, draw_lips
from avsynth.face.render import ClassicalRenderer, Patch, Source, Target
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]
Network = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Squares:
    """What the network is shown of one patch.

    ``picture`` uint8 (S, S, 3), the frame with the moved mouth; ``maps`` uint8 (S, S, 3), 0..255,
    see ``models.lipsync.MAPS``; ``matrix`` (2, 3), from pixels of the patch to those of the square.
    """

    picture: Bytes
    maps: Bytes
    matrix: Matrix


def squares(target: Target, patch: Patch, crop: LowerCrop) -> Squares:
    """Cut the network's view of a classically rendered ``patch``."""
    matrix = crop.matrix(target.frame.vertices)
    shown = blend(target.frame.rgb, patch.rgb, patch.mask)
    mask = cut((patch.mask * 255.0 + 0.5).astype(np.uint8), matrix, crop.size)
    lips = draw_lips(apply(matrix, target.wanted), crop.size)
    maps = np.dstack([mask, lips])
    return Squares(cut(shown, matrix, crop.size), maps, matrix)


def blend(below: Bytes, above: Bytes, mask: Floats) -> Bytes:
    """``above`` over ``below`` (h, w, 3) where ``mask`` (h, w) is 1."""
    share = mask[..., None]
    return np.asarray(below + (above.astype(np.float32) - below) * share + 0.5, dtype=np.uint8)


def to_batch(many: Sequence[Squares]) -> dict[str, Tensor]:
    """The network's input, float32 in 0..1, of several squares of one size."""
    picture = torch.from_numpy(np.stack([square.picture for square in many]))
    maps = torch.from_numpy(np.stack([square.maps for square in many]))
    return {
        "picture": picture.permute(0, 3, 1, 2).float().div(255.0).contiguous(),
        "maps": maps.permute(0, 3, 1, 2).float().div(255.0).contiguous(),
    }


class LipsyncRenderer:
    """See the module. A :class:`avsynth.face.render.Renderer`.

    Args:
        mean: float32 (V, 2), the person's mean vertices over the shot, pixels.
        network: a lip-sync network, ready to run (a ``LoadedModel``).
        size: side of its squares.
    """

    name = "gan"

    def __init__(self, mean: Floats, network: Network, size: int) -> None:
        self._classical = ClassicalRenderer(mean)
        self._crop = LowerCrop(mean, size)
        self._network = network

    def render(self, targets: Sequence[Target], sources: Sequence[Source]) -> list[Patch]:
        """See the protocol; all targets go through the network at once."""
        patches = self._classical.render(targets, sources)
        if not patches:
            return []
        seen = [squares(t, p, self._crop) for t, p in zip(targets, patches, strict=True)]
        made = {name: value.numpy() for name, value in self._network(to_batch(seen)).items()}
        return [
            _correct(patch, square.matrix, {name: value[i] for name, value in made.items()})
            for i, (patch, square) in enumerate(zip(patches, seen, strict=True))
        ]


def _correct(patch: Patch, matrix: Matrix, made: Mapping[str, Floats]) -> Patch:
    """Apply what the network made, arrays (C, s, s), to the patch in its own resolution.

    The same as ``models.lipsync.compose`` does to the square, which a test holds to.
    """
    side = made["keep"].shape[-1]
    flow, shade, paint = (_spread(made[n], side, matrix, patch) for n in ("flow", "shade", "paint"))
    keep = _spread(made["keep"], side, matrix, patch)[..., None]
    height, width = patch.mask.shape
    back = np.linalg.inv(matrix[:, :2]).astype(np.float32)  # to pixels of the patch
    x = np.arange(width, dtype=np.float32)[None, :] + flow @ back[0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow @ back[1]
    moved = cv2.remap(patch.rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rgb = 255.0 * (paint + shade - keep * paint) + keep * moved
    return Patch(patch.box, np.asarray(np.clip(rgb + 0.5, 0, 255), dtype=np.uint8), patch.mask)


def _spread(field: Floats, side: int, matrix: Matrix, patch: Patch) -> Floats:
    """A field (C, s, s) of the square of ``side`` on the pixels of the patch, (h, w, C)."""
    step = side / field.shape[-1]
    inner = (
        matrix / step
    )  # pixel k of the field is centred between the square's pixels it stands for
    inner[:, 2] += 0.5 / step - 0.5
    height, width = patch.mask.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    values = np.ascontiguousarray(field.transpose(1, 2, 0), dtype=np.float32)
    spread = cv2.warpAffine(
        values, inner, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(spread, dtype=np.float32)
