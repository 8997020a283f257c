"""Reference mouths: which are kept, that they come back exactly, which one a frame takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avsynth.face.mesh import EYE_OUTER, LIP_CORNERS, LIP_TOP_BOTTOM, LIPS_OUTER, MESH_POINTS
from avsynth.face.references import ReferenceCollector, references
from avsynth.face.retrieval import cheapest_path, costs, shares
from avsynth.media import Box

RNG = np.random.default_rng(5)


def lips(opening: float) -> np.ndarray:
    """Forty lip points of a mouth that is so far open, in eye distances."""
    angles = np.linspace(np.pi, -np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(angles) * 0.3, np.sin(angles) * opening, 0 * angles], axis=-1)
    outer = np.stack([np.cos(angles) * 0.36, np.sin(angles) * (opening + 0.1), 0 * angles], axis=-1)
    return np.concatenate([outer, ring])


def test_the_nearest_shape_costs_least() -> None:
    openings = np.array([0.0, 0.02, 0.06, 0.12])
    shapes, still = np.stack([lips(o) for o in openings]), np.zeros((4, 3))
    cost = costs(shapes, still, shapes, still)
    assert np.allclose(cost.diagonal(), 0.0, atol=1e-4)
    assert cost.argmin(axis=1).tolist() == [0, 1, 2, 3]
    assert cheapest_path(np.repeat(cost, 10, axis=0)).tolist() == np.repeat(range(4), 10).tolist()


def test_a_turned_head_costs_and_rolling_does_not() -> None:
    shape, still = lips(0.05)[None], np.zeros((1, 3))
    turned = np.array([[20.0, 0, 0], [0, 20.0, 0], [0, 0, 20.0]])
    cost = costs(shape, still, np.repeat(shape, 3, axis=0), turned)[0]
    assert cost[0] > 1 and cost[1] > 1 and cost[2] == pytest.approx(0.0, abs=1e-4)


def test_tearing_closed_lips_open_costs_more_than_the_reverse() -> None:
    shut, wide, still = lips(0.0)[None], lips(0.08)[None], np.zeros((1, 3))
    assert costs(wide, still, shut, still) > costs(shut, still, wide, still)


def test_a_change_must_pay() -> None:
    flicker = np.tile([[0.0, 0.5], [0.5, 0.0]], (20, 1))
    assert len(set(cheapest_path(flicker).tolist())) == 1
    lasting = np.concatenate([np.tile([0.0, 0.5], (20, 1)), np.tile([0.5, 0.0], (20, 1))])
    assert cheapest_path(lasting).tolist() == [0] * 20 + [1] * 20


def test_the_path_is_the_cheapest_of_all() -> None:
    import itertools

    from avsynth.face import retrieval

    for _ in range(20):
        cost = RNG.uniform(0, 3, (5, 3))

        def price(path: tuple[int, ...] | np.ndarray, cost: np.ndarray = cost) -> float:
            changes = sum(a != b for a, b in itertools.pairwise(path))
            return float(sum(cost[t, r] for t, r in enumerate(path)) + changes * retrieval._CHANGE)

        best = min(price(path) for path in itertools.product(range(3), repeat=5))
        assert price(cheapest_path(cost)) == pytest.approx(best)


def test_shares_add_up_to_one_and_change_softly() -> None:
    mixed = shares(np.array([0, 0, 0, 2, 2, 1]))
    for frame in mixed:
        assert sum(share for _, share in frame) == pytest.approx(1.0)
        assert all(share > 0 for _, share in frame)
    assert dict(mixed[0]) == {0: pytest.approx(1.0)}
    assert set(dict(mixed[2])) == {0, 2} and dict(mixed[2])[0] > 0.5


def face(opening: float, width: float = 40.0, nose: float = 0.0) -> np.ndarray:
    """A mesh with eyes 100 pixels apart; the mouth ``opening`` of that open."""
    points = np.full((MESH_POINTS, 3), 100.0, np.float32)
    points[list(EYE_OUTER), :2] = [[50, 50], [150, 50]]
    points[list(LIPS_OUTER), :2] = [100, 120]
    points[list(LIP_CORNERS), :2] = [[100 - width / 2, 120], [100 + width / 2, 120]]
    points[list(LIP_TOP_BOTTOM), :2] = [[100, 120 - 50 * opening], [100, 120 + 50 * opening]]
    points[1, :2] = [100 + nose, 90]
    return points


def noisy(box: Box) -> np.ndarray:
    return np.random.default_rng(box.x0).integers(0, 255, (box.height, box.width, 3), np.uint8)


def test_pictures_come_back_to_the_last_bit(tmp_path: Path) -> None:
    with ReferenceCollector(tmp_path) as kept:
        kept.offer(7, 3, face(0.1), noisy)
    [mouth] = references(tmp_path, 3, 0, 10)
    assert mouth.frame == 7 and np.array_equal(mouth.rgb, noisy(mouth.box))
    assert list(references(tmp_path, 4, 0, 10)) == []


def test_mouths_alike_are_kept_once_and_never_too_many(tmp_path: Path) -> None:
    offered = 0

    def crop(box: Box) -> np.ndarray:
        nonlocal offered
        offered += 1
        return noisy(box)

    with ReferenceCollector(tmp_path) as kept:
        for frame in range(100):
            kept.offer(frame, 0, face(0.1), crop)
        assert offered == 1
        for frame in range(100, 250):
            kept.offer(frame, 0, face(RNG.uniform(0, 0.4), RNG.uniform(20, 60)), crop)
    assert 20 <= len(list(references(tmp_path, 0, 0, 250))) <= 64


def test_an_hour_is_kept_in_small_files_and_little_memory(tmp_path: Path) -> None:
    with ReferenceCollector(tmp_path) as kept:
        for frame in range(0, 90_000, 5):
            kept.offer(frame, 0, face(0.2 + 0.2 * np.sin(frame), 40 + 10 * np.cos(frame)), noisy)
            assert sum(len(stretch.mouths) for stretch in kept._open.values()) <= 64
    near = list(references(tmp_path, 0, 45_000, 45_250))
    assert near and all(44_000 < mouth.frame < 46_500 for mouth in near)


def test_a_mouth_that_leaves_the_picture_is_no_reference(tmp_path: Path) -> None:
    with ReferenceCollector(tmp_path) as kept:
        kept.offer(0, 0, face(0.1), lambda box: np.empty((0, 0, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
