"""The forensic half: detectors of synthetic faces and voices, fused into one verdict."""

from detectors.base import Detector, Evidence, Interval, MarkedFrame, MarkedSound, abstention
from detectors.looks import Burst, Look
from detectors.verdict import Part, Verdict

__all__ = [
    "Burst", "Detector", "Evidence", "Interval", "Look", "MarkedFrame", "MarkedSound", "Part",
    "Verdict", "abstention",
]  # fmt: skip
