"""Result files: a JSON with protocol, conventions, versions and figures, the scores beside it.

``NAME.json`` names ``NAME.scores.csv`` and its SHA-256, so that every figure can be computed again.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avsynth import __version__
from avsynth.errors import InputError
from avsynth.media.output import atomic_output
from detectors.metrics.evaluation import Evaluation
from detectors.metrics.trials import Key, Trial

FORMAT = "avsynth-detection-results/1"
COLUMNS = ("file", "label", "group", "person", "split", "source", "original", "score")


def as_dict(value: Any) -> Any:
    """Results as plain JSON: dataclasses with their properties, NaN and infinity as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        names += [n for n, of in vars(type(value)).items() if isinstance(of, property)]
        return {name: as_dict(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(name): as_dict(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_dict(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def write_results(
    path: Path,
    evaluation: Evaluation,
    scores: Mapping[str, float | None],
    key: Key,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write ``path`` (JSON) and its scores (CSV, polarity and scale as evaluated) beside it.

    ``settings`` is whatever the scores hang on: detector, weights, frames a video, aggregation.
    ResourceError when nothing can be written there.
    """
    beside = scores_path(path)
    with atomic_output(beside) as temporary:
        _write_scores(temporary, scores, key)
    found = {
        "format": FORMAT,
        "protocol": key.protocol,
        "settings": as_dict(dict(settings or {})),
        "versions": versions(),
        "scores": {"file": beside.name, "sha256": _sha256(beside)},
        "evaluation": as_dict(evaluation),
    }
    with atomic_output(path) as temporary:
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_results(path: Path) -> tuple[dict[str, Any], Key, dict[str, float | None]]:
    """A result file: its JSON, and key and scores from the CSV beside it.

    InputError when it is no result file, or the scores are not those that it was written with.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise InputError(f"not of the format {FORMAT}", path)
        beside = path.parent / Path(found["scores"]["file"]).name
        if _sha256(beside) != found["scores"]["sha256"]:
            raise InputError("the scores were changed after the results were written", beside)
        with beside.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.DictReader(file))
        trials = tuple(_trial(row) for row in rows)
        scores = {row["file"]: float(row["score"]) if row["score"] else None for row in rows}
        return found, Key(found["protocol"], trials), scores
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a result file: {error}", path) from error


def scores_path(path: Path) -> Path:
    """Where the scores of a result file lie."""
    return path.with_suffix(".scores.csv")


def versions() -> dict[str, str]:
    """What computed the figures."""
    return {"avsynth": __version__, "numpy": np.__version__, "python": platform.python_version()}


def _write_scores(path: Path, scores: Mapping[str, float | None], key: Key) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for trial in key.trials:
            score = scores.get(trial.file)
            label = "fake" if trial.synthetic else "real"
            about = (trial.group, trial.person, trial.split, trial.source, trial.original)
            writer.writerow((trial.file, label, *about, "" if score is None else repr(score)))


def _trial(row: Mapping[str, str]) -> Trial:
    about = (row[name] for name in COLUMNS[2:-1])
    return Trial(row["file"], {"fake": True, "real": False}[row["label"]], *about)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
