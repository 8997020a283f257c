"""Costs of decisions as in ASVspoof 5: minDCF, actDCF, Cllr.

Scores (N,) are log-likelihood ratios, higher = synthetic; labels (N,), true = synthetic. minDCF
asks only for their order, the other two take them at their word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.ranked import Ranked


@dataclass(frozen=True, slots=True)
class DetectionCosts:
    """What errors cost: ``miss`` of rejecting a real file, ``false_alarm`` of accepting a fake.

    (The names are of ASVspoof, whose target is bona fide.) ``spoofed`` is the share of fakes that
    is expected in use. Defaults: ASVspoof 5, track 1.
    """

    spoofed: float = 0.05
    miss: float = 1.0
    false_alarm: float = 10.0

    @property
    def rejecting(self) -> float:
        """Expected cost of rejecting everything."""
        return self.miss * (1 - self.spoofed)

    @property
    def accepting(self) -> float:
        """Expected cost of accepting everything."""
        return self.false_alarm * self.spoofed


ASVSPOOF5 = DetectionCosts()


@dataclass(frozen=True, slots=True)
class DetectionCost:
    """A normalised cost (1 = no better than the better of accepting or rejecting everything).

    Files whose score reaches ``threshold`` (for actDCF: exceeds it) are called synthetic.
    """

    cost: float
    threshold: float


def min_dcf(
    scores: ArrayLike, synthetic: ArrayLike, costs: DetectionCosts = ASVSPOOF5
) -> DetectionCost:
    """Smallest ``Cmiss (1 - pi) FRR + Cfa pi FAR`` over thresholds, over the cheaper default.

    The default is ``min(Cmiss (1 - pi), Cfa pi)``. Source: ``compute_mindcf`` of the ASVspoof 5
    evaluation package, its primary metric of track 1.
    """
    return min_dcf_of(Ranked.of(scores, synthetic), costs)


def min_dcf_of(ranked: Ranked, costs: DetectionCosts = ASVSPOOF5) -> DetectionCost:
    """As ``min_dcf``, of sorted scores."""
    curve = ranked.official
    cost = costs.rejecting * curve.frr + costs.accepting * curve.far
    at = int(cost.argmin())
    least = float(cost[at]) / min(costs.rejecting, costs.accepting)
    return DetectionCost(least, float(curve.thresholds[at]))


def act_dcf(
    scores: ArrayLike, synthetic: ArrayLike, costs: DetectionCosts = ASVSPOOF5
) -> DetectionCost:
    """The cost at the threshold that is best for true log-likelihood ratios.

    Bona fide scores are accepted from ``-log beta`` on, ``beta = Cmiss (1 - pi) / (Cfa pi)`` (1.9
    for ASVspoof 5), so ours are rejected above ``log beta``. Source: ``compute_actDCF`` of the
    ASVspoof 5 evaluation package. Says nothing of scores that are not calibrated.
    """
    return act_dcf_of(Ranked.of(scores, synthetic), costs)


def act_dcf_of(ranked: Ranked, costs: DetectionCosts = ASVSPOOF5) -> DetectionCost:
    """As ``act_dcf``, of sorted scores."""
    threshold = float(np.log(costs.rejecting / costs.accepting))
    rejected = ranked.scores > threshold
    frr = np.count_nonzero(rejected & ~ranked.synthetic) / ranked.reals
    far = np.count_nonzero(~rejected & ranked.synthetic) / ranked.fakes
    cost = costs.rejecting * frr + costs.accepting * far
    return DetectionCost(float(cost) / min(costs.rejecting, costs.accepting), threshold)


def cllr(scores: ArrayLike, synthetic: ArrayLike) -> float:
    """Cost of log-likelihood ratios in bits: 0 is perfect, 1 as good as no detector, more misleads.

    ``(mean over fakes of log2(1 + exp(-s)) + mean over reals of log2(1 + exp(s))) / 2`` (Brummer
    and du Preez, 2006; ``calculate_CLLR`` of the ASVspoof 5 evaluation package).
    """
    return cllr_of(Ranked.of(scores, synthetic))


def cllr_of(ranked: Ranked) -> float:
    """As ``cllr``, of sorted scores."""
    loss = np.logaddexp(0, np.where(ranked.synthetic, -ranked.scores, ranked.scores))
    fakes = float(loss[ranked.synthetic].mean())
    reals = float(loss[~ranked.synthetic].mean())
    return (fakes + reals) / (2 * float(np.log(2)))
