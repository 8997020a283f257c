"""The tables of the README and the cards: what a VAE that never saw a fake says of fakes.

    python recipes/anomaly/evaluate.py --subject face --corpus .packs/fake_faces \
        --weights anomaly-face-small [OTHER.safetensors ...] --out runs/detect

For every way to score (see measure.py) and every family: AUC against all real items of the same
recordings and split, with 95 % intervals by bootstrap over people (over files where there is
but one); the same after H.264 at CRF 35
or MP3 at 64 kb/s. Then the false alarms of a threshold set on the real items of ``dev``. The
scores of the first weights, as the detector gives them, are written to OUT/face-anomaly.csv or
OUT/voice-anomaly.csv; all numbers to OUT/NAME.json.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import torch
from measure import ALL, Item, face_items, scores, sound_items

from avsynth.models.anomaly_scorer import AnomalyScorer
from avsynth.weights.registry import load
from detectors.metrics.bootstrap import ConfidenceInterval, by_file, by_person
from detectors.metrics.operating import binomial_interval, enough_for, threshold_at_fpr
from detectors.metrics.ranking import auc, auc_of

_DRAWS = 200
_RATES = (0.05, 0.01)
Row = tuple[Item, dict[str, float]]


def main() -> None:
    """Score everything that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subject", choices=("face", "voice"), required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, help="names or files")
    parser.add_argument("--splits", nargs="+", default=["dev", "test"])
    parser.add_argument("--out", type=Path, default=Path("runs/detect"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    listed = face_items if options.subject == "face" else sound_items
    items = list(listed(options.corpus, tuple(options.splits)))
    for number, name in enumerate(options.weights):
        scorer, stem = AnomalyScorer(load(name)), Path(name).stem
        rows: dict[bool, list[Row]] = {}
        report: dict[str, Any] = {}
        for encoded in (False,) if number else (False, True):
            rows[encoded] = judged(scorer, items, encoded)
            if not (number or encoded):
                asked = [row for row in rows[False] if row[0].split in options.splits]
                write(options.out / f"{options.subject}-anomaly.csv", asked)
            report["encoded" if encoded else "clean"] = {
                group: tables([r for r in rows[encoded] if r[0].group == group])
                for group in sorted({item.group for item, _ in rows[encoded]})
            }
            report["false alarms"] = alarms(rows)
            path = options.out / f"{stem}.json"
            path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        for line in lines(stem, report):
            print(line, flush=True)


def judged(scorer: AnomalyScorer, items: Iterable[Item], encoded: bool) -> list[Row]:
    """Every item with its scores; those that show nobody are left out."""
    found = [(item, scores(scorer, item.pictures(encoded))) for item in items]
    return [(item, made) for item, made in found if made is not None]


def write(path: Path, rows: list[Row]) -> None:
    """The scores of the detector, a row an item."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "family", "system", "person", "split", "score"])
        for item, made in rows:
            writer.writerow(
                [item.name, item.label, item.family, item.system, item.person, item.split,
                 round(made[ALL], 5)]
            )  # fmt: skip


def tables(rows: list[Row]) -> dict[str, dict[str, list[float]]]:
    """Way to score -> family -> AUC, low, high of its interval, fakes, people."""
    real = [row for row in rows if row[0].label == "real"]
    families = sorted({item.family for item, _ in rows if item.label == "fake"})
    found: dict[str, dict[str, list[float]]] = {}
    for way in rows[0][1] if real and families else ():
        found[way] = {}
        for family in ("all families", *families):
            chosen = [
                r for r in rows if r[0].label == "fake" and family in (r[0].family, "all families")
            ]
            both = [*real, *chosen]
            values, fake = [made[way] for _, made in both], [i.label == "fake" for i, _ in both]
            people = [item.person for item, _ in both]
            span = interval(values, fake, people)
            numbers = [auc(values, fake), span.low, span.high]
            found[way][family] = [*(round(n, 4) for n in numbers), len(chosen), len(set(people))]
    return found


def interval(values: list[float], fake: list[bool], people: list[str]) -> ConfidenceInterval:
    """Of the AUC over people; over files where there is but one person."""
    if len(set(people)) > 1:
        return by_person(values, fake, people, {"auc": auc_of}, _DRAWS, seed=0)["auc"]
    return by_file(values, fake, {"auc": auc_of}, _DRAWS, seed=0)["auc"]


def alarms(rows: dict[bool, list[Row]]) -> list[dict[str, object]]:
    """Real items above a threshold that so many of the real ones of ``dev`` reached.

    Those of the dev people count as they are and encoded.
    """
    reals = [
        made[ALL]
        for every in rows.values()
        for item, made in every
        if item.label == "real" and item.group in ("GRID dev", "LibriSpeech dev")
    ]
    found: list[dict[str, object]] = []
    for rate in _RATES:
        if not enough_for(rate, len(reals)):
            continue
        threshold = threshold_at_fpr(reals, rate)
        for encoded, every in rows.items():
            for group in sorted({item.group for item, _ in every if item.label == "real"}):
                own = [m[ALL] for i, m in every if i.group == group and i.label == "real"]
                hits = sum(value >= threshold for value in own)
                low, high = binomial_interval(hits, len(own))
                found.append(
                    {"rate": rate, "threshold": round(threshold, 3), "encoded": encoded,
                     "group": group, "alarms": hits, "of": len(own),
                     "low": round(low, 4), "high": round(high, 4)}
                )  # fmt: skip
    return found


def lines(name: str, report: dict[str, Any]) -> Iterable[str]:
    """The report in Markdown."""
    for condition in ("clean", "encoded"):
        for group, found in report.get(condition, {}).items():
            if not found:
                continue
            families = list(next(iter(found.values())))
            counts = [f"{f} ({next(iter(found.values()))[f][3]})" for f in families]
            yield f"\n{name}, {group}, {condition}: AUC (95 % interval over people)\n"
            yield f"| score | {' | '.join(counts)} |"
            yield "|---|" + "---|" * len(families)
            for way, row in found.items():
                cells = [f"{row[f][0]:.3f} ({row[f][1]:.2f} to {row[f][2]:.2f})" for f in families]
                yield f"| {way} | {' | '.join(cells)} |"
    for each in report["false alarms"]:
        yield str(each)


if __name__ == "__main__":
    main()
