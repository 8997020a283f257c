"""The scanner over a public benchmark: scores of every file, tables, curves under corruption."""

from detectors.benchmark.files import Reporting, report
from detectors.benchmark.run import BenchmarkOptions, Measured, measure
from detectors.benchmark.tables import Condition, tabulate

__all__ = [
    "BenchmarkOptions", "Condition", "Measured", "Reporting", "measure", "report", "tabulate",
]  # fmt: skip
