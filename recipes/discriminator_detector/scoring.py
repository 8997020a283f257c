"""Scores of prepared items, as the detectors would give them, and what they come to."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from examples import Examples, Row
from numpy.typing import NDArray

from avsynth.models.judge import Judge, raw_score
from detectors.metrics import bootstrap
from detectors.metrics.ranking import auc, auc_of
from detectors.views import VIEWS

Scores = NDArray[np.float64]
_DRAWS = 400


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve, its 95 % interval over people, and how many files it is of."""

    value: float
    low: float
    high: float
    real: int
    fake: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f}-{self.high:.2f})"


@torch.inference_mode()
def score(
    judge: Judge, view: str, examples: Examples, rows: Iterable[Row], version: int, raw: bool
) -> Scores:
    """Mean logit of each item, NaN where a detector would abstain.

    ``raw``: without the head, what the discriminators themselves say.
    """
    judge.eval()
    found = []
    for row in rows:
        batch = examples.whole(row, version)
        if not batch:
            found.append(np.nan)
            continue
        judged = judge.judge(VIEWS[view](batch))
        found.append(float((raw_score(judged) if raw else judge.score(judged)).mean()))
    return np.array(found)


def judged(rows: Sequence[Row], splits: Sequence[str], purpose: str = "commercial") -> list[Row]:
    """Items to score: people never seen in training."""
    return [
        r for r in rows if r.split in splits and (purpose == "research" or r.purpose == purpose)
    ]


def area(rows: Sequence[Row], scores: Scores, keep: Callable[[Row], bool]) -> Auc | None:
    """Of the made items that ``keep`` wants against all real ones; None where there are none."""
    chosen = [
        number for number, row in enumerate(rows)
        if (not row.fake or keep(row)) and np.isfinite(scores[number])
    ]  # fmt: skip
    fake = np.array([rows[n].fake for n in chosen])
    if not len(fake) or fake.all() or not fake.any():
        return None
    taken, people = scores[chosen], [rows[n].person for n in chosen]
    ends = bootstrap.by_person(taken, fake, people, {"auc": auc_of}, _DRAWS, seed=0)["auc"]
    return Auc(auc(taken, fake), ends.low, ends.high, int((~fake).sum()), int(fake.sum()))


def areas(rows: Sequence[Row], scores: Scores) -> dict[str, Auc]:
    """By family, and of "all" together; with "elsewhere" of recordings of another kind.

    Elsewhere is what may be scored only: people, rooms and cameras that no training saw.
    """
    found = {}
    for purpose, ending in (("commercial", ""), ("research", " elsewhere")):
        numbers = [number for number, row in enumerate(rows) if row.purpose == purpose]
        mine = [rows[number] for number in numbers]
        for name in [*families(mine), "all"]:
            one = area(mine, scores[numbers], lambda row, n=name: n in (row.family, "all"))
            if one is not None:
                found[name + ending] = one
    return found


def families(rows: Sequence[Row]) -> list[str]:
    """Of made items."""
    return sorted({row.family for row in rows if row.fake})


def write(path: Path, rows: Sequence[Row], scores: Scores) -> None:
    """Scores for the fusion; items on which a detector abstains are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "family", "system", "person", "split", "score"])
        for row, value in zip(rows, scores, strict=True):
            if np.isfinite(value):
                about = (row.name, row.label, row.family, row.system, row.person, row.split)
                writer.writerow([*about, f"{value:.5f}"])
