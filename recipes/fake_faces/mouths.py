"""Families ``lipsync`` and ``warp``: other mouths from the person's own pixels.

What the mouth should do is borrowed: its own movement (from other frames' pixels), that of another
moment, or that of another person's clip, made to fit this face. The GAN renderer gives
``lipsync``; the classical one, and faces bent out of shape, give ``warp``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from shots import FRAMES, Made, Shot, footage

from avsynth import weights
from avsynth.face import mesh
from avsynth.face.lower_face import LIPS
from avsynth.face.render import ClassicalRenderer, Renderer, Source
from avsynth.models.lipsync_renderer import LipsyncRenderer, blend
from avsynth.training.self_blend import eye_distance, soft_mask

Floats = NDArray[np.float32]
GAP = 12  # frames to each side that may not serve as a reference
_FEATURES = {
    "mouth": mesh.stored(mesh.LIPS_OUTER),
    "jaw": mesh.stored(mesh.MOUTH_JAW),
    "nose": mesh.stored((1, 2, 4, 5, 98, 327)),
    "face": np.arange(len(mesh.STORED)),
}


class LipsyncMaker:
    """Family ``lipsync``: ``files`` are lip-sync networks, by name or path, of one purpose."""

    family = "lipsync"

    def __init__(self, files: list[str], purpose: str) -> None:
        self._networks = {
            Path(file).parent.parent.name + "/" + Path(file).parent.name
            if file.endswith(".safetensors") else file: weights.load(file, engine="torch")
            for file in files
        }  # fmt: skip
        wrong = [n for n, w in self._networks.items() if "research" in (w.purpose,) != purpose]
        if purpose == "commercial" and wrong:
            raise ValueError(f"for research only: {', '.join(wrong)}")

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A film whose mouth the network painted."""
        names = list(self._networks)
        name = names[int(generator.integers(len(names)))]
        network = self._networks[name]
        renderer = LipsyncRenderer(shot.clip.mean, network, network.config.size)  # type: ignore[attr-defined]
        return render(shot, others, renderer, name, generator)


class WarpMaker:
    """Family ``warp``: the classical renderer, or a part of the face bent."""

    family = "warp"

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A film with a moved mouth, or a bent one."""
        if generator.random() < 0.55:
            renderer = ClassicalRenderer(shot.clip.mean)
            return render(shot, others, renderer, "classical", generator)
        return bend(shot, generator)


def render(
    shot: Shot, others: list[Shot], renderer: Renderer, name: str, generator: np.random.Generator
) -> Made | None:
    """Paint the mouths; None where the clip is too short for references."""
    clip, frames = shot.clip, shot.frames
    way = str(generator.choice(["own", "moment", "speech"], p=[0.4, 0.3, 0.3]))
    wanted = wanted_lips(shot, others, way, generator)
    if wanted is None:
        return None
    shape, layouts = wanted
    cost = clip.costs(shape[:, LIPS], frames)
    gap = min(GAP, (len(clip) - FRAMES) // 4)
    apart = np.arange(len(clip))
    cost[:, (apart >= frames[0] - gap) & (apart <= frames[-1] + gap)] = footage.NEVER
    allowed = np.flatnonzero(cost[0] < footage.NEVER)
    if not len(allowed):
        return None
    path, mixes = footage.retrieve(cost)
    skins = path
    kind = generator.random()
    if kind < 0.3:  # the frame's own skin, as in dubbing
        skins = frames
    elif kind < 0.5:
        skins = np.full(FRAMES, generator.choice(allowed))
    film, masks = [], []
    for number, t in enumerate(map(int, frames)):
        target = clip.target(t, layouts[number])
        mouths = [(clip.picture(r), share) for r, share in mixes[number]]
        [patch] = renderer.render([target], [Source(clip.picture(int(skins[number])), mouths)])
        made = clip.pictures[t].copy()
        made[target.box.slices] = blend(made[target.box.slices], patch.rgb, patch.mask)
        mask = np.zeros(made.shape[:2], np.float32)
        mask[target.box.slices] = patch.mask
        film.append(made)
        masks.append(mask)
    return Made(np.stack(film), np.stack(masks), f"{name}:{way}")


def wanted_lips(
    shot: Shot, others: list[Shot], way: str, generator: np.random.Generator
) -> tuple[NDArray[np.float64], Floats] | None:
    """Canonical MOUTH_JAW points (8, M, 3) and vertices (8, V, 2) that are asked for."""
    clip, frames = shot.clip, shot.frames
    if way == "own":
        return clip.canonical[frames], clip.vertices[frames]
    if way == "moment":
        starts = [s for s in range(len(clip) - FRAMES) if abs(s - shot.first) > FRAMES]
        if not starts:
            return None
        start = int(generator.choice(starts))
        shape = clip.canonical[start : start + FRAMES]
    else:
        if not others:
            return None
        other = others[int(generator.integers(len(others)))]
        theirs = other.clip.canonical
        start = int(generator.integers(len(theirs) - FRAMES + 1))
        moves = theirs[start : start + FRAMES] - theirs.mean(axis=0)
        shape = clip.canonical.mean(axis=0) + moves * generator.uniform(0.7, 1.1)
    points = clip.poses[frames].to_image(shape)[..., :2].astype(np.float32)
    return shape, np.stack([clip.wanted(int(t), p) for t, p in zip(frames, points, strict=True)])


def bend(shot: Shot, generator: np.random.Generator) -> Made:
    """Mouth, jaw, nose or face made wider, narrower, higher, or moved, by a smooth field."""
    film, points = shot.film, shot.points[..., :2]
    unit = eye_distance(points)
    name = str(generator.choice(["mouth", "jaw", "nose", "face"], p=[0.45, 0.3, 0.1, 0.15]))
    region = {"mouth": "mouth", "jaw": "lower", "nose": "face", "face": "face"}[name]
    mask = soft_mask(film.shape[1:3], points, region, generator)  # type: ignore[arg-type]
    reach = {"mouth": 0.34, "jaw": 0.5, "nose": 0.3, "face": 0.8}[name] * unit
    zoom = np.exp(generator.choice([-1, 1], 2) * generator.uniform(0.06, 0.22, 2))
    shift = generator.uniform(-0.05, 0.05, 2) * unit
    rate, phase = generator.uniform(0.0, 0.9), generator.uniform(0, 2 * np.pi)
    height, width = film.shape[1:3]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    made, masks = [], []
    for number, picture in enumerate(film):
        x, y = points[number, _FEATURES[name]].mean(axis=0)
        strength = 0.75 + 0.25 * np.sin(phase + rate * number)
        bell = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2.0 * reach**2)) * strength
        dx = (xs - x) * (zoom[0] - 1.0) + shift[0]
        dy = (ys - y) * (zoom[1] - 1.0) + shift[1]
        moved = cv2.remap(
            picture, (xs + bell * dx).astype(np.float32), (ys + bell * dy).astype(np.float32),
            cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        made.append(blend(picture, np.asarray(moved, np.uint8), mask[number]))
        far = np.hypot(dx, dy) * bell
        masks.append(mask[number] * np.clip(far / (0.02 * unit), 0.0, 1.0))
    return Made(np.stack(made), np.stack(masks).astype(np.float32), f"bend:{name}")
