"""A verdict in plain words: shared by the text summary and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from avsynth.provenance.text import plain
from detectors.base import Evidence
from detectors.report import phrases
from detectors.verdict import Verdict

#: Verbal scale of the ENFSI guideline for evaluative reporting (2015), by likelihood ratio.
_SCALE = ((2.0, "no"), (10.0, "weak"), (100.0, "moderate"), (1e3, "moderately strong"),
          (1e4, "strong"), (1e6, "very strong"), (math.inf, "extremely strong"))  # fmt: skip

_LARGEST = 1_000_000


def false_alarms(verdict: Verdict) -> float | None:
    """The share of real files that may be called synthetic, as the settings state it."""
    return number(verdict.settings.get("operating_point"))


def thresholds(verdict: Verdict) -> dict[str, float]:
    """Part -> the score from which on it is called synthetic, as the settings state it."""
    return _numbers(verdict.settings.get("thresholds"))


def fusion_weights(verdict: Verdict) -> dict[str, float]:
    """Detector -> its factor in the fusion, as the settings state it."""
    return _numbers(verdict.settings.get("fusion_weights"))


def _numbers(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        return {}
    pairs = ((str(name), number(value)) for name, value in given.items())
    return {name: value for name, value in pairs if value is not None}


def number(value: Any) -> float | None:
    """A finite number as it is, anything else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def rate(share: float) -> str:
    """0.01 -> "1 in 100"."""
    return f"1 in {round(1 / share):,}" if share > 0 else "none"


def signed(score: float | None) -> str:
    """A score with its sign, "+3.1"; a dash for none."""
    if score is None or not math.isfinite(score):
        return "\u2013"
    return f"{score:+.1f}".replace("-", "\u2212") if abs(score) >= 0.05 else "0.0"


def interval(limits: tuple[float, float] | None) -> str:
    """ "+2.1 to +4.0"."""
    if limits is None or not any(math.isfinite(limit) for limit in limits):
        return "\u2013"
    low, high = (signed(limit) if math.isfinite(limit) else "unbounded" for limit in limits)
    return f"{low} to {high}"


def factor(score: float) -> str:
    """The likelihood ratio of a score in two digits: "40", "1/3", "more than 1,000,000"."""
    if abs(score) > math.log(_LARGEST):
        return f"more than {_LARGEST:,}" if score > 0 else f"less than 1/{_LARGEST:,}"
    ratio = _two_digits(math.exp(abs(score)))
    return ratio if score >= 0 or ratio == "1" else f"1/{ratio}"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}".removesuffix(".0")


def support(score: float) -> str:
    """ "moderate support for synthesis", in the words of the ENFSI scale."""
    word = next(word for limit, word in _SCALE if math.exp(min(abs(score), 50.0)) < limit)
    if word == "no":
        return "no support in either direction"
    return f"{word} support {'for' if score > 0 else 'against'} synthesis"


def weight_of_findings(verdict: Verdict) -> str:
    """What score and interval say, in words; empty without a score."""
    score = number(verdict.score)
    if score is None:
        return ""
    if factor(abs(score)) == "1":
        said = "The findings are as probable if something in the file was synthesised as if not"
    else:
        than = "something in the file was synthesised than if nothing was"
        if score < 0:
            than = "nothing in the file was synthesised than if something was"
        said = f"The findings are {factor(abs(score))} times more probable if {than}"
    if verdict.interval is None:
        return f"{said}: {support(score)}."
    low, high = verdict.interval
    if score < 0:
        low, high = -high, -low
    between = f"{factor(low)} to {factor(high)}"
    settled = low > 0 or high < 0
    tail = "" if settled else ", which includes 1: the direction is not settled"
    return f"{said}: {support(score)}. The 95 % interval of that factor is {between}{tail}."


def meaning(verdict: Verdict) -> str:
    """What the answer means at the stated operating point; empty where none is stated."""
    share = false_alarms(verdict)
    if not verdict.parts or share is None:
        return ""
    known = thresholds(verdict)
    limits = [
        f"{phrases.SUBJECTS[part.subject].lower()} {signed(known[part.subject])}"
        for part in verdict.parts
        if part.subject in known
    ]
    at = f" Scores needed for that: {', '.join(limits)}." if limits else ""
    return (
        f"Operating point: thresholds are set so that at most {rate(share)} real files is called "
        f"synthetic.{at}"
    )


def clock(seconds: float) -> str:
    """Seconds as "0:07.2", "12:05", or "1:02:03" in a long file."""
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest // 10:02d}"
    return f"{minutes}:{rest // 10:02d}" + (f".{rest % 10}" if minutes < 10 else "")


def sentence(text: str) -> str:
    """A reason or an error as a sentence: printable, with a capital and a stop."""
    said = plain(text, 600)
    if not said:
        return ""
    return f"{said[0].upper()}{said[1:]}{'' if said[-1] in '.!?' else '.'}"


def stretch(start: float, stop: float) -> str:
    """ "0:07.2\u20130:09.0"; a single time where the stretch has no length."""
    return clock(start) if stop <= start else f"{clock(start)}\u2013{clock(stop)}"


def strongest(verdict: Verdict) -> list[Evidence]:
    """Evidence with a score, the highest first."""
    scored = [each for each in verdict.evidence if number(each.score) is not None]
    return sorted(scored, key=lambda each: -(each.score or 0.0))


def abstained(verdict: Verdict) -> list[Evidence]:
    """Evidence of detectors that had nothing to say."""
    return [each for each in verdict.evidence if each.score is None]


def seen(evidence: Evidence) -> str:
    """How much was looked at, in words."""
    if evidence.subject == "file":
        return "\u2013" if evidence.seen <= 0 else f"{evidence.seen:,.0f}"
    if evidence.subject == "voice":
        return f"{evidence.seen:,.1f} s of sound"
    unit = "s" if evidence.subject == "sync" else "faces in frames"
    return f"{evidence.seen:,.0f} {unit}"


def hashes(verdict: Verdict) -> dict[str, str]:
    """Name -> SHA-256 of every network that took part."""
    found: dict[str, str] = {}
    for each in verdict.evidence:
        found.update(each.weights)
    return dict(sorted(found.items()))
