"""Metrics of detection: functions of arrays, one polarity inside, and result files.

Scores are log-likelihood ratios, positive = synthetic; others are turned at the door
(``polarity``). Definitions and their sources are in ``docs/metrics.md``.
"""

from detectors.metrics.bootstrap import ConfidenceInterval
from detectors.metrics.calibration import ece, reliability
from detectors.metrics.costs import act_dcf, cllr, min_dcf
from detectors.metrics.eer import (
    EqualError,
    eer_deepfakebench,
    eer_interpolated,
    eer_official,
    eer_rocch,
)
from detectors.metrics.evaluation import Evaluation, Figure, Row, Table, evaluate
from detectors.metrics.operating import operating_point, threshold_at_fpr
from detectors.metrics.pairs import same_source_auc, share_above_original
from detectors.metrics.polarity import from_celeb_df, from_polarity, from_probability
from detectors.metrics.ranking import auc, average_precision
from detectors.metrics.results import read_results, write_results
from detectors.metrics.tandem import asv_errors, min_adcf, min_tdcf, min_tdcf_legacy
from detectors.metrics.trials import Key, Trial
from detectors.metrics.video import pool

__all__ = [
    "ConfidenceInterval", "EqualError", "Evaluation", "Figure", "Key", "Row", "Table", "Trial",
    "act_dcf", "asv_errors", "auc", "average_precision", "cllr", "ece", "eer_deepfakebench",
    "eer_interpolated", "eer_official", "eer_rocch", "evaluate", "from_celeb_df", "from_polarity",
    "from_probability", "min_adcf", "min_dcf", "min_tdcf", "min_tdcf_legacy", "operating_point",
    "pool", "read_results", "reliability", "same_source_auc", "share_above_original",
    "threshold_at_fpr", "write_results",
]  # fmt: skip
