"""Raw logits -> calibrated log-likelihood ratios -> one verdict, or an honest "inconclusive".

For now evidence passes as it is; the fitted calibration takes its place here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.base import Evidence
from detectors.verdict import Answer, Part


@dataclass(frozen=True, slots=True)
class Fused:
    """What the evidence of one file comes to; see ``verdict.Verdict``."""

    answer: Answer
    reason: str
    score: float | None
    interval: tuple[float, float] | None
    parts: tuple[Part, ...]
    evidence: tuple[Evidence, ...]


def fuse(evidence: Sequence[Evidence], false_positive_rate: float = 0.01) -> Fused:
    """Calibrate every piece of evidence and weigh them together.

    ``false_positive_rate`` picks the operating point: the share of real files that may be called
    synthetic.
    """
    scores = [each.score for each in evidence if each.score is not None]
    if not scores:
        return Fused("inconclusive", "nothing to go by", None, None, (), tuple(evidence))
    score = max(scores)
    return Fused("inconclusive", "not calibrated", score, (score, score), (), tuple(evidence))
