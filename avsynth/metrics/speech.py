"""The door to all metrics of speech: functions of arrays, at 16 kHz unless a rate is asked for.

Distances between two recordings of one sentence start with ``Comparison.of(Cepstra.of(a),
Cepstra.of(b))``. Recognisers, encoders and predictors are classes that load their network once;
without their packages they raise a WeightsError that names the extra ``metrics``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from avsynth.metrics.cepstral import Cepstra, Comparison, mcd_c0, mcd_mel, mcd_noc0
from avsynth.metrics.cost import parameter_count, real_time_factor
from avsynth.metrics.intonation import f0_rmse, log_f0_correlation, log_f0_rmse, voicing_error
from avsynth.metrics.quality import Dnsmos, Mos, estoi, pesq_nb, pesq_wb, stoi
from avsynth.metrics.recognition import (
    Errors,
    PhonemeRecogniser,
    WordRecogniser,
    count_errors,
    mean_error_rate,
    pooled_error_rate,
    words,
)
from avsynth.metrics.sharpness import (
    global_variance,
    global_variance_ratio,
    modulation_distance,
    modulation_spectrum,
)
from avsynth.metrics.speaker_similarity import (
    ResemblyzerEmbedder,
    acceptance_rate,
    centroid,
    equal_error_threshold,
    similarity,
)
from avsynth.speech.mel import SAMPLE_RATE

__all__ = [
    "Cepstra",
    "Comparison",
    "Dnsmos",
    "Errors",
    "Mos",
    "PhonemeRecogniser",
    "ResemblyzerEmbedder",
    "WordRecogniser",
    "acceptance_rate",
    "centroid",
    "count_errors",
    "duration_difference",
    "equal_error_threshold",
    "estoi",
    "f0_rmse",
    "global_variance",
    "global_variance_ratio",
    "log_f0_correlation",
    "log_f0_rmse",
    "mcd_c0",
    "mcd_mel",
    "mcd_noc0",
    "mean_error_rate",
    "modulation_distance",
    "modulation_spectrum",
    "parallel_scores",
    "parameter_count",
    "pesq_nb",
    "pesq_wb",
    "pooled_error_rate",
    "real_time_factor",
    "similarity",
    "stoi",
    "voicing_error",
    "words",
]


def duration_difference(made: ArrayLike, wanted: ArrayLike, rate: int = SAMPLE_RATE) -> float:
    """Length of samples (N,) less that of (M,), in seconds; positive when the first is longer."""
    return (len(np.asarray(made)) - len(np.asarray(wanted))) / rate


def parallel_scores(made: Cepstra, wanted: Cepstra) -> dict[str, float]:
    """All scores of two recordings of one sentence: cepstra, pitch, voicing, how much is stretched.

    ``spoken_difference`` is the difference of their durations in seconds, silence left out.
    """
    both = Comparison.of(made, wanted)
    pitch = both.first.pitch, both.second.pitch
    return both.scores() | {
        "f0_rmse": f0_rmse(*pitch),
        "log_f0_rmse": log_f0_rmse(*pitch),
        "log_f0_correlation": log_f0_correlation(*pitch),
        "voicing_error": voicing_error(*pitch),
        "penalty": both.penalty,
        "spoken_difference": 0.005 * float(made.active.sum() - wanted.active.sum()),
    }
