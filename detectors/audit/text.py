"""An audit in words: the most telling properties, what overlaps, and what to conclude."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from avsynth.provenance.text import plain
from detectors.audit.judge import Audit, Pair
from detectors.audit.shortcuts import Separation

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 25
_MOST_PAIRS = 12
#: AUC from which trivial properties make a collection hard to believe.
_MUCH = 0.6


def describe(audit: Audit, most: int = _MOST_ROWS) -> Iterator[str | Table]:
    """Lines and a table, in order; words from files are made printable."""
    yield (
        f"{plain(audit.name, 60)}: {audit.real} real and {audit.fake} fake files, in "
        f"{audit.pooled.groups} groups ({audit.groups_are}); list SHA-256 {audit.split_sha256}"
    )
    if audit.unreadable:
        path, why = next(iter(audit.unreadable.items()))
        yield f"{len(audit.unreadable)} files cannot be read, such as {plain(path)}: {plain(why)}"
    yield "AUC of trivial properties alone; above 0.5: fakes have more of it. 95 % by group"
    yield _table(audit, most)
    if audit.constant:
        yield f"the same in all files: {', '.join(audit.constant)}"
    for source in audit.sources[:most]:
        yield (
            f"source {plain(source.name, 60)}: {source.real} real, {source.fake} fake: together "
            f"{source.together:.3f} [{source.low:.3f}..{source.high:.3f}]; most telling "
            f"{plain(source.most_telling, 40)} {source.its_auc:.3f}"
        )
    yield from _overlaps(audit)
    yield "What follows"
    yield from (f"  {line}" for line in conclusions(audit))


def conclusions(audit: Audit) -> Iterator[str]:
    """What a reader should make of it, a sentence or two each."""
    together = audit.pooled.together
    between = f"[{together.low:.2f}..{together.high:.2f}]"
    telling = [each for each in audit.pooled.alone if each.telling]
    names = ", ".join(plain(each.name, 40) for each in telling[:3])
    if together.low > 0.5:
        yield (
            f"Without looking at a face or hearing a voice, AUC {together.auc:.2f} {between} is "
            f"reached here: a detector has to be compared with that, not with 0.5."
        )
    elif telling and max(each.separation for each in telling) >= _MUCH:
        yield (
            f"All properties together reach no more than chance for unseen groups "
            f"({together.auc:.2f} {between}), but single ones differ between the classes."
        )
    else:
        yield (
            "All files pooled, trivial properties tell the classes apart no better than chance: "
            f"{together.auc:.2f} {between}."
        )
    chance = 0.05 * len(audit.pooled.alone)
    yield (
        f"{len(telling)} of {len(audit.pooled.alone)} single properties have an interval without "
        f"0.5 (about {chance:.0f} would by chance){': ' + names if names else ''}."
    )
    yield from _within_sources(audit)
    yield from _leaks(audit)


def _within_sources(audit: Audit) -> Iterator[str]:
    macro = audit.within.get(audit.pooled.together.name)
    if macro is None:
        yield (
            "No source holds both classes, as far as the list says, so differences between sources "
            "cannot be told from differences between real and fake."
        )
        return
    around = macro.interval
    interval = "" if around is None else f" [{around.low:.2f}..{around.high:.2f}]"
    beyond = around is not None and around.low > 0.5
    advice = "which is what a detector has to beat there" if beyond else "no sure sign of anything"
    yield (
        f"Within sources the same score has a mean AUC of {macro.value:.2f}{interval} over "
        f"{macro.sources} sources, {advice}; give a detector's same-source figure beside its "
        "pooled one."
    )


def _leaks(audit: Audit) -> Iterator[str]:
    if audit.exact:
        count = sum(len(group) - 1 for group in audit.exact)
        yield f"{count} files are copies of another to the byte: they count twice."
    crossing = [pair for pair in audit.near if pair.across_splits]
    if crossing:
        yield f"{len(crossing)} pairs of near-duplicates lie in different splits: training leaks."
    if audit.people:
        yield f"{len(audit.people)} people are in more than one split."
    if not (audit.exact or crossing or audit.people):
        yield "No copies, and nothing shared between splits, were found."


def _overlaps(audit: Audit) -> Iterator[str]:
    for group in audit.exact[:_MOST_PAIRS]:
        yield f"equal to the byte: {', '.join(plain(path, 80) for path in group[:6])}"
    strange = [pair for pair in audit.near if not pair.related]
    related = len(audit.near) - len(strange)
    if strange:
        yield f"near-duplicates that the list does not link, {len(strange)} pairs:"
        yield from (f"  {_pair(pair)}" for pair in strange[:_MOST_PAIRS])
    if related:
        yield f"{related} near-duplicate pairs are of one source, as a fake and its original are"
    for person, splits in list(audit.people.items())[:_MOST_PAIRS]:
        yield f"in several splits: {plain(person, 60)} ({', '.join(map(plain, splits))})"


def _pair(pair: Pair) -> str:
    said = {"classes differ": pair.across_classes, "splits differ": pair.across_splits}
    notes = [note for note, holds in said.items() if holds]
    return (
        f"{pair.what} {pair.likeness:.0%} alike: {plain(pair.first, 80)}, {plain(pair.second, 80)}"
        f"{' (' + ', '.join(notes) + ')' if notes else ''}"
    )


def _table(audit: Audit, most: int) -> Table:
    from rich import box
    from rich.table import Table

    found = Table(box=box.SIMPLE, pad_edge=False)
    found.add_column("property")
    for name in ("AUC", "95 %", "other way", "same-source AUC", "95 %"):
        found.add_column(name, justify="right", no_wrap=True)
    rows: Sequence[Separation] = (audit.pooled.together, *audit.pooled.alone[:most])
    for row in rows:
        macro = audit.within.get(row.name)
        inner = ("", "")
        if macro is not None:
            around = macro.interval
            inner = (
                f"{macro.value:.3f}", f"{around.low:.3f}..{around.high:.3f}" if around else ""
            )  # fmt: skip
        found.add_row(
            plain(row.name, 50), f"{row.auc:.3f}", f"{row.low:.3f}..{row.high:.3f}",
            f"{1 - row.auc:.3f}", *inner,
        )  # fmt: skip
    left = len(audit.pooled.alone) - most
    if left > 0:
        found.add_row(f"and {left} less telling ones")
    return found
