"""The forensic half: detectors of synthetic faces and voices, fused into one verdict.

``scan(path)`` looks at one file, ``scan_many(paths)`` at many. Heavy libraries load when a scan
begins.
"""

from detectors.base import Detector, Evidence, Interval, MarkedFrame, MarkedSound, abstention
from detectors.batch import scan_many
from detectors.looks import Burst, Look
from detectors.options import ScanOptions
from detectors.scan import scan
from detectors.verdict import Part, Verdict

__all__ = [
    "Burst", "Detector", "Evidence", "Interval", "Look", "MarkedFrame", "MarkedSound", "Part",
    "ScanOptions", "Verdict", "abstention", "scan", "scan_many",
]  # fmt: skip
