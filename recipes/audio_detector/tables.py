"""Score rows -> Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detectors.audit import Shortcuts
from detectors.metrics.bootstrap import by_person
from detectors.metrics.eer import eer_official, official_of
from detectors.metrics.ranking import auc, auc_of

__all__ = [
    "Row", "Shortcuts", "external", "false_alarms", "families", "held_out", "shortcuts",
]  # fmt: skip
_DRAWS = 500
_RATE = 0.01  # of false alarms at the limit


class Row(NamedTuple):
    """One scored file; the first seven but ``original`` are the columns of a score file."""

    file: str
    label: str
    family: str
    system: str
    person: str
    split: str
    original: str
    score: float


def families(own: Mapping[str, list[Row]]) -> str:
    """Each family against all recordings of people that training did not hear."""
    lines = [
        "| | fakes | EER, % | AUC | after MP3: EER, % | AUC | above own original, % |",
        "|" + "---|" * 7,
    ]
    for family in ["all", *_families(own[""])]:
        fakes = _of(own[""], family, fake=True)
        cells = [family, str(len(fakes))]
        cells += [text for change in ("", "-mp3") for text in _rates(own[change], family)]
        lines.append("| " + " | ".join([*cells, _above(fakes, own[""])]) + " |")
    return "\n".join(lines) + "\n"


def held_out(found: Mapping[str, Mapping[str, list[Row]]]) -> str:
    """Each family by a detector that was trained without it."""
    lines = [
        "| left out | dev: EER, % | AUC | test: EER, % | AUC | after MP3: EER, % | AUC |"
        " above own original, % |",
        "|" + "---|" * 8,
    ]
    for family, rows in found.items():
        cells = [*_rates(rows[""], family, "dev"), *_rates(rows[""], family)]
        cells += _rates(rows["-mp3"], family)
        above = _above(_of(rows[""], family, fake=True), rows[""])
        lines.append("| " + " | ".join([family, *cells, above]) + " |")
    return "\n".join(lines) + "\n"


def _families(rows: Iterable[Row]) -> list[str]:
    return sorted({row.family for row in rows} - {"real"})


def _of(rows: Iterable[Row], family: str, fake: bool, split: str = "test") -> list[Row]:
    return [
        row for row in rows
        if row.split == split and (row.label == "fake") == fake
        and (not fake or family in ("all", row.family))
    ]  # fmt: skip


def _rates(rows: Sequence[Row], family: str, split: str = "test") -> tuple[str, str]:
    """EER in percent and AUC, each with its 95 % interval by speaker."""
    chosen = _of(rows, family, True, split) + _of(rows, family, False, split)
    scores, labels = [row.score for row in chosen], [row.label == "fake" for row in chosen]
    statistics = {"eer": lambda ranked: official_of(ranked).rate, "auc": auc_of}
    people = [row.person for row in chosen]
    found = by_person(scores, labels, people, statistics, _DRAWS, 0)
    rate, area = eer_official(scores, labels).rate, auc(scores, labels)
    low, high = 100 * found["eer"].low, 100 * found["eer"].high
    return (
        f"{100 * rate:.1f} ({low:.1f} to {high:.1f})",
        f"{area:.3f} ({found['auc'].low:.3f} to {found['auc'].high:.3f})",
    )


def _above(fakes: Sequence[Row], rows: Iterable[Row]) -> str:
    """Share of fakes that score above their own original."""
    known = {row.file: row.score for row in rows}
    pairs = [row.score > known[row.original] for row in fakes if row.original in known]
    return f"{100 * np.mean(pairs):.0f} (of {len(pairs)})" if pairs else ""


def shortcuts(found: Mapping[str, Shortcuts]) -> str:
    """What trivial properties alone come to on the same items."""
    lines = ["| trivial properties alone | AUC together | most telling |", "|---|---|---|"]
    for family, of in found.items():
        together, first = of.together, of.alone[0]
        lines.append(
            f"| {family} | {together.auc:.3f} ({together.low:.3f} to {together.high:.3f}) |"
            f" {first.name} {first.auc:.3f} |"
        )
    return "\n".join(lines) + "\n"


def false_alarms(own: Mapping[str, list[Row]], real: Mapping[str, list[Row]]) -> str:
    """Recordings above the limit that one in a hundred of the ``dev`` people's exceed."""
    known = [row.score for rows in own.values() for row in _of(rows, "all", False, "dev")]
    limit = float(np.quantile(known, 1 - _RATE, method="higher"))
    lines = [
        f"Limit {limit:.3f}: {sum(s > limit for s in known)} of {len(known)} recordings of `dev`"
        " people (as they are, after MP3, disturbed) lie above it.",
        "",
        "| recordings | people | false alarms |",
        "|---|---|---|",
    ]
    every = {
        f"corpus test{change}": _of(rows, "all", False, "test") for change, rows in own.items()
    } | dict(real)
    for name, rows in every.items():
        count = sum(row.score > limit for row in rows)
        people = len({row.person for row in rows})
        share = 100 * count / len(rows)
        lines.append(f"| {name} | {people} | {count} of {len(rows)} ({share:.1f} %) |")
    for change, rows in own.items():
        fakes = _of(rows, "all", True)
        caught = np.mean([row.score > limit for row in fakes])
        lines.append(f"\nFound at that limit, fakes of test{change}: {100 * caught:.1f} %.")
    return "\n".join(lines) + "\n"


def external(rows: Sequence[Row]) -> str:
    """Pooled, by source, by generator, and against the own original."""
    scores, labels = [row.score for row in rows], [row.label == "fake" for row in rows]
    people = [row.person for row in rows]
    pooled = by_person(scores, labels, people, {"auc": auc_of}, _DRAWS, 0)["auc"]
    known = {row.file: row.score for row in rows}
    by_source, lines = [], ["| source | real | fakes | AUC |", "|---|---|---|---|"]
    for source in sorted(set(people)):
        own = [row for row in rows if row.person == source]
        flags = [row.label == "fake" for row in own]
        if 0 < sum(flags) < len(flags):
            by_source.append(auc([row.score for row in own], flags))
            real, fake = len(flags) - sum(flags), sum(flags)
            lines.append(f"| {source} | {real} | {fake} | {by_source[-1]:.3f} |")
    pairs = [row for row in rows if row.original in known]
    above = sum(row.score > known[row.original] for row in pairs)
    lines += ["", "| generator | fakes | above own original |", "|---|---|---|"]
    for system in sorted({row.system for row in pairs}):
        own = [row for row in pairs if row.system == system]
        count = sum(row.score > known[row.original] for row in own)
        lines.append(f"| {system} | {len(own)} | {count} |")
    head = (
        f"AUC {auc(scores, labels):.3f} ({pooled.low:.3f} to {pooled.high:.3f} by source) of"
        f" {sum(labels)} fakes and {len(labels) - sum(labels)} recordings; mean of the sources'"
        f" {np.mean(by_source):.3f}; fake above its own original: {above} of {len(pairs)}"
        f" ({100 * above / len(pairs):.0f} %)."
    )
    return "\n".join([head, "", *lines]) + "\n"
