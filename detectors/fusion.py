"""Raw logits -> calibrated log-likelihood ratios -> one verdict, or an honest "inconclusive".

Each detector's logit is calibrated (logistic regression with equal priors: Platt 1999; Brümmer and
du Preez 2006), the detectors that speak of one part of a file are weighed by a second logistic
regression, fitted where the generator was held out, and parts are joined as alternatives: a file is
synthetic when its face, its voice or their agreement is, each as likely beforehand, so the
likelihood ratio of the file is the mean of theirs. Credentials are added: they are independent of
what can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.base import Evidence, Interval
from detectors.calibration import Calibration, PartFusion, PartName, load
from detectors.credentials import CLAIMED_SYNTHETIC, SIGNED_SYNTHETIC
from detectors.verdict import Answer, Part

Floats = NDArray[np.float64]

_FOUND = {
    "face": "the face looks synthetic",
    "voice": "the voice sounds synthetic",
    "sync": "face and voice do not belong together",
}
_UNSURE = {"face": "the face", "voice": "the voice", "sync": "the agreement of face and voice"}
#: Likelihood ratios below 2 support neither (ENFSI guideline for evaluative reporting, 2015).
_NO_SUPPORT = float(np.log(2.0))
_SEED = 20
_LEVELS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Fused:
    """What the evidence of one file comes to; see ``verdict.Verdict``.

    ``threshold``: the ratio from which a part of this file is called synthetic, by part.
    """

    answer: Answer
    reason: str
    score: float | None
    interval: tuple[float, float] | None
    parts: tuple[Part, ...]
    evidence: tuple[Evidence, ...]
    thresholds: dict[str, float]


def fuse(
    evidence: Sequence[Evidence],
    false_positive_rate: float = 0.01,
    calibration: Calibration | None = None,
) -> Fused:
    """Calibrate every piece of evidence and weigh them together.

    ``false_positive_rate``: the share of real files that may be called synthetic. It is divided
    among the parts that there is evidence of and that can raise an alarm at all, so that it holds
    for the file (Bonferroni).
    """
    known = calibration or load()
    told = tuple(calibrated(each, known) for each in evidence)
    draws = {
        name: _part_draws(known.parts[name], told)
        for name in known.parts
        if any(e.score is not None and e.detector in known.parts[name].members for e in told)
    }
    deciding = [n for n in draws if known.parts[n].most > -np.log(false_positive_rate)]
    rate = false_positive_rate / max(len(deciding), 1)
    thresholds = {name: threshold(known.parts[name], rate) for name in draws}
    parts = tuple(
        _part(name, drawn, thresholds[name], known.parts[name].miss)
        for name, drawn in draws.items()
    )
    signed = next((e for e in told if e.detector == "credentials" and e.score is not None), None)
    score, interval = _whole(draws, 0.0 if signed is None else float(signed.score or 0.0))
    if not draws and signed is None:
        why = "; ".join(dict.fromkeys(e.abstained for e in told if e.abstained)) or "nothing seen"
        return Fused("inconclusive", f"nothing to go by: {why}", None, None, (), told, {})
    answer, reason = _answer(parts, signed)
    return Fused(
        answer,
        reason,
        score,
        interval,
        parts,
        told,
        {str(name): limit for name, limit in thresholds.items()},
    )


def calibrated(evidence: Evidence, calibration: Calibration) -> Evidence:
    """The same evidence with ratios for raw logits; as it is where no calibration is known."""
    member = calibration.members.get(evidence.detector)
    if member is None or evidence.score is None:
        return evidence
    return replace(
        evidence,
        score=float(member.ratio(evidence.score)),
        scores=member.ratio(evidence.scores.astype(np.float64)).astype(np.float32),
        where=tuple(
            Interval(w.start, w.stop, float(member.ratio(w.score))) for w in evidence.where
        ),
        frames=tuple(replace(f, score=float(member.ratio(f.score))) for f in evidence.frames),
        sounds=tuple(replace(s, score=float(member.ratio(s.score))) for s in evidence.sounds),
    )


def threshold(part: PartFusion, rate: float) -> float:
    """The ratio from which at most ``rate`` of real files of this part lie above.

    Measured where there were real people enough; otherwise -ln(rate), which holds for any
    well-calibrated ratio, whose mean over real files is 1 (Markov's inequality).
    """
    fitted = [value for key, value in part.thresholds.items() if float(key) <= rate]
    bound = -float(np.log(rate))
    return min([*fitted, bound]) if fitted else bound


def _part_draws(part: PartFusion, told: Sequence[Evidence]) -> Floats:
    """Fused ratios (1 + D,): the fit itself, then draws of the fit and of what was seen."""
    rng = np.random.default_rng(_SEED)
    ratios, errors = np.zeros(len(part.members)), np.zeros(len(part.members))
    for place, name in enumerate(part.members):
        found = next((e for e in told if e.detector == name and e.score is not None), None)
        if found is not None:
            ratios[place] = found.score
            errors[place] = _standard_error(found.scores)
    fits = np.array([(part.offset, *part.weights), *part.draws])
    seen = ratios + errors * rng.standard_normal((len(fits), len(ratios)))
    seen[0] = ratios
    fused = fits[:, 0] + (fits[:, 1:] * seen).sum(axis=1)
    return np.asarray(np.clip(fused, -part.most, part.most))


def _standard_error(scores: NDArray[np.float32]) -> float:
    """Of the mean of scores over time; 1 where there is but one, as nothing is known then."""
    if len(scores) < 2:
        return 1.0
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def _part(name: PartName, drawn: Floats, limit: float, miss: float) -> Part:
    score = float(drawn[0])
    return Part(name, _answer_of(score, limit, miss), score, _interval(drawn))


def _answer_of(score: float, limit: float, miss: float) -> Answer:
    if score >= limit:
        return "synthetic"
    return "not-detected" if score < max(miss, _NO_SUPPORT) else "inconclusive"


def _interval(drawn: Floats) -> tuple[float, float]:
    low, high = np.percentile(drawn, _LEVELS)
    return min(float(low), float(drawn[0])), max(float(high), float(drawn[0]))


def _whole(draws: dict[PartName, Floats], signed: float) -> tuple[float, tuple[float, float]]:
    """Ratio of the file and its interval: the mean of the parts' likelihood ratios, in logs."""
    if not draws:
        return signed, (signed, signed)
    most = min(len(each) for each in draws.values())
    stacked = np.array([each[:most] for each in draws.values()])
    together = np.logaddexp.reduce(stacked, axis=0) - np.log(len(stacked)) + signed
    return float(together[0]), _interval(together)


def _answer(parts: Sequence[Part], signed: Evidence | None) -> tuple[Answer, str]:
    found = " and ".join(_FOUND[p.subject] for p in parts if p.answer == "synthetic")
    unsure = " and ".join(_UNSURE[p.subject] for p in parts if p.answer == "inconclusive")
    claim = 0.0 if signed is None else float(signed.score or 0.0)
    if claim >= SIGNED_SYNTHETIC:
        also = f"; also measured: {found}" if found else ""
        return "synthetic", f"its own credentials say that a model made it, or a part of it{also}"
    if found:
        return "synthetic", found
    if claim >= CLAIMED_SYNTHETIC:
        return "inconclusive", "credentials that cannot be checked say that a model made it"
    if unsure:
        return (
            "inconclusive",
            f"{unsure}: it speaks for synthesis, but real files do so as well now and then",
        )
    return "not-detected", "nothing that speaks for synthesis was found, which is no proof"
