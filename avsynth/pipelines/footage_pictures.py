"""Footage as short films of the lower face, each to be made from other moments of the same shot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.lower_crop import LowerCrop, cut
from avsynth.face.lower_face import LIPS, face_box, vertices
from avsynth.face.mouth_space import align
from avsynth.face.references import Mouth
from avsynth.face.render import ClassicalRenderer, Picture, Source, Target
from avsynth.face.retrieval import blur_costs, cheapest_path, costs, shares
from avsynth.face.warp import Floats
from avsynth.media import Box, read_frames
from avsynth.models.lipsync_renderer import squares
from avsynth.pipelines.footage import Face, Film, smoothed
from avsynth.training.adapt_lipsync import Films

WINDOW = 3  # pictures of a film
GAP = 12  # frames to each side that may not serve as a reference
_TRAINING, _HELD_OUT = 96, 24  # films
_SHARE = 0.2  # of the footage, its end, that is held out
_CHOICES = 8  # random pictures among which the second reconstruction finds its mouth
_SIDE = 288  # pixels; larger faces are kept smaller, the network's squares are smaller still
_NEVER = 1e9  # the cost of what may not be chosen

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Portrait:
    """The lower face in one frame: what renderers need of it."""

    frame: int
    picture: Picture
    lips: NDArray[np.float64]
    angles: NDArray[np.float64]
    sharpness: float


@dataclass(frozen=True)
class _Place:
    """A film to be made: which face, and its first frame."""

    film: int
    face: int
    first: int


def films_of(
    footage: Sequence[tuple[Film, list[Face]]], size: int, seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Films, Films] | None:  # fmt: skip
    """Films to train on, and films of the last fifth of the footage; None when there is too little.

    ``advance`` is told of every frame that is read.
    """
    training, held_out = _split(footage)
    if not training or not held_out:
        return None
    generator = np.random.default_rng(seed)
    portraits = _portraits(footage, [*training, *held_out], advance)
    made: list[list[tuple[Bytes, Bytes, Bytes]]] = []
    for places in (training, held_out):
        found = [
            _make(
                footage[place.film][1][place.face], portraits[place.film, place.face], place.first,
                size, generator,
            )
            for place in places
        ]  # fmt: skip
        made.append([film for film in found if film is not None])
    if not made[0] or not made[1]:
        return None
    first, second = (
        Films(*(np.stack(part) for part in zip(*films, strict=True))) for films in made
    )
    return first, second


def _split(footage: Sequence[tuple[Film, list[Face]]]) -> tuple[list[_Place], list[_Place]]:
    """Where films for training and held-out ones begin."""
    places = [
        _Place(number, which, int(frame))
        for number, (_, faces) in enumerate(footage)
        for which, face in enumerate(faces)
        for frame in _starts(face)
    ]
    end = round(len(places) * (1.0 - _SHARE))
    apart = -(-GAP // WINDOW)
    return _evenly(places[:end], _TRAINING), _evenly(places[end + apart :], _HELD_OUT)


def _starts(face: Face) -> NDArray[np.int64]:
    """First frames of films one after the other, in all of which the face can be used."""
    frames = face.frames[face.usable]
    whole = np.isin(frames + 1, frames) & np.isin(frames + WINDOW - 1, frames)
    chosen: list[int] = []
    for frame in frames[whole]:
        if not chosen or frame >= chosen[-1] + WINDOW:
            chosen.append(int(frame))
    return np.array(chosen, np.int64)


def _evenly(places: list[_Place], count: int) -> list[_Place]:
    if len(places) <= count:
        return places
    return [places[i] for i in np.linspace(0, len(places) - 1, count).round().astype(int)]


def _portraits(
    footage: Sequence[tuple[Film, list[Face]]], places: list[_Place], advance: Callable[[], None]
) -> dict[tuple[int, int], list[Portrait]]:
    """All pictures that the films need, by film and face, in order of time."""
    found: dict[tuple[int, int], list[Portrait]] = defaultdict(list)
    for number, (film, faces) in enumerate(footage):
        wanted: dict[int, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
        for place in places:
            if place.film == number:
                track = faces[place.face].track
                stop = place.first + WINDOW
                frames, points = smoothed(film.analysis, track, place.first, stop)
                for frame, its in zip(frames, points, strict=True):
                    wanted[int(frame)].append((place.face, its))
        if not wanted:
            continue
        last = max(wanted)
        with read_frames(film.path) as frames_of_film:
            for index, frame in zip(range(last + 1), frames_of_film, strict=False):
                for which, points in wanted.get(index, ()):
                    layout = vertices(points)
                    box = face_box(layout).clip(frame.width, frame.height)
                    found[number, which].append(
                        _portrait(index, frame.rgb(box), layout, box, points, faces[which].template)
                    )
                advance()
    return found


def _portrait(
    number: int, rgb: Bytes, layout: Floats, box: Box, points: NDArray[np.float32],
    template: NDArray[np.float64],
) -> Portrait:  # fmt: skip
    canonical, poses = align(points[None], template)
    inside = layout - np.array([box.x0, box.y0], np.float32)
    scale = min(1.0, _SIDE / max(box.width, box.height))
    if scale < 1.0:
        width, height = (max(1, round(side * scale)) for side in (box.width, box.height))
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        # The centre of a pixel lies half a pixel into it, at every size.
        factor = np.array([width / box.width, height / box.height], np.float32)
        inside = (inside + np.float32(0.5)) * factor - np.float32(0.5)
    lips = face_box(inside[LIPS], margin=8.0).clip(rgb.shape[1], rgb.shape[0])
    sharpness = Mouth(number, lips, np.ascontiguousarray(rgb[lips.slices])).sharpness
    return Portrait(
        number, Picture(rgb, inside.astype(np.float32)), canonical[0, LIPS], poses.angles[0],
        sharpness,
    )  # fmt: skip


def _make(
    face: Face, portraits: list[Portrait], first: int, size: int, generator: np.random.Generator
) -> tuple[Bytes, Bytes, Bytes] | None:
    """Truth, two reconstructions and maps of a film; None when there is nothing to make it from.

    What lies within ``GAP`` frames of the film is kept away from it.
    """
    frames = np.array([portrait.frame for portrait in portraits])
    own = [portraits[i] for i in np.flatnonzero((frames >= first) & (frames < first + WINDOW))]
    near = (frames >= first - GAP) & (frames < first + WINDOW + GAP)
    others = [portraits[i] for i in np.flatnonzero(~near)]
    if len(others) < 2 or len(own) < WINDOW:
        return None
    cost = costs(
        np.stack([p.lips for p in own]), np.stack([p.angles for p in own]),
        np.stack([p.lips for p in others]), np.stack([p.angles for p in others]),
    )  # fmt: skip
    cost += blur_costs(np.array([p.sharpness for p in others]))
    few = generator.choice(len(others), min(_CHOICES, len(others)), replace=False)
    best = cheapest_path(cost)
    ways = [
        list(zip(best, shares(best), strict=True)),
        [
            (few[0], [(int(few[r]), share) for r, share in mix])
            for mix in shares(cheapest_path(cost[:, few]))
        ],
    ]
    renderer, crop = ClassicalRenderer(face.mean), LowerCrop(face.mean, size)
    made = [
        [
            _seen(renderer, crop, portrait, others, int(skin), mix)
            for portrait, (skin, mix) in zip(own, way, strict=True)
        ]
        for way in ways
    ]
    return (
        np.stack([truth for truth, _, _ in made[0]]),
        np.stack([[picture for _, picture, _ in way] for way in made]),
        np.stack([maps for _, _, maps in made[0]]),
    )


def _seen(
    renderer: ClassicalRenderer, crop: LowerCrop, portrait: Portrait, others: list[Portrait],
    skin: int, mix: list[tuple[int, float]],
) -> tuple[Bytes, Bytes, Bytes]:  # fmt: skip
    """Truth, reconstruction and maps of one picture, as squares."""
    rgb = portrait.picture.rgb
    whole = Box(0, 0, rgb.shape[1], rgb.shape[0])
    target = Target(portrait.picture, whole, portrait.picture.vertices)
    mouths = [(others[i].picture, share) for i, share in mix]
    [patch] = renderer.render([target], [Source(others[skin].picture, mouths)])
    seen = squares(target, patch, crop)
    return cut(rgb, seen.matrix, crop.size), seen.picture, seen.maps
