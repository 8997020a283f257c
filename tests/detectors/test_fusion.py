"""Evidence -> verdict: calibrated, weighed, joined, with an interval and room for doubt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from avsynth.errors import WeightsError
from avsynth.weights.manifest import list_weights
from detectors import Evidence, Interval
from detectors.base import Subject, abstention
from detectors.calibration import MOST, Calibration, Member, PartFusion, load
from detectors.credentials import CLAIMED_SYNTHETIC, SIGNED_SYNTHETIC
from detectors.fusion import calibrated, fuse, threshold
from detectors.registry import DETECTORS


def part(*members: str, **more: Any) -> PartFusion:
    given: dict[str, Any] = {
        "members": members, "weights": (1.0,) * len(members), "offset": 0.0, "draws": (),
        "thresholds": {}, "miss": -1.0, "real": 100, "synthetic": 100, "people": 10,
    }  # fmt: skip
    return PartFusion(**given | more)


def calibration(**parts: PartFusion) -> Calibration:
    names = [name for each in parts.values() for name in each.members]
    member = Member(slope=2.0, offset=-1.0, low=-3.0, high=4.0)
    return Calibration(
        made_by="test", data="none", weights={}, members=dict.fromkeys(names, member),
        parts=parts,  # type: ignore[arg-type]
    )  # fmt: skip


def said(name: str, raw: float, subject: Subject = "face", windows: int = 4) -> Evidence:
    scores = np.full(windows, raw, np.float32)
    return Evidence(name, raw, np.arange(float(windows)), scores, subject=subject)


KNOWN = calibration(face=part("visual", "motion"), voice=part("audio"))


def test_logits_become_ratios_wherever_they_stand() -> None:
    evidence = Evidence(
        "visual", 1.5, np.arange(2.0), np.array([0.5, 100.0], np.float32),
        where=(Interval(0.0, 1.0, 1.0),), subject="face",
    )  # fmt: skip
    told = calibrated(evidence, KNOWN)
    assert told.score == 2.0 * 1.5 - 1.0
    assert told.scores.tolist() == [0.0, 7.0]  # what lies beyond the range seen counts as its edge
    assert told.where[0].score == 1.0


def test_nobody_is_believed_without_bound() -> None:
    assert Member(slope=50.0, offset=0.0, low=-9.0, high=9.0).ratio(9.0) == MOST


def test_members_of_a_part_add_up_and_one_that_abstains_is_no_evidence() -> None:
    both = fuse([said("visual", 2.0), said("motion", 1.0)], calibration=KNOWN)
    one = fuse([said("visual", 2.0), abstention("motion", "face", "too short")], calibration=KNOWN)
    assert both.score == pytest.approx(4.0) and one.score == pytest.approx(3.0)
    assert one.evidence[1].abstained == "too short"


def test_a_file_is_synthetic_when_one_of_its_parts_is() -> None:
    found = fuse([said("visual", 4.0), said("audio", -3.0, "voice")], calibration=KNOWN)
    assert found.answer == "synthetic" and found.reason == "the face looks synthetic"
    assert [p.answer for p in found.parts] == ["synthetic", "not-detected"]
    # The mean of the parts' likelihood ratios, e^7 and e^-7.
    assert found.score == pytest.approx(math.log((math.exp(7.0) + math.exp(-7.0)) / 2))


def test_nothing_found_is_never_called_authentic() -> None:
    found = fuse([said("visual", -2.0)], calibration=KNOWN)
    assert found.answer == "not-detected" and "no proof" in found.reason


def test_between_the_two_it_says_that_it_does_not_know() -> None:
    found = fuse([said("visual", 1.0)], calibration=KNOWN)
    assert found.answer == "inconclusive" and "speaks for synthesis" in found.reason


def test_nothing_to_go_by_has_its_reasons() -> None:
    found = fuse([abstention("visual", "face", "no face was found")], calibration=KNOWN)
    assert found.answer == "inconclusive" and "no face was found" in found.reason
    assert found.score is None and found.interval is None


@pytest.mark.parametrize("raw", [-2.0, 0.5, 3.0])
def test_the_interval_holds_the_score_and_widens_with_what_varies(raw: float) -> None:
    steady, single = said("visual", raw, windows=40), said("visual", raw, windows=1)
    draws = tuple((0.1 * n, 1.0, 1.0) for n in range(-5, 6))
    known = calibration(face=part("visual", "motion", draws=draws))
    wide = []
    for evidence in (steady, single):
        found = fuse([evidence], calibration=known)
        assert found.interval is not None and found.score is not None
        assert found.interval[0] <= found.score <= found.interval[1]
        wide.append(found.interval[1] - found.interval[0])
    assert 0.5 < wide[0] < wide[1]


def test_the_same_evidence_gives_the_same_verdict() -> None:
    evidence = [said("visual", 1.0, windows=1), said("audio", 0.3, "voice", windows=1)]
    assert fuse(evidence, calibration=KNOWN) == fuse(evidence, calibration=KNOWN)


def test_thresholds_that_were_measured_count_before_the_bound() -> None:
    measured = part("visual", thresholds={"0.05": 0.5, "0.01": 2.0, "0.001": 9.0})
    assert threshold(measured, 0.01) == 2.0
    assert threshold(measured, 0.02) == 2.0  # the nearest that promises at least as much
    assert threshold(measured, 0.0001) == pytest.approx(math.log(10_000))
    assert threshold(part("visual"), 0.01) == pytest.approx(math.log(100))


def test_parts_share_the_alarms_that_are_allowed() -> None:
    one = fuse([said("visual", 0.0)], 0.01, KNOWN)
    two = fuse([said("visual", 0.0), said("audio", 0.0, "voice")], 0.01, KNOWN)
    assert one.thresholds["face"] == pytest.approx(math.log(100))
    assert two.thresholds["face"] == two.thresholds["voice"] == pytest.approx(math.log(200))


def credentials(score: float) -> Evidence:
    return Evidence("credentials", score, np.zeros(0), np.zeros(0, np.float32))


def test_what_a_file_is_signed_to_be_settles_it() -> None:
    found = fuse([said("visual", -3.0), credentials(SIGNED_SYNTHETIC)], calibration=KNOWN)
    assert found.answer == "synthetic" and "its own credentials" in found.reason


def test_a_claim_that_cannot_be_checked_leaves_it_open() -> None:
    found = fuse([said("visual", -3.0), credentials(CLAIMED_SYNTHETIC)], calibration=KNOWN)
    assert found.answer == "inconclusive" and "cannot be checked" in found.reason


def test_the_shipped_calibration_knows_every_detector_that_measures() -> None:
    shipped = load()
    known = {name for each in shipped.parts.values() for name in each.members}
    assert known <= set(DETECTORS) - {"credentials"}
    for each in shipped.parts.values():
        assert len(each.weights) == len(each.members) and min(each.weights) >= 0
        assert all(len(draw) == 1 + len(each.members) for draw in each.draws)


def test_a_calibration_that_is_not_there_is_an_error_in_words() -> None:
    with pytest.raises(WeightsError, match="no calibration is called 'huge'"):
        load("huge")


def test_a_part_that_may_not_settle_anything_does_not() -> None:
    known = calibration(sync=part("sync", most=3.0))
    found = fuse([said("sync", 4.0, "sync")], calibration=known)
    assert found.score == 3.0 and found.answer == "inconclusive"
    both = calibration(sync=part("sync", most=3.0), voice=part("audio"))
    told = fuse([said("sync", 4.0, "sync"), said("audio", 0.0, "voice")], 0.01, both)
    assert told.thresholds["voice"] == pytest.approx(math.log(100))  # no share is kept for it


def test_the_shipped_calibration_was_fitted_with_the_shipped_detectors():
    kinds = {"anomaly", "frame-detector", "judge", "sound-detector"}
    shipped = {entry.name: entry.sha256 for entry in list_weights() if entry.kind in kinds}
    fitted = load().weights
    assert {name: fitted.get(name) for name in shipped} == shipped
