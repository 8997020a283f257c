"""Hands and microphones before a face are found; speech and changing light are not taken for one.

The real people are those of GRID. What covers them is painted into their pictures before anything
looks for the face, so that landmarks are as wrong as they are behind a real hand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.errors import InputError, ResourceError
from avsynth.face import mesh
from avsynth.face.colours import ColourTable, ColourWriter
from avsynth.face.cover import OCCLUDED, Cover, cover_costs, hidden, occluded
from avsynth.face.detect import FaceBox
from avsynth.face.lower_face import LIPS, MOVING, OUTER_RING, vertices
from avsynth.face.track import FaceTracker, TrackedFace
from avsynth.face.track_info import TrackInfo
from avsynth.media import Writer, probe, read_frames
from avsynth.media.writer import video_like
from avsynth.models.speech_to_motion import MotionCurve, SpeechToMotion
from avsynth.pipelines.acting import DUBBED, Acting, meet
from avsynth.pipelines.analyse import analyse
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.timeline import Fit, fit
from avsynth.weights import load

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

OWN = MOVING + len(mesh.BORDER)  # vertices that have pixels of their own
DURING = range(30, 50)  # frames in which something is painted
NEAR = range(26, 54)  # the same with the time in which cover comes and goes
SIDE = 288  # of the made-up pictures


def flat_face() -> Floats:
    """Landmarks (P, 3) strewn over a picture, those of the upper face in its right half."""
    cells = np.random.default_rng(5).permutation(400)
    right = cells % 20 >= 10
    order = np.concatenate([cells[right], cells[~right]])
    upper = [i for i in mesh.RIGID if i not in (50, 280)]
    first = [*upper, *(i for i in mesh.STORED if i not in mesh.RIGID)]
    # The rest alternates between the halves, so that both are full of every kind.
    rest = np.random.default_rng(6).permutation(order[len(upper) :])
    rest = rest[~np.isin(rest, (203, 217))]
    where = dict(zip(first, [*order[: len(upper)], *rest], strict=False))
    where |= {50: 203, 280: 217}  # the cheeks, a face's breadth apart
    points = np.zeros((len(mesh.STORED), 3), np.float32)
    for row, index in enumerate(mesh.STORED):
        points[row, :2] = where[index] % 20 * 14 + 7, where[index] // 20 * 14 + 7
    return points


def flat_pictures(hand: range, light: float = 0.0, frames: int = 90) -> list[Picture]:
    """Uneven noisy skin in light that swings by ``light``; a hand over the left half for a time."""
    rng = np.random.default_rng(1)
    skin = cv2.blur(rng.uniform(60, 190, (SIDE, SIDE)), (9, 9))[..., None] * (1.1, 0.85, 0.7)
    made = []
    for i in range(frames):
        picture = skin.copy()
        if i in hand:
            picture[:, : SIDE // 2] = 190, 165, 165
        picture *= 1.0 + light * np.sin(i / 3)
        made.append(np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8))
    return made


def tracked(points: Floats) -> TrackedFace:
    return TrackedFace(0, 0, points, 1.0, FaceBox(0, 0, 1, 1))


def track(frames: int) -> TrackInfo:
    return TrackInfo(0, 0, 0, frames - 1, frames, (0, 0, 1, 1), 0.0, 1.0)


def flat_cover(folder: Path, pictures: list[Picture], lost: range = range(0)) -> Cover:
    points = flat_face()
    with ColourWriter(folder / "colours", SIDE, SIDE) as writer:
        for i, picture in enumerate(pictures):
            writer.write(i, [] if i in lost else [tracked(points)], picture)
    return Cover(ColourTable(folder / "colours"), track(len(pictures)), vertices(points))


def test_a_hand_is_found_where_and_while_it_is_there(tmp_path: Path) -> None:
    found = flat_cover(tmp_path, flat_pictures(DURING)).read(np.arange(90))[:, :OWN]
    x = vertices(flat_face())[:OWN, 0]
    deep, far = x < SIDE / 2 - 30, x > SIDE / 2 + 40
    assert found[DURING][:, deep].min() > 0.9 and found[:, far].max() == 0.0
    assert found[: NEAR.start].max() == 0.0 and found[NEAR.stop :].max() == 0.0
    # It comes and goes over some frames: nothing pops.
    assert np.abs(np.diff(found, axis=0)).max() <= 0.45


def test_swinging_light_covers_nothing(tmp_path: Path) -> None:
    found = flat_cover(tmp_path, flat_pictures(range(0), light=0.3)).read(np.arange(90))
    assert found.max() == 0.0


def test_what_shows_in_one_frame_alone_is_noise(tmp_path: Path) -> None:
    found = flat_cover(tmp_path, flat_pictures(range(40, 41))).read(np.arange(90))
    assert found.max() == 0.0


def test_a_range_reads_as_the_whole_does(tmp_path: Path) -> None:
    cover = flat_cover(tmp_path, flat_pictures(DURING), lost=range(36, 41))
    whole = cover.read(np.arange(90))
    for first in range(0, 90, 7):
        part = cover.read(np.arange(first, min(first + 7, 90)))
        np.testing.assert_allclose(part, whole[first : first + 7], atol=1e-5)


def test_where_the_face_is_lost_behind_the_hand_the_hand_stays(tmp_path: Path) -> None:
    found = flat_cover(tmp_path, flat_pictures(DURING), lost=range(38, 42)).read(np.arange(90))
    deep = vertices(flat_face())[:OWN, 0] < SIDE / 2 - 30
    assert found[DURING, :OWN][:, deep].min() > 0.9


def test_of_too_few_frames_nothing_is_learnt(tmp_path: Path) -> None:
    cover = flat_cover(tmp_path, flat_pictures(range(5, 12), frames=20))
    assert cover.read(np.arange(20)).max() == 0.0


def test_covered_references_cost() -> None:
    cover = np.zeros((2, len(vertices(flat_face()))), np.float32)
    cover[1, OUTER_RING[:10]] = 1.0
    costs = cover_costs(cover)
    assert costs[0] == 0.0 and costs[1] > 10.0
    assert occluded(cover).tolist() == [False, True] and hidden(cover)[1] == pytest.approx(0.5)


def test_colours_of_points_outside_are_those_of_the_edge(tmp_path: Path) -> None:
    points = flat_face()
    points[:, :2] = -50.0, 4000.0
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[-1:, 0] = 10, 20, 30
    with ColourWriter(tmp_path / "c", 1920, 1080) as writer:
        writer.write(7, [tracked(points)], picture)
    frames, colours = ColourTable(tmp_path / "c").read(0, 100, 0)
    assert frames.tolist() == [7] and colours[0, 0].tolist() == [10, 20, 30]
    assert len(ColourTable(tmp_path / "c").read(0, 7, 0)[0]) == 0


def test_missing_file_and_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        ColourTable(tmp_path / "none")
    with pytest.raises(ResourceError):
        ColourWriter(tmp_path / "none" / "colours", 10, 10)


# Real people, with something painted before their mouths.


@dataclass
class Painted:
    """A GRID clip with what was painted: pictures, and the mask of each."""

    pictures: list[Picture]
    masks: list[NDArray[np.uint8]]


def paint(clip: Path, kind: str) -> Painted:
    """A hand or a stick that moves across the mouth while ``DURING``."""
    pictures = [frame.rgb() for frame in read_frames(clip)]
    height, width = pictures[0].shape[:2]
    rng, masks = np.random.default_rng(0), []
    with FaceTracker(width, height) as tracker:
        faces = [tracker.update(i, p)[0].points[list(mesh.STORED)] for i, p in enumerate(pictures)]
    for i, points in enumerate(faces):
        mask = np.zeros((height, width), np.uint8)
        masks.append(mask)
        if i not in DURING or kind == "nothing":
            continue
        eyes = points[mesh.stored(mesh.EYE_OUTER), :2]
        unit = float(np.linalg.norm(eyes[0] - eyes[1]))
        x, y = vertices(points)[LIPS].mean(axis=0)
        x += (0.35 - 0.035 * (i - DURING.start)) * unit
        if kind == "stick":
            colour, end = (25, 25, 28), (int(x + 0.2 * unit), int(y + 2 * unit))
            cv2.line(mask, (int(x), int(y)), end, 255, int(0.22 * unit))
        else:
            colour, axes = (120, 80, 60), (int(0.42 * unit), int(0.3 * unit))
            cv2.ellipse(mask, (int(x), int(y + 0.1 * unit)), axes, 20, 0, 360, 255, -1)
        share = cv2.GaussianBlur(mask, (5, 5), 0)[..., None] / 255.0
        hand = np.array(colour) + rng.normal(0, 6, pictures[i].shape)
        mixed = pictures[i] * (1 - share) + hand * share
        pictures[i] = np.clip(mixed, 0, 255).astype(np.uint8)
    return Painted(pictures, masks)


def seen(painted: Painted, folder: Path) -> tuple[Floats, NDArray[np.bool_]]:
    """Cover (n, OWN) found, and (n, OWN) whether the vertex truly lies behind the painting."""
    height, width = painted.pictures[0].shape[:2]
    points = []
    with (
        FaceTracker(width, height) as tracker,
        ColourWriter(folder / "colours", width, height) as writer,
    ):
        for i, picture in enumerate(painted.pictures):
            faces = tracker.update(i, picture)
            writer.write(i, faces, picture)
            points.append(vertices(faces[0].points[list(mesh.STORED)]))
    mean = np.mean(points, axis=0)
    cover = Cover(ColourTable(folder / "colours"), track(len(points)), mean)
    at = np.clip(np.round(np.array(points)[:, :OWN]).astype(int), 0, (width - 1, height - 1))
    truth = np.stack([m[p[:, 1], p[:, 0]] > 0 for m, p in zip(painted.masks, at, strict=True)])
    return cover.read(np.arange(len(points)))[:, :OWN], truth


@pytest.mark.data
@pytest.mark.parametrize("clip", ["s1_bbaf2n", "s31_lbwo3s", "u04_lrwp9a"])
@pytest.mark.parametrize("kind", ["hand", "stick", "nothing"])
def test_painted_hands_and_sticks(data_dir: Path, tmp_path: Path, clip: str, kind: str) -> None:
    found, truth = seen(paint(data_dir / "grid" / f"{clip}.mp4", kind), tmp_path)
    away = np.setdiff1d(np.arange(len(found)), NEAR)
    assert not occluded(found[away]).any()
    assert (found[away] > 0.5).mean() < 0.01
    if kind == "nothing":
        assert (found > 0.5).mean() < 0.01
        return
    called = found[DURING] > 0.5
    both = (called & truth[DURING]).sum()
    hit, overlap = both / truth[DURING].sum(), both / (called | truth[DURING]).sum()
    print(f"{clip} {kind}: {hit:.2f} of covered landmarks found, overlap {overlap:.2f}")
    assert hit > 0.8 and overlap > 0.4
    behind = truth[DURING][:, OUTER_RING].mean(axis=1) > 0.5
    assert occluded(found[DURING][behind]).mean() >= 0.8 if behind.any() else kind == "stick"


@pytest.mark.data
def test_frames_behind_a_hand_pass_through(data_dir: Path, tmp_path: Path) -> None:
    painted = paint(data_dir / "grid" / "s1_bbaf2n.mp4", "hand")
    video, model = tmp_path / "hand.mp4", SpeechToMotion(load("motion-small"))
    height, width = painted.pictures[0].shape[:2]
    with Writer(video, video_like(width, height)) as writer:
        for picture in painted.pictures:
            writer.write(picture)
    steps, size = 75, len(model.space.deviation)
    rng = np.random.default_rng(2)
    curve = MotionCurve(
        Fraction(25),
        Fraction(0),
        rng.normal(0, 1, (steps, size)).astype(np.float32),
        np.ones(steps, np.float32),
        np.ones(steps, np.float32),
    )
    with Job(tmp_path / "out.mp4", {}) as job:
        analysis = analyse(video, probe(video), job, Progress())
        timeline = fit(analysis.pts, analysis.end, analysis.time_base, Fraction(3), Fit.TRIM)
        actor = meet(analysis.tracks.tracks[0], curve, analysis.tracks, model.space)
        [segment] = timeline.segments(10)
        acting = Acting(actor, analysis, timeline, segment, model.space)
    outcomes = np.array(acting.outcomes)
    counted = Counter(acting.outcomes)
    assert counted[OCCLUDED] >= 15 and counted[OCCLUDED] + counted[DUBBED] == len(outcomes)
    assert set(np.flatnonzero(outcomes == OCCLUDED)) <= set(NEAR)
    strengths = np.array([act.strength if (act := acting.get(n)) else 0.0 for n in range(steps)])
    assert strengths[outcomes == OCCLUDED].max() == 0.0 and strengths[: NEAR.start - 5].min() == 1.0
    assert np.abs(np.diff(strengths)).max() <= 0.21  # eased out and in
    for n in range(steps):
        act = acting.get(n)
        if act is not None and act.spare is not None:  # what is covered is not moved
            np.testing.assert_allclose(act.wanted[act.spare == 1], act.own[act.spare == 1])
