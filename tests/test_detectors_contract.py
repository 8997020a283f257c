"""The detectors' contract: evidence that contradicts itself cannot be made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from detectors import Detector, Evidence, Interval


def evidence(**more: Any) -> Evidence:
    given = {"detector": "d", "score": 1.0, "times": np.arange(3.0),
             "scores": np.zeros(3, np.float32)}  # fmt: skip
    return Evidence(**given | more)


def test_evidence_holds_what_was_found() -> None:
    found = evidence(where=(Interval(0.0, 1.0, 2.0),), seen=75)
    assert found.score == 1.0 and found.where[0].stop == 1.0 and found.abstained is None
    with pytest.raises(FrozenInstanceError):
        found.score = 2.0  # type: ignore[misc]


def test_a_score_and_a_reason_for_having_none_exclude_each_other() -> None:
    assert evidence(score=None, abstained="no face").score is None
    for wrong in ({"score": None}, {"abstained": "no face"}):
        with pytest.raises(ValueError, match="either a score or a reason"):
            evidence(**wrong)


def test_every_score_has_its_time() -> None:
    with pytest.raises(ValueError, match="3 times for 2 scores"):
        evidence(scores=np.zeros(2, np.float32))


def test_the_protocol_is_what_the_design_says() -> None:
    assert {"start", "update_faces", "update_audio", "finish"} <= set(vars(Detector))
