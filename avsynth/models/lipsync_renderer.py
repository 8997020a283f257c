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

from avsynth.errors import ResourceError
from avsynth.face.lower_crop import LowerCrop, Matrix, apply, cut, draw_lips
from avsynth.face.render import ClassicalRenderer, Patch, Source, Target
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]
Network = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
Made = Mapping[str, Floats]


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
    mask = cut(np.asarray(patch.mask * 255.0 + 0.5, dtype=np.uint8), matrix, crop.size)
    lips = draw_lips(apply(matrix, target.wanted), crop.size)
    maps = np.dstack([mask, lips])
    return Squares(cut(shown, matrix, crop.size), maps, matrix)


def blend(below: Bytes, above: Bytes, mask: Floats) -> Bytes:
    """``above`` over ``below`` (h, w, 3) where ``mask`` (h, w) is 1."""
    return np.asarray(cv2.blendLinear(above, below, mask, 1.0 - mask), dtype=np.uint8)


def to_batch(many: Sequence[Squares]) -> dict[str, Tensor]:
    """The network's input, float32 in 0..1, of several squares of one size."""
    return {
        "picture": _channels_first([square.picture for square in many]),
        "maps": _channels_first([square.maps for square in many]),
    }


def _channels_first(pictures: Sequence[Bytes]) -> Tensor:
    first = np.stack([picture.transpose(2, 0, 1) for picture in pictures])
    return torch.from_numpy(np.multiply(first, np.float32(1.0 / 255.0), dtype=np.float32))


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
        """See the protocol; all targets go through the network at once, where memory allows."""
        patches = self._classical.render(targets, sources)
        seen = [squares(t, p, self._crop) for t, p in zip(targets, patches, strict=True)]
        return [
            correct(patch, square.matrix, made)
            for patch, square, made in zip(patches, seen, self._made(seen), strict=True)
        ]

    def _made(self, seen: Sequence[Squares]) -> list[Made]:
        """What the network makes of each square; by halves where there is too little memory."""
        if not seen:
            return []
        try:
            made = {name: value.numpy() for name, value in self._network(to_batch(seen)).items()}
        except ResourceError:
            half = len(seen) // 2
            if half == 0:
                raise
            return self._made(seen[:half]) + self._made(seen[half:])
        return [{name: value[i] for name, value in made.items()} for i in range(len(seen))]


def correct(patch: Patch, matrix: Matrix, made: Made) -> Patch:
    """Apply what the network made, arrays (C, s, s), to the patch in its own resolution.

    The same as ``models.lipsync.compose`` does to the square, which a test holds to. Where the
    mask is 0 nothing is done.

    Args:
        patch: a classically rendered patch.
        matrix: (2, 3), from its pixels to the square's.
        made: the network's output for it, float32; see ``LipsyncNetwork``.
    """
    x, y, width, height = cv2.boundingRect((patch.mask > 0.0).view(np.uint8))
    if width == 0:
        return patch
    spread = _Spread(matrix, made["keep"].shape[-1], x, y, width, height)
    back = np.linalg.inv(matrix[:, :2]).astype(np.float32)  # to pixels of the patch
    places = spread.whole(spread.sparse(np.tensordot(back, made["flow"], axes=1)))
    places[..., 0] += np.arange(x, x + width, dtype=np.float32)
    places[..., 1] += np.arange(y, y + height, dtype=np.float32)[:, None]
    moved = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
        patch.rgb, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    keep = made["keep"]
    fine = spread.sparse(np.concatenate([255.0 * (1.0 - keep) * made["paint"], keep]))
    added = spread.whole(fine[..., :3] + spread.sparse(255.0 * made["shade"]))
    share = spread.whole(fine[..., 3])
    rgb = patch.rgb.copy()
    part = rgb[y : y + height, x : x + width]
    part[:] = cv2.add(cv2.blendLinear(moved, part, share, 1.0 - share), added, dtype=cv2.CV_8U)
    return Patch(patch.box, rgb, patch.mask)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Puts fields of the square on ``width`` x ``height`` pixels of a patch, from (x, y) on.

    In two steps, because turning is dear: ``sparse`` turns, to about the square's own resolution
    where the patch is finer, and ``whole`` fills the pixels between.
    """

    matrix: Matrix
    side: int
    x: int
    y: int
    width: int
    height: int

    @property
    def stride(self) -> int:
        """Pixels of the patch from one sparse value to the next."""
        return max(1, int(1.0 / np.hypot(self.matrix[0, 0], self.matrix[1, 0])))

    def sparse(self, field: Floats) -> Floats:
        """A field (C, s, s) of the square at every ``stride``-th pixel, (h', w', C)."""
        step = self.side / field.shape[-1]
        middle = (self.stride - 1) / 2.0
        inner = self.matrix.copy()
        inner[:, 2] += inner[:, :2] @ (self.x + middle, self.y + middle)
        inner[:, :2] *= self.stride
        # Pixel k of the field is centred between the square's pixels that it stands for.
        inner /= step
        inner[:, 2] += 0.5 / step - 0.5
        size = -(-self.width // self.stride), -(-self.height // self.stride)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        values = cv2.merge(list(field))
        turned = cv2.warpAffine(values, inner, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, dtype=np.float32)

    def whole(self, sparse: Floats) -> Floats:
        """All pixels, (h, w, C), of what ``sparse`` gave."""
        if self.stride == 1:
            return sparse
        size = sparse.shape[1] * self.stride, sparse.shape[0] * self.stride
        full = cv2.resize(sparse, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(full[: self.height, : self.width], dtype=np.float32)
