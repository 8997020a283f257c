"""Anyone's score file -> scores by file id, and what is known of their polarity."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np

from avsynth.errors import InputError
from detectors.metrics.polarity import Polarity, from_polarity, from_probability
from detectors.metrics.sheets import Line, Sheet, layouts, open_sheet, text_lines
from detectors.metrics.tandem import AsvErrors, asv_errors

#: How ids of a score file are made to meet those of the key.
Ids = Literal["exact", "name", "stem"]

_LAYOUTS = (
    "a table with columns file and score", "id score", "id attack key score (as AASIST writes)",
    "speaker id score key (ASVspoof 5)", "JSON Lines with path and score (as avsynth scan writes)",
)  # fmt: skip
_KEYS = {"bonafide", "spoof"}


@dataclass(frozen=True)
class ScoreFile:
    """Scores as they stand in a file, by id; None where a file is listed without one.

    ``higher_is`` what the file itself says a high score stands for, None where it does not say.
    """

    scores: Mapping[str, float | None]
    higher_is: Polarity | None


def read_scores(path: Path, ids: Ids = "exact", root: Path | None = None) -> ScoreFile:
    """Scores of a file in any of the known layouts, plain or gzip-compressed.

    ``root`` is taken off the front of paths; then ``ids`` keeps the whole id, its last part, or
    that without its suffix. InputError, with the line, for a score that is no finite number, and
    for an id that comes twice.
    """
    lines = text_lines(path)
    first = next(lines, (1, ""))
    scans = first[1].lstrip().startswith("{")
    whole = itertools.chain([first], lines)
    found: dict[str, float | None] = {}
    for line, name, score in _scans(path, whole) if scans else _rows(open_sheet(path, whole)):
        key = _id(name, ids, root)
        if key in found:
            raise InputError(f"line {line}: {key!r} has a score already", path)
        found[key] = score
    if not found:
        raise InputError("holds no scores", path)
    return ScoreFile(found, "synthetic" if scans else None)


def to_ratios(
    scores: Mapping[str, float | None], higher_is: Polarity, probabilities: bool
) -> dict[str, float | None]:
    """Scores as we count: higher = synthetic, probabilities as log-likelihood ratios.

    A probability of being bona fide becomes the ratio of being synthetic. ValueError outside 0..1.
    """
    given = {name: score for name, score in scores.items() if score is not None}
    values = np.array(list(given.values()), np.float64)
    ratios = from_polarity(from_probability(values) if probabilities else values, higher_is)
    return {**dict.fromkeys(scores), **dict(zip(given, ratios.tolist(), strict=True))}


def read_asv(path: Path) -> AsvErrors:
    """Verification scores as ASVspoof has them, and the errors at their equal error rate.

    Lines ``system key score`` with key target, nontarget or spoof. InputError for anything else.
    """
    kinds: dict[str, list[float]] = {"target": [], "nontarget": [], "spoof": []}
    sheet = open_sheet(path)
    for line in sheet.lines:
        if len(line.fields) != 3 or line.fields[1] not in kinds:
            what = "verification scores are lines of: system, target | nontarget | spoof, score"
            raise sheet.wrong(line, what)
        kinds[line.fields[1]].append(_number(sheet, line, line.fields[2]))
    if not all(kinds.values()):
        raise InputError("needs scores of targets, nontargets and spoofs", path)
    return asv_errors(kinds["target"], kinds["nontarget"], kinds["spoof"])


def _rows(sheet: Sheet) -> Iterator[tuple[int, str, float | None]]:
    """Line number, id and score of every row."""
    places: tuple[int, int] | None = None
    for line in sheet.lines:
        places = places or _places(sheet, line)
        name, score = (line.fields[place] for place in places)
        if not name:
            raise sheet.wrong(line, "no file is named")
        yield line.number, name, None if not score.strip() else _number(sheet, line, score)


def _places(sheet: Sheet, first: Line) -> tuple[int, int]:
    """Where the id and the score stand."""
    if sheet.names is not None:
        file, score = sheet.column("file"), sheet.column("score")
        if file is not None and score is not None:
            return file, score
    elif len(first.fields) == 2:
        return 0, 1
    elif len(first.fields) == 4 and first.fields[2] in _KEYS:
        return 0, 3
    elif len(first.fields) == 4 and first.fields[3] in _KEYS:
        return 1, 2
    raise InputError("is no score file that is known", sheet.path, layouts(_LAYOUTS))


def _number(sheet: Sheet, line: Line, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise sheet.wrong(line, f"{text[:40]!r} is no number") from None
    if not math.isfinite(value):
        raise sheet.wrong(line, f"the score {text[:40]} is not finite")
    return value


def _scans(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str, float | None]]:
    for number, line in lines:
        if line.strip():
            yield number, *_scanned(path, number, line)


def _scanned(path: Path, number: int, line: str) -> tuple[str, float | None]:
    """Path and score of one line of ``avsynth scan --json``."""
    try:
        found: Any = json.loads(line)
        name, score = found.get("path", found.get("file")), found["score"]
    except (ValueError, KeyError, AttributeError, RecursionError):
        raise InputError(f"line {number}: not an object with path and score", path) from None
    if not isinstance(name, str) or not name:
        raise InputError(f"line {number}: no file is named", path)
    if score is None:
        return name, None
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise InputError(f"line {number}: the score is no number", path)
    if not abs(score) <= 1e300:  # also what is no number, and whole numbers of any length
        raise InputError(f"line {number}: the score is not finite", path)
    return name, float(score)


def _id(name: str, ids: Ids, root: Path | None) -> str:
    path = PurePath(name)
    if root is not None and path.is_relative_to(root):
        path = path.relative_to(root)
        name = path.as_posix()
    return {"exact": name, "name": path.name, "stem": path.stem}[ids]
