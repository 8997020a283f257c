"""The forensic half: detectors of synthetic faces and voices. For now, their contract."""

from detectors.base import Detector, Evidence, Interval

__all__ = ["Detector", "Evidence", "Interval"]
