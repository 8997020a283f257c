"""Dynamic time warping against a table filled by hand."""

import numpy as np
import pytest

from avsynth.metrics.alignment import stretch_penalty, warping_path


def cheapest(a, b):
    """Cost of the best path, by the recursion itself."""
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            before = min(cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1])
            cost[i, j] = before + np.linalg.norm(x - y)
    return cost[-1, -1]


@pytest.mark.parametrize("lengths", [(1, 1), (1, 7), (13, 9), (20, 20)])
def test_the_path_is_legal_and_the_cheapest(lengths):
    rng = np.random.default_rng(sum(lengths))
    a, b = (rng.normal(size=(n, 3)) for n in lengths)
    path = warping_path(a, b)
    assert tuple(path[0]) == (0, 0) and tuple(path[-1]) == (lengths[0] - 1, lengths[1] - 1)
    steps = {tuple(step) for step in np.diff(path, axis=0)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    cost = np.linalg.norm(a[path[:, 0]] - b[path[:, 1]], axis=1).sum()
    assert cost == pytest.approx(cheapest(a, b))


def test_a_repeated_frame_is_found():
    signal = np.arange(6.0)[:, None]
    late = signal[[0, 1, 2, 2, 2, 3, 4, 5]]
    path = warping_path(signal, late)
    np.testing.assert_array_equal(path[:, 0], [0, 1, 2, 2, 2, 3, 4, 5])
    assert stretch_penalty(6, 8, len(path)) == pytest.approx(2 - 14 / 8)


def test_nothing_to_align_is_said():
    with pytest.raises(ValueError, match="no frames"):
        warping_path(np.zeros((0, 3)), np.zeros((4, 3)))
