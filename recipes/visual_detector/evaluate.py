"""The tables of the README and the card: what the detector says of people it has never seen.

    python recipes/visual_detector/evaluate.py --pack packs/fake_faces --out runs/detect \
        --weights visual-small [--name visual]

A video is what one draw of a maker gave of a clip: its bursts' mean logit is its score, as the
detector has it. AUC of each family against the real videos of the same people, by video and by
frame, with 95 % intervals over people; the same after H.264 at CRF 35, at the faces' own size.
Then false alarms beyond a threshold that 1 % of the real dev videos reach (as they are, and encoded
at CRF 23, 29 and 35). Scores of dev and test videos go
to OUT/NAME.csv, all numbers to OUT/NAME.json. Whole files: ``whole.py``.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.media.recode_film import recode_film
from avsynth.training.face_corpus import SIZE, FaceCorpus, FaceItem, open_faces
from detectors.metrics.bootstrap import by_person
from detectors.metrics.operating import binomial_interval, threshold_at_fpr
from detectors.metrics.ranking import auc, auc_of
from detectors.visual import VisualDetector

FRAMES = (2, 6)  # of a film of eight, those that the detector picks of a burst
WEARS = {"as it is": None, "crf 23": 23, "crf 29": 29, "crf 35": 35}
_DRAWS = 500
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Video:
    """The films of one draw, and the logits of their frames."""

    name: str
    item: FaceItem  # the first of them
    logits: Doubles

    @property
    def score(self) -> float:
        """As the detector's."""
        return float(self.logits.mean())


def main() -> None:
    """Score what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--weights", default="visual-small", help="name or file")
    parser.add_argument("--name", default="visual", help="of the files that are written")
    parser.add_argument("--out", type=Path, default=Path("runs/detect"))
    parser.add_argument(
        "--research", type=int, default=100, help="real films of presenters, at most"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    model = weights.load(options.weights, runs=1000)
    detector = VisualDetector(model)
    corpus = open_faces(options.pack)
    groups = choose(corpus, model.purpose, options.research)
    report: dict[str, Any] = {"weights": options.weights, "about": model.metadata}
    found = {
        group: {
            wear: judge(detector, corpus, items, crf)
            for wear, crf in (("as it is", None), ("crf 35", 35))
        }
        for group, items in groups.items()
    }
    for group, wears in found.items():
        report[group] = {wear: table(videos) for wear, videos in wears.items()}
    write(
        options.out / f"{options.name}.csv", [*found["dev"]["as it is"], *found["test"]["as it is"]]
    )
    reals = [item for item in groups["dev"] if item.label == "real"]
    below = [v.score for crf in WEARS.values() for v in judge(detector, corpus, reals, crf)]
    threshold = threshold_at_fpr(below, 0.01)
    report["threshold"] = {"at": threshold, "reals": len(below)}
    report["false alarms"] = {
        f"{group}, {wear}": alarms([v.score for v in videos if v.item.label == "real"], threshold)
        for group, wears in found.items()
        for wear, videos in wears.items()
    }
    path = options.out / f"{options.name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in report.items() if k != "about"}, indent=1))


def choose(corpus: FaceCorpus, purpose: str, most: int) -> dict[str, list[FaceItem]]:
    """Films by group: GRID's people of dev and test, and presenters who were not trained on."""
    groups: dict[str, list[FaceItem]] = {"dev": [], "test": [], "presenters": []}
    for item in corpus.items:
        if item.source == "lrwar" and (purpose == "commercial" or item.split == "dev"):
            groups["presenters"].append(item)
        elif item.purpose == "commercial" and item.split in ("dev", "test"):
            groups[item.split].append(item)
    reals = [item for item in groups["presenters"] if item.label == "real"]
    order = np.random.default_rng(0).permutation(len(reals))[:most]
    names = {reals[n].name for n in order}
    kept = [i for i in groups["presenters"] if (i.original or i.name) in names]
    return groups | {"presenters": kept}


def judge(
    detector: VisualDetector, corpus: FaceCorpus, items: Sequence[FaceItem], crf: int | None
) -> list[Video]:
    """Every video that ``items`` are films of."""
    logits: dict[tuple[str, str], list[Doubles]] = defaultdict(list)
    first: dict[tuple[str, str], FaceItem] = {}
    for item in items:
        if crf is None:
            film = np.concatenate([corpus.film(item, t, t + 1) for t in FRAMES])
        else:
            film = encode(corpus.film(item), crf, item.zoom)[list(FRAMES)]
        key = ((item.original or item.name).rpartition("-")[0], item.family)
        if item.split == "train":  # drawn anew for every film
            key = (item.original or item.name, item.family)
        logits[key].append(detector.judge(film)[0].astype(np.float64))
        first.setdefault(key, item)
    return [Video("/".join(k), first[k], np.concatenate(v)) for k, v in logits.items()]


def encode(film: NDArray[np.uint8], crf: int, zoom: float) -> NDArray[np.uint8]:
    """Crops through H.264 at about the size that the face had in its frame."""
    side = max(48, round(SIZE / zoom))
    small = np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in film])
    coded = recode_film(small.astype(np.uint8), crf)
    back = [cv2.resize(p, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for p in coded]
    return np.stack(back).astype(np.uint8)


def table(videos: list[Video]) -> dict[str, Any]:
    """AUC of each family, and of all, by video and by frame."""
    reals = [v for v in videos if v.item.label == "real"]
    families = sorted({v.item.family for v in videos if v.item.label == "fake"})
    rows: dict[str, Any] = {}
    for family in [*families, "all"]:
        fakes = [v for v in videos if v.item.label == "fake" and family in (v.item.family, "all")]
        both = [*reals, *fakes]
        labels = np.array([v.item.label == "fake" for v in both])
        scores = np.array([v.score for v in both])
        people = [v.item.person for v in both]
        row: dict[str, Any] = {
            "reals": len(reals), "fakes": len(fakes), "people": len(set(people)),
            "auc": auc(scores, labels),
            "auc_frame": auc(
                np.concatenate([v.logits for v in both]),
                np.repeat(labels, [len(v.logits) for v in both]),
            ),
        }  # fmt: skip
        if len(set(people)) > 1:
            found = by_person(scores, labels, people, {"auc": auc_of}, _DRAWS, 0)["auc"]
            row["interval"] = [found.low, found.high]
        rows[family] = row
    return rows


def alarms(scores: Sequence[float], threshold: float) -> dict[str, Any]:
    """How many of real scores reach a threshold."""
    count = sum(score >= threshold for score in scores)
    low, high = binomial_interval(count, len(scores)) if scores else (0.0, 1.0)
    return {"alarms": int(count), "reals": len(scores), "interval": [low, high]}


def write(path: Path, videos: list[Video]) -> None:
    """Scores of videos, as the fusion wants them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "family", "system", "person", "split", "score"])
        for video in videos:
            item = video.item
            writer.writerow([
                video.name, item.label, item.family, item.system, item.person, item.split,
                f"{video.score:.6f}",
            ])  # fmt: skip


if __name__ == "__main__":
    main()
