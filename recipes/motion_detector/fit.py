"""Fit the motion detector's logistic regression on prepared faces.

    python recipes/motion_detector/fit.py --pack .packs/judge_faces \
        --out detectors/parameters/motion.json --scores runs/detect

``--pack`` is what recipes/discriminator_detector/prepare.py made of the corpus of faces: features
of every film as it is and disturbed. Fitted on train people; the penalty is chosen on dev people.
Prints AUC by family, and of each family when it was held out, with intervals over people; writes
the scores of dev and test people.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import logistic
import numpy as np
from numpy.typing import NDArray

from detectors.motion_features import NAMES
from detectors.temporal import MotionModel

sys.path.append(str(Path(__file__).parents[1] / "discriminator_detector"))
import scoring
from examples import Faces, Row, load

Floats = NDArray[np.float64]
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1)


def main() -> None:
    """Fit, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scores", type=Path)
    options = parser.parse_args()
    examples = load(options.pack)
    assert isinstance(examples, Faces)
    features, rows = read(options.pack, examples), list(examples.rows)
    model, penalty = chosen(features, rows, ())
    model.save(options.out)
    print(f"penalty {penalty}; strongest weights:")
    for number in np.argsort(-np.abs(model.linear) - np.abs(model.distance))[:10]:
        print(f"  {NAMES[number]}: {model.linear[number]:+.2f}, {model.distance[number]:+.2f}")
    report(model, features, rows, "all", options.scores)
    for family in scoring.families(rows):
        without, _ = chosen(features, rows, (family,))
        report(without, features, rows, family, options.scores)


def read(folder: Path, examples: Faces) -> Floats:
    """Features (items, versions, F)."""
    shape = (len(examples.rows), examples.versions, len(NAMES))
    return np.fromfile(folder / "features.bin", np.float32).reshape(shape).astype(np.float64)


def chosen(
    features: Floats, rows: list[Row], without: tuple[str, ...]
) -> tuple[MotionModel, float]:
    """The model of the penalty that does best on dev people, families held out not counted."""
    best: tuple[float, MotionModel, float] | None = None
    dev = [row for row in scoring.judged(rows, ("dev",)) if row.family not in without]
    for penalty in PENALTIES:
        model = fitted(features, rows, without, penalty)
        found = [
            scoring.area(dev, model.logits(features[[r.number for r in dev], version]), _any)
            for version in range(features.shape[1])
        ]
        value = float(np.mean([area.value for area in found if area]))
        if best is None or value > best[0]:
            best = value, model, penalty
    assert best is not None
    return best[1], best[2]


def fitted(
    features: Floats, rows: list[Row], without: tuple[str, ...], penalty: float
) -> MotionModel:
    """A model of the train people's films, all versions of them."""
    taken = [
        row for row in rows
        if row.split == "train" and row.purpose == "commercial" and row.family not in without
    ]  # fmt: skip
    x = features[[row.number for row in taken]].reshape(-1, features.shape[2])
    fake = np.repeat([row.fake for row in taken], features.shape[1])
    groups = np.repeat([f"{row.family} {row.person}" for row in taken], features.shape[1])
    real = x[~fake]
    middle, size = np.median(real, axis=0), real.std(axis=0) + 1e-3
    families = tuple(sorted({row.family for row in taken if row.fake}))
    nothing = np.zeros(len(NAMES))
    plain = MotionModel(middle, size, np.ones(len(NAMES)), nothing, 0.0, families)
    z = plain.parts(x)
    found, bias = logistic.fit(
        np.concatenate([z, np.abs(z)], axis=1), fake, logistic.balanced(fake, groups), penalty
    )
    linear, distance = np.split(found, 2)
    return MotionModel(middle, size, linear, distance, bias, families)


def report(
    model: MotionModel, features: Floats, rows: list[Row], held_out: str, folder: Path | None
) -> None:
    """A row of a table for each family that matters, and the scores."""
    seen = scoring.judged(rows, ("dev", "test"), "research")
    numbers = [row.number for row in seen]
    versions = [
        scoring.areas(seen, model.logits(features[numbers, version]))
        for version in range(features.shape[1])
    ]
    for name in versions[0]:
        if held_out in ("all", name.removesuffix(" elsewhere")):
            cells = " | ".join(str(found[name]) for found in versions)
            print(f"| {held_out} | {name} | {cells} |")
    if folder is not None:
        name = "motion.csv" if held_out == "all" else f"motion-without-{held_out}.csv"
        scoring.write(folder / name, seen, model.logits(features[numbers, 0]))


def _any(row: Row) -> bool:
    return True


if __name__ == "__main__":
    main()
