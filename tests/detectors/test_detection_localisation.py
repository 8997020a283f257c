"""AP@IoU and AR@N: by hand, and every quirk of AV-Deepfake1M's evaluation by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.metrics.localisation import AR_COUNTS, AR_IOUS, ap_at_iou, ar_at_n, iou

# One file each: score, start, end; start, end.
GOOD = np.array([[0.9, 0.0, 1.0], [0.8, 2.0, 3.0], [0.1, 5.0, 6.0]])
TRUE = np.array([[0.0, 1.0], [2.0, 3.0]])
NONE = np.zeros((0, 3))

# Three films, and what the package avdeepfake1m 0.0.4 (ap_ar_1d) gave for them.
FILMS = (
    [[0.875, 4.5, 5.5], [0.875, 0.5, 2], [0.625, 1, 3], [0.125, 1, 2.5], [0.125, 1, 2]],
    [[0.5, 0.5, 2.5], [0.5, 2.5, 4.5], [0.75, 2, 4.5], [0.625, 5, 7], [0.25, 3, 4]],
    [[1, 5, 5.5], [1, 1.5, 4], [0.375, 5.5, 7.5], [0.25, 0, 1.5], [0.375, 0, 1]],
)
FILMS_TRUE = ([[0.5, 2.5], [4, 4.5]], [[1.5, 3.5], [3.5, 5.5]], [[2.5, 4.5], [1, 2.5]])
REFERENCE_AP = {0.3: 0.31481483578681946, 0.5: 0.0416666679084301, 0.75: 0.0}
REFERENCE_AR = {5: 0.0833333358168602, 2: 0.0833333358168602, 1: 0.0}


def test_official_figures_are_those_of_the_published_package():
    for threshold, wanted in REFERENCE_AP.items():
        found = ap_at_iou(FILMS, FILMS_TRUE, threshold, official_compat=True)
        assert found == pytest.approx(wanted, abs=1e-7)
        assert found != pytest.approx(ap_at_iou(FILMS, FILMS_TRUE, threshold), abs=0.01)
    for count, wanted in REFERENCE_AR.items():
        found = ar_at_n(FILMS, FILMS_TRUE, count, official_compat=True)
        assert found == pytest.approx(wanted, abs=1e-7)
    silent = [[0.9, 0, 1], [0.8, 2, 3], [0.1, 5, 6]]  # the second film holds no true stretch
    assert ap_at_iou([silent] * 2, [TRUE, []], 0.5, True) == pytest.approx(1 / 3)
    assert ar_at_n([silent] * 2, [TRUE, []], 1, official_compat=True) == 0.5


def test_overlap():
    found = iou([[0, 2], [5, 6], [1, 1]], [[1, 3], [1, 1]])
    assert found.tolist() == [[1 / 3, 0], [0, 0], [0, 0]]
    assert iou(np.zeros((0, 2)), TRUE).shape == (0, 2)
    with pytest.raises(ValueError, match="ends before"):
        iou([[2, 1]], TRUE)


def test_average_precision_by_hand():
    assert ap_at_iou([GOOD], [TRUE], 0.5) == 1
    late = np.concatenate([GOOD[1:], [[0.05, 0, 1]]])  # the first comes last
    assert ap_at_iou([late], [TRUE], 0.5) == pytest.approx((1 + 2 / 3) / 2)
    twice = np.concatenate([GOOD[:1], GOOD[:1], GOOD[1:2]])  # the second of two is a false alarm
    assert ap_at_iou([twice], [TRUE], 0.5) == pytest.approx((1 + 2 / 3) / 2)
    assert ap_at_iou([GOOD, NONE], [TRUE, TRUE + 0.5], 0.5) == 0.5
    assert ap_at_iou([NONE], [TRUE], 0.5) == 0
    assert np.isnan(ap_at_iou([GOOD], [np.zeros((0, 2))], 0.5)) and np.isnan(ap_at_iou([], [], 0.5))


def test_the_best_overlap_is_taken_first():
    proposals = np.array([[0.9, 0.0, 1.0], [0.8, 0.0, 1.4]])
    truth = np.array([[0.0, 1.5], [0.0, 1.0]])
    assert ap_at_iou([proposals], [truth], 0.6) == 1


def test_average_recall_by_hand():
    assert ar_at_n([GOOD], [TRUE], 50) == 1 and ar_at_n([GOOD], [TRUE], 1) == 0.5
    shifted = GOOD + np.array([0, 0.25, 0.25])  # IoU 0.6: counts at 0.5, 0.55, 0.6 (0.75 / 1.25)
    assert ar_at_n([shifted], [TRUE], 5, AR_IOUS) == pytest.approx(0.3)
    unsorted = GOOD[::-1]
    assert ar_at_n([unsorted], [TRUE], 1) == 0.5
    assert ar_at_n([GOOD, NONE], [TRUE, TRUE], 5) == 0.5
    assert np.isnan(ar_at_n([GOOD], [np.zeros((0, 2))], 5))
    assert AR_COUNTS[0] == 50 and AR_IOUS[-1] == pytest.approx(0.95) and len(AR_IOUS) == 10


def test_an_overlap_on_the_threshold():
    half = np.array([[0.9, 0.0, 1.0], [0.8, 2.0, 2.5]])
    assert ap_at_iou([half], [TRUE], 0.5) == 1
    assert ap_at_iou([half], [TRUE], 0.5, official_compat=True) == 0
    assert ar_at_n([half], [TRUE], 5, [0.5]) == 1
    assert ar_at_n([half], [TRUE], 5, [0.5], official_compat=True) == 0.5


def test_official_precision_leaves_out_what_lies_left_of_the_best_proposal():
    assert ap_at_iou([GOOD], [TRUE], 0.5, official_compat=True) == 0.5
    assert ap_at_iou([GOOD[:1]], [TRUE[:1]], 0.5, official_compat=True) == 0
    many = [GOOD[:1]] * 100
    assert ap_at_iou(many, [TRUE[:1]] * 100, 0.5, official_compat=True) == pytest.approx(0.99)


def test_official_precision_by_hand():
    proposals = np.array([[0.9, 7, 8], [0.8, 0, 1], [0.7, 9, 10], [0.6, 2, 3]])
    # recall 0, 1/2, 1/2, 1; precision 0, 1/2, 1/3, 1/2; its best from the right 1/2 everywhere
    assert ap_at_iou([proposals], [TRUE], 0.5, official_compat=True) == pytest.approx(0.5)
    assert ap_at_iou([proposals], [TRUE], 0.5) == pytest.approx(0.5)


def test_official_matching_goes_by_file_order():
    worst_first = np.array([[0.1, 0.0, 0.95], [0.9, 0.0, 1.0], [0.8, 2.0, 3.0], [0.7, 2.0, 3.0]])
    # the hits are 0.1 and 0.8; sorted 0.9 (miss), 0.8 (hit), 0.7 (miss), 0.1 (hit)
    # recall 0, 1/2, 1/2, 1; precision 0, 1/2, 1/3, 1/2
    assert ap_at_iou([worst_first], [TRUE], 0.5, official_compat=True) == pytest.approx(0.5)
    assert ap_at_iou([worst_first], [TRUE], 0.5) == 1
    assert ar_at_n([GOOD[::-1]], [TRUE], 1, official_compat=True) == 0
    assert ar_at_n([GOOD[::-1]], [TRUE], 1) == 0.5


def test_official_recall_forgives_silence():
    assert ar_at_n([GOOD, NONE], [TRUE, TRUE], 5, official_compat=True) == 1
    assert ar_at_n([NONE], [TRUE], 5, official_compat=True) == 0
    assert ap_at_iou([NONE], [TRUE], 0.5, official_compat=True) == 0
    assert np.isnan(ap_at_iou([GOOD], [np.zeros((0, 2))], 0.5, official_compat=True))


def test_official_overlap_is_single_precision():
    # 0.3 / 0.6: in double precision a hair below a half, in single precision a half exactly
    proposals, truth = [[[0.9, 0.1, 0.4]]], [[[0.1, 0.7]]]
    exact = (np.float32(0.4) - np.float32(0.1)) / (np.float32(0.7) - np.float32(0.1))
    below, above = np.nextafter(exact, np.float32(0)), exact
    assert ar_at_n(proposals, truth, 1, [float(below)], official_compat=True) == 1
    assert ar_at_n(proposals, truth, 1, [float(above)], official_compat=True) == 0


stretches = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 30), st.integers(1, 6)), min_size=1, max_size=8,
    unique_by=lambda each: each[0],
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.lists(stretches, min_size=1, max_size=4), st.data())
def test_both_agree_where_no_quirk_applies(films, data):
    """Proposals sorted, true stretches apart, no overlap on the threshold, the best one a miss."""
    proposals = [
        np.array([[s + 1, a, a + length] for s, a, length in sorted(film, reverse=True)], float)
        for film in films
    ]
    proposals[0] = np.concatenate([[[1000.0, 200.0, 201.0]], proposals[0]])
    truth = [
        np.array([[a, a + length] for _, a, length in film[:1]], float) + 0.01 for film in films
    ]
    threshold = data.draw(st.sampled_from([0.46, 0.73, 0.91]))
    ours = ap_at_iou(proposals, truth, threshold)
    official = ap_at_iou(proposals, truth, threshold, official_compat=True)
    # with one true stretch a film, the first enough of the sorted proposals is a hit for both
    assert official == pytest.approx(ours, abs=1e-5)
    count = data.draw(st.integers(1, 6))
    assert ar_at_n(proposals, truth, count, [threshold], official_compat=True) == pytest.approx(
        ar_at_n(proposals, truth, count, [threshold]), abs=1e-6
    )


def test_every_film_needs_its_truth():
    for compat in (False, True):
        with pytest.raises(ValueError, match="1 files, truth of 2"):
            ap_at_iou([GOOD], [TRUE, TRUE], 0.5, compat)
        with pytest.raises(ValueError, match="1 files, truth of 2"):
            ar_at_n([GOOD], [TRUE, TRUE], 5, official_compat=compat)
