"""A clip as the renderers need it: pictures, landmarks, sound, and mouths to borrow from it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.alignment import Poses, align
from avsynth.face.lower_face import LIPS, face_box, vertices
from avsynth.face.references import Mouth
from avsynth.face.render import Picture, Renderer, Source, Target
from avsynth.face.retrieval import blur_costs, cheapest_path, costs, shares
from avsynth.face.smooth import smooth
from avsynth.media import Box, read_frames
from avsynth.models.lipsync_renderer import blend

sys.path.append(str(Path(__file__).parents[1] / "motion"))
from sources import Item

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
STEP = 640  # samples at 16 kHz to a picture at 25 a second
NEVER = 1e9  # the cost of what may not be chosen
MOUTH = mesh.stored(mesh.MOUTH_JAW)


@dataclass
class Footage:
    """One clip of one face.

    Attributes:
        pictures: (T, h, w, 3) uint8.
        points: (T, STORED, 3), smoothed landmarks, pixels.
        samples: sound, 16 kHz, from the first picture on.
    """

    item: Item
    pictures: list[Bytes]
    points: Floats
    samples: Floats
    canonical: NDArray[np.float64] = field(init=False)
    poses: Poses = field(init=False)

    def __post_init__(self) -> None:
        self.canonical, self.poses = align(self.points)
        self.vertices = np.stack([vertices(points) for points in self.points])
        self.mean: Floats = self.vertices.mean(axis=0)
        boxes = [face_box(layout) for layout in self.vertices]
        height, width = self.pictures[0].shape[:2]
        self.boxes = [box.clip(width, height) for box in boxes]
        mouths = [
            Mouth(number, box, self.pictures[number][box.slices])
            for number, box in enumerate(_lips(self.vertices, width, height))
        ]
        self.sharpness = np.array([mouth.sharpness for mouth in mouths])

    def __len__(self) -> int:
        return len(self.pictures)

    def picture(self, number: int) -> Picture:
        """A frame's lower face; its vertices in the pixels of its own box."""
        box = self.boxes[number]
        return Picture(self.pictures[number][box.slices], self.vertices[number] - _corner(box))

    def costs(self, lips: NDArray[np.float64], frames: NDArray[np.intp]) -> NDArray[np.float64]:
        """How badly each frame (R = T) serves canonical ``lips`` (n, 40, 3) of ``frames`` (n,)."""
        cost = costs(lips, self.poses.angles[frames], self.canonical[:, LIPS], self.poses.angles)
        return np.asarray(cost + blur_costs(self.sharpness))

    def wanted(self, number: int, mouth: Floats) -> Floats:
        """Vertices of a frame whose ``MOUTH_JAW`` points, (M, 2), lie where ``mouth`` says.

        The helper ring, which hangs on the jaw line, follows it too: nothing of the frame's own
        lower face is left in them.
        """
        points = self.points[number].copy()
        points[MOUTH, :2] = mouth
        return vertices(points)

    def render(
        self, renderer: Renderer, number: int, wanted: Floats, skin: int,
        mouth: Sequence[tuple[int, float]],
    ) -> Bytes:  # fmt: skip
        """A whole frame with the lower face that ``wanted`` (V, 2) asks for, from other frames."""
        target = self.target(number, wanted)
        source = Source(self.picture(skin), [(self.picture(r), share) for r, share in mouth])
        [patch] = renderer.render([target], [source])
        made = self.pictures[number].copy()
        made[target.box.slices] = blend(made[target.box.slices], patch.rgb, patch.mask)
        return made

    def target(self, number: int, wanted: Floats) -> Target:
        """What a renderer is asked for."""
        height, width = self.pictures[number].shape[:2]
        box = face_box(self.vertices[number], wanted).clip(width, height)
        own = Picture(self.pictures[number][box.slices], self.vertices[number] - _corner(box))
        return Target(own, box, wanted - _corner(box))


def load(item: Item, cached: Path) -> Footage | None:
    """A clip with its cached landmarks; None when they or the pictures are of no use."""
    with item.open() as path:
        pictures = pictures_of(path)
    with np.load(cached) as stored:
        points, sound = stored["points"].astype(np.float64), stored["audio"].astype(np.float32)
    good = np.isfinite(points).all(axis=(1, 2))
    if len(points) != len(pictures) or good.sum() < 20 or good.mean() < 0.9:
        return None
    near = np.abs(np.flatnonzero(good)[:, None] - np.flatnonzero(~good)).argmin(axis=0)
    points[~good] = points[good][near]
    length = len(points) * STEP
    sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    smoothed = smooth(points[:, mesh.STORED], np.arange(len(points)))
    return Footage(item, pictures, smoothed, sound)


def pictures_of(path: Path) -> list[Bytes]:
    """All pictures of a short film, (h, w, 3) each."""
    return [frame.rgb() for frame in read_frames(path)]


def retrieve(cost: NDArray[np.float64]) -> tuple[NDArray[np.intp], list[list[tuple[int, float]]]]:
    """The cheapest path through costs (n, R), and the shares of each frame along it."""
    path = cheapest_path(cost)
    return path, shares(path)


def _lips(layouts: Floats, width: int, height: int) -> list[Box]:
    return [face_box(layout[LIPS], margin=8.0).clip(width, height) for layout in layouts]


def _corner(box: Box) -> Floats:
    return np.array([box.x0, box.y0], dtype=np.float32)
