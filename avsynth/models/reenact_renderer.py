"""The adversarially trained portrait renderer: a mesh, corrected by the reenactment network.

The network looks at a small square of the portrait; what it says is applied in the portrait's own
resolution, so that the detail of a large face stays the person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.errors import ResourceError
from avsynth.face.far_side import FarSide
from avsynth.face.head_mesh import HeadMesh
from avsynth.face.hollow import Hollow
from avsynth.face.matte import Layers
from avsynth.face.portrait import Portrait, region_mask, sample
from avsynth.face.portrait_square import PortraitSquare, draw_face
from avsynth.face.render import Patch
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]
Network = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
Made = Mapping[str, Floats]

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Squares:
    """What the network is shown of one frame, beside the source.

    ``warped`` uint8 (S, S, 3), the source moved by the mesh; ``hollow`` float32 (S, S, 3), levels
    that it lacks inside the mouth; ``flow`` float32 (S, S, 2), the mesh's motion, pixels of the
    square; ``drawn`` uint8 (DRAWN, S, S), the wanted face, 0..255.
    """

    warped: Bytes
    hollow: Floats
    flow: Floats
    drawn: Bytes


def squares(source: Bytes | Layers, hollow: Hollow, flow: Floats, wanted: Floats) -> Squares:
    """The network's view of one frame.

    ``source`` (S, S, 3), or apart, with its ``hollow``, and ``wanted`` landmarks (478, 2 or 3) are
    in the square's pixels, and so is ``flow`` (S, S, 2).
    """
    warped = source.moved(flow) if isinstance(source, Layers) else sample(source, flow)
    inside = np.zeros(warped.shape, dtype=np.float32)
    lacking = hollow.added(warped, wanted)
    if lacking is not None:
        added, row, column = lacking
        inside[row : row + added.shape[0], column : column + added.shape[1]] = added
    return Squares(warped, inside, flow, draw_face(wanted, flow.shape[0]))


def to_batch(source: Bytes | Sequence[Bytes], many: Sequence[Squares]) -> dict[str, Tensor]:
    """The network's input, of several frames of one source, or of one source each."""
    sources = [source] * len(many) if isinstance(source, np.ndarray) else source
    return {
        "source": _pictures(sources),
        "warped": _pictures([square.warped for square in many]),
        "hollow": _pictures([square.hollow for square in many]),
        "flow": torch.from_numpy(np.stack([s.flow.transpose(2, 0, 1) for s in many])),
        "drawn": _unit(np.stack([square.drawn for square in many])),
    }


def _pictures(many: Sequence[Bytes] | Sequence[Floats]) -> Tensor:
    return _unit(np.stack([picture.transpose(2, 0, 1) for picture in many]))


def _unit(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.multiply(values, np.float32(1.0 / 255.0), dtype=np.float32))


class ReenactPortrait:
    """See the module. A :class:`avsynth.face.portrait.PortraitRenderer`.

    Args:
        portrait: the still picture.
        network: a reenactment network, ready to run (a ``LoadedModel``).
        size: side of its squares.
        layers: the same picture apart, whose background then stays; without, all moves as one.
    """

    name = "gan"

    def __init__(
        self, portrait: Portrait, network: Network, size: int, layers: Layers | None = None
    ) -> None:
        height, width = portrait.rgb.shape[:2]
        self._portrait = portrait
        self._mesh = HeadMesh(portrait.points, width, height)
        self._mask = region_mask(width, height)
        self._square = PortraitSquare(width, height, size)
        self._source = self._square.cut(portrait.rgb)
        self._hollow = Hollow(self._source, self._square.points(portrait.points))
        self._far = FarSide(portrait.rgb, portrait.points, self._mesh)
        self._network = network
        self._layers = layers
        self._apart: Layers | None = None
        if layers is not None:
            matte = self._square.cut(np.asarray(layers.matte * 255.0 + 0.5, dtype=np.uint8))
            self._apart = Layers(self._source, np.asarray(matte / 255.0, dtype=np.float32))

    def render(self, wanted: Sequence[Floats]) -> list[Patch]:
        """See the protocol."""
        patches: list[Patch] = []
        for first in range(0, len(wanted), _BATCH):
            patches += self._some(np.stack(wanted[first : first + _BATCH]))
        return patches

    def _some(self, wanted: Floats) -> list[Patch]:
        square = self._square
        step = np.float32(square.grid.step)
        every = self._mesh.moved(wanted)
        flows = [self._mesh.flow(moved, square.grid) / step for moved in every]
        seen = [
            squares(self._apart or self._source, self._hollow, flow, points)
            for flow, points in zip(flows, square.points(wanted), strict=True)
        ]
        made = self._made(seen)
        return [
            self._finish(flow, one, moved)
            for flow, one, moved in zip(flows, made, every, strict=True)
        ]

    def _made(self, seen: Sequence[Squares]) -> list[Made]:
        """What the network makes of each square; by halves where there is too little memory."""
        try:
            result = self._network(to_batch(self._source, seen))
        except ResourceError:
            half = len(seen) // 2
            if half == 0:
                raise
            return self._made(seen[:half]) + self._made(seen[half:])
        made = {name: value.numpy() for name, value in result.items()}
        return [{name: value[i] for name, value in made.items()} for i in range(len(seen))]

    def _finish(self, flow: Floats, made: Made, vertices: Floats) -> Patch:
        """The same as ``models.reenact.compose`` does to the square, which a test holds to.

        But for the far side of a head that was turned away, of which the network knows nothing.
        """
        square = self._square
        residual = _resize(made["flow"], (square.size, square.size))
        carried = carry(flow, residual)
        step = np.float32(square.grid.step)
        motion = residual + carried
        colour = np.ascontiguousarray(made["added"].transpose(1, 2, 0)) * np.float32(255.0)
        whole = square.whole(motion * step)
        if self._layers is None or self._apart is None:
            moved = sample(self._portrait.rgb, whole)
        else:  # what stays is not painted on either
            moved = self._layers.moved(whole)
            colour *= carry(self._apart.matte, motion)[..., None]
        far = self._far.layer(vertices, square.grid) if self._far else None
        if far is not None:
            moved = self._far.put(moved, *(square.whole(field) for field in far))
        rgb = cv2.add(moved, square.whole(colour), dtype=cv2.CV_8U)
        return Patch(self._portrait.box, np.asarray(rgb, dtype=np.uint8), self._mask)


def _resize(field: Floats, size: tuple[int, int]) -> Floats:
    """A field (C, s, s) at another size, (S, S, C)."""
    last = np.ascontiguousarray(field.transpose(1, 2, 0))
    return np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def carry(field: Floats, flow: Floats) -> Floats:
    """``field`` (S, S) or (S, S, C) where ``flow`` (S, S, 2) points to."""
    places = flow.copy()
    places[..., 0] += np.arange(flow.shape[1], dtype=np.float32)
    places[..., 1] += np.arange(flow.shape[0], dtype=np.float32)[:, None]
    carried = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
        field, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(carried, dtype=np.float32)
