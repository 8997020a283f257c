"""What detectors keep of a file: scores over time, the worst few, stretches."""

import numpy as np
import pytest

from detectors.moments import KEPT, Moments, Worst, stretches


def test_the_worst_few_are_kept_worst_first() -> None:
    worst = Worst[str]()
    for score in (0.1, 3.0, -2.0, 5.0, 4.0, 0.2, 3.0):
        if worst.wants(score):
            worst.add(score, f"{score}")
    assert worst.items == ("5.0", "4.0", "3.0", "3.0")
    assert len(worst.items) == KEPT and not worst.wants(2.9)


def test_a_file_is_as_bad_as_its_worst_lasting_face() -> None:
    moments = Moments()
    for time in range(10):
        moments.add(float(time), -1.0, 1, 8)
        moments.add(float(time), 0.5, 2, 8)
    moments.add(3.0, 9.0, 3, 8)  # a passer-by
    assert moments.worst_track() == pytest.approx(0.5)
    found = moments.evidence("d", "face", moments.worst_track())
    assert found.score == pytest.approx(0.5) and found.seen == 21 * 8
    assert len(found.tracks) == len(found.times) == 21


def test_stretches_join_neighbours_and_leave_the_quiet_out() -> None:
    times = np.array([0.5, 1.5, 2.5, 9.5])
    found = stretches(times, np.array([-1.0, 2.0, 4.0, 1.0], np.float32))
    assert [(each.start, each.stop, each.score) for each in found] == [
        (1.0, 3.0, 3.0), (9.0, 10.0, 1.0),
    ]  # fmt: skip
    assert stretches(times, np.full(4, -1.0, np.float32)) == ()
