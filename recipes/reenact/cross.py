"""Cross-reenactment: one person's first frame, moved by another person's clip.

    python recipes/reenact/cross.py --data ../shared/data --cache packs/reenact_points \
        --systems similarity mesh fast reenact-small --out runs/reenact/cross.csv

The pairs are those of ``cross_pairs.csv``, of people none of whom was trained on. Relative motion,
the reference being the driver's frame that is closest to the source, wide turns and moves of the
head bounded, as ``avsynth reenact`` has it by default. There is no true picture: correlations over
time with the driver, landmarks found, expression error relative to each one's mean, identity
against the source picture. A driver's correlation of yaw (pitch) counts for the goal where its yaw
(pitch) spreads over more than 5 degrees, from its 5th to its 95th percentile; the mouth's and the
eyes' count where they move. Correlations are blind to how far: gains are slopes against the driver.
Intervals are over drivers. ``asked`` is no picture: what retargeting asks of the renderers, scored
by itself.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path

import cases
import tables
import torch
from baselines import film, label
from evaluate import add_arguments
from judging import Judge, motion_scores

from avsynth.face.head_motion import closest, measure, retarget
from avsynth.face.landmarks import open_detector
from avsynth.metrics.face_motion import signals, spread
from avsynth.weights.motion import load_motion

PAIRS = Path(__file__).with_name("cross_pairs.csv")
ABOUT = ("group", "source", "driver", "system")
#: How far a signal must spread for its correlation to count: degrees, and ratios of openings.
MOVES = {"yaw": 5.0, "pitch": 5.0, "roll": 5.0, "mouth": 0.05, "eyes": 0.05}
COLUMNS = ("yaw_r", "pitch_r", "roll_r", "mouth_r", "eyes_r", "dlib_l2", "csim", "missing")
MORE = ("yaw_gain", "pitch_gain", "roll_gain", "mouth_gain", "eyes_gain", "expression")
ASKED = "asked"


def main() -> None:
    """Score what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser, Path("runs/reenact/cross.csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [pair for pair in listed() if not options.clips or pair[0] in options.clips]
    names = sorted({name for pair in pairs for name in pair})
    rows: list[tables.Row] = []
    with open_detector("mediapipe") as detector:
        judge = Judge(detector, load_motion("motion-small", engine="torch")[1].space)
        known = {
            case.name: case
            for case in cases.load(options.data, options.cache, (), names, options.frames)
        }
        for source, driver in pairs:
            rows += score(judge, known[source], known[driver], options.systems)
            print(source, driver, flush=True)
    rows = tables.write(options.out, rows, ABOUT)
    for columns in (COLUMNS, MORE):
        print(tables.markdown(rows, ("system",), columns, "driver"), end="\n\n")


def listed() -> list[tuple[str, str]]:
    """Names of source and driver."""
    with PAIRS.open(newline="", encoding="utf-8") as file:
        return [(row["source"], row["driver"]) for row in csv.DictReader(file)]


def score(
    judge: Judge, source: cases.Case, driver: cases.Case, systems: Sequence[str]
) -> list[tables.Row]:
    """A row for each system, and one for what was asked of them."""
    wanted = wanted_points(source, driver)
    own = judge.look(source.real[:1])
    scores = {ASKED: motion_scores(wanted, driver.points)}
    for system in systems:
        made = film(system, source.portrait, source.inside(wanted))
        scores[system] = judge.cross_scores(judge.look(made), driver.points, own)
    moved = {name: spread(values) for name, values in signals(driver.points)._asdict().items()}
    about = {"group": source.group, "source": source.name, "driver": driver.name}
    return [
        about | {"system": label(system)} | counted(values, moved) | turned(moved)
        for system, values in scores.items()
    ]


def wanted_points(source: cases.Case, driver: cases.Case) -> cases.Floats:
    """Landmarks (T, 478, 3) in pixels of the source's frame, as the command retargets them."""
    motion = measure(driver.points)
    start = closest(motion, source.points[0])
    return retarget(motion, source.points[0], start=start, moderate=True)


def counted(scores: dict[str, float], moved: dict[str, float]) -> dict[str, float]:
    """The scores, without correlations of what the driver hardly moves."""
    still = {
        f"{name}_{kind}"
        for name, least in MOVES.items()
        for kind in ("r", "gain")
        if not moved[name] > least
    }
    return {name: math.nan if name in still else value for name, value in scores.items()}


def turned(moved: dict[str, float]) -> dict[str, float]:
    """How far the driver moves, for the file."""
    return {f"{name}_moved": value for name, value in moved.items()}


if __name__ == "__main__":
    main()
