"""Spoofing and speaker verification together: t-DCF (both versions) and a-DCF.

Countermeasure scores are ours (N,), higher = synthetic, with labels (N,). Verification scores are
as those who verify have them: higher = the claimed speaker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.eer import eer_official
from detectors.metrics.polarity import Doubles, from_polarity
from detectors.metrics.ranked import Ranked


@dataclass(frozen=True, slots=True)
class AsvErrors:
    """Error rates of a speaker verification system at a fixed threshold.

    ``false_alarm`` of nontargets accepted, ``miss`` of targets rejected, ``spoofs_missed`` of
    spoofs rejected (Pmiss_spoof_asv). ``eer`` is of targets against nontargets.
    """

    threshold: float
    false_alarm: float
    miss: float
    spoofs_missed: float
    eer: float


def asv_errors(target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike) -> AsvErrors:
    """Errors at the threshold of ``eer_official``; scores from it on are accepted.

    Source: ``obtain_asv_error_rates`` of the ASVspoof evaluation packages.
    """
    own, others, spoofs = (np.asarray(each, np.float64) for each in (target, nontarget, spoof))
    both = from_polarity(np.concatenate((own, others)), "bona-fide")
    equal = eer_official(both, np.arange(len(both)) >= len(own))
    at = -equal.threshold
    return AsvErrors(
        at, float((others >= at).mean()), float((own < at).mean()), float((spoofs < at).mean()),
        equal.rate,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TandemCosts:
    """Priors of target, nontarget and spoof, and costs of a miss and of accepting the latter two.

    Defaults: ASVspoof 2019 and 2021.
    """

    target: float = 0.95 * 0.99
    nontarget: float = 0.95 * 0.01
    spoof: float = 0.05
    miss: float = 1.0
    false_alarm: float = 10.0
    spoof_accepted: float = 10.0


ASVSPOOF2021 = TandemCosts()


@dataclass(frozen=True, slots=True)
class TandemCost:
    """A smallest normalised tandem cost, where it is reached, and the constants behind it."""

    cost: float
    threshold: float
    c0: float
    c1: float
    c2: float


def min_tdcf_legacy(
    scores: ArrayLike, synthetic: ArrayLike, asv: AsvErrors, costs: TandemCosts = ASVSPOOF2021
) -> TandemCost:
    """t-DCF of ASVspoof 2019: smallest ``(C1 FRR + C2 FAR) / min(C1, C2)``.

    ``C1 = Ptar (Cmiss - Cmiss Pmiss_asv) - Pnon Cfa Pfa_asv``, ``C2 = Cfa_spoof Pspoof (1 -
    Pmiss_spoof_asv)`` with Cmiss 1 and both Cfa 10 of the countermeasure and of the verifier alike.
    Source: evaluation plan of ASVspoof 2019; ``compute_tDCF_legacy``. ValueError with fewer than
    three different scores (decisions, not scores) or a negative constant.
    """
    c1 = costs.target * (costs.miss - costs.miss * asv.miss) - (
        costs.nontarget * costs.false_alarm * asv.false_alarm
    )
    c2 = costs.spoof_accepted * costs.spoof * (1 - asv.spoofs_missed)
    return _smallest(Ranked.of(scores, synthetic), 0.0, c1, c2)


def min_tdcf(
    scores: ArrayLike, synthetic: ArrayLike, asv: AsvErrors, costs: TandemCosts = ASVSPOOF2021
) -> TandemCost:
    """t-DCF as revised, of ASVspoof 2021: ``(C0 + C1 FRR + C2 FAR) / (C0 + min(C1, C2))``.

    ``C0 = Ptar Cmiss Pmiss_asv + Pnon Cfa Pfa_asv``, ``C1 = Ptar Cmiss - C0``, ``C2 = Pspoof
    Cfa_spoof (1 - Pmiss_spoof_asv)``: what the verifier costs by itself is in it. Source: Kinnunen
    et al., "Tandem Assessment of Spoofing Countermeasures and Automatic Speaker Verification"
    (2020); ``compute_tDCF`` of the ASVspoof 2021 package. ValueError as ``min_tdcf_legacy``.
    """
    c0 = costs.target * costs.miss * asv.miss + (
        costs.nontarget * costs.false_alarm * asv.false_alarm
    )
    c2 = costs.spoof * costs.spoof_accepted * (1 - asv.spoofs_missed)
    return _smallest(Ranked.of(scores, synthetic), c0, costs.target * costs.miss - c0, c2)


def _smallest(ranked: Ranked, c0: float, c1: float, c2: float) -> TandemCost:
    if len(ranked.roc.thresholds) < 4:  # the first is infinite
        raise ValueError("t-DCF needs scores, not decisions: fewer than three differ")
    if c1 < 0 or c2 < 0:
        raise ValueError("a negative weight: the verifier is worse than none")
    curve = ranked.official
    cost = (c0 + c1 * curve.frr + c2 * curve.far) / (c0 + min(c1, c2))
    at = int(cost.argmin())
    return TandemCost(float(cost[at]), float(curve.thresholds[at]), c0, c1, c2)


@dataclass(frozen=True, slots=True)
class AgnosticCosts:
    """Priors and costs of the a-DCF."""

    target: float
    nontarget: float
    spoof: float
    miss: float
    nontarget_accepted: float
    spoof_accepted: float


#: Constants of the evaluation plan of ASVspoof 5, track 2.
ADCF_ASVSPOOF5 = AgnosticCosts(0.9405, 0.0095, 0.05, 1.0, 10.0, 10.0)
#: Defaults of the package ``a_dcf`` (its ``CostModel``). Not the same: say which.
ADCF_PACKAGE = AgnosticCosts(0.9, 0.05, 0.05, 1.0, 10.0, 20.0)


def min_adcf(
    target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike, costs: AgnosticCosts
) -> tuple[float, float]:
    """Architecture-agnostic cost of one system that verifies and repels spoofs: (cost, threshold).

    Smallest ``Cmiss Ptar FRR + Cnon Pnon FAR_non + Cspf Pspf FAR_spf`` over thresholds, over the
    cheaper of accepting and rejecting everybody. Scores (T,), (N,), (S,), higher = the claimed
    speaker and genuine; scores above the threshold are accepted. Source: Shim et al., "a-DCF: an
    architecture agnostic metric" (Odyssey 2024) and its package, one trial at a time among equal
    scores, targets first.
    """
    parts = [np.asarray(each, np.float64) for each in (target, nontarget, spoof)]
    scores = np.concatenate(parts)
    if not all(map(len, parts)) or not np.isfinite(scores).all():
        raise ValueError("a-DCF needs finite scores of targets, nontargets and spoofs")
    order = np.argsort(scores, kind="stable")
    kind = np.repeat(np.arange(3), [len(each) for each in parts])[order]
    miss, others, spoofs = (_rejected(kind == number) for number in range(3))
    cost = (
        costs.miss * costs.target * miss
        + costs.nontarget_accepted * costs.nontarget * (1 - others)
        + costs.spoof_accepted * costs.spoof * (1 - spoofs)
    )
    accepting = costs.nontarget_accepted * costs.nontarget + costs.spoof_accepted * costs.spoof
    at = int(cost.argmin())
    threshold = scores[order[at - 1]] if at else scores[order[0]] - 1e-8
    return float(cost[at]) / min(accepting, costs.miss * costs.target), float(threshold)


def _rejected(members: ArrayLike) -> Doubles:
    """Share of a class among the lowest k scores, for k from 0 to N."""
    lowest = np.concatenate(([0], np.cumsum(members)))
    return np.asarray(lowest / lowest[-1])
