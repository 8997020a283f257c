"""Self-reenactment: a clip made from its own first frame and its own landmarks.

    python recipes/reenact/evaluate.py --data ../shared/data --cache packs/reenact_points \
        --systems repeated similarity mesh fast reenact-small --out runs/reenact/self.csv

The source is frame 0, the driver is the clip itself; motion is measured and given back relative to
frame 0 by the package's own retargeting, unbounded and unsmoothed, so that the driver's landmarks
are what is wanted. Scores are of the portrait region against the true pictures, without
frame 0; means over a clip's frames, then over a person's clips, then over people. Rows of systems
that are not asked for stay in the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cases
import tables
import torch
from baselines import BASELINES, film, label
from judging import Judge, Seen

from avsynth.face.head_motion import measure, retarget
from avsynth.face.landmarks import open_detector
from avsynth.weights.motion import load_motion

ABOUT = ("group", "person", "clip", "system")
PICTURE = ("l1", "psnr", "ssim", "lite0", "sharpness")
MOTION = ("akd", "akd_l2", "akd_dlib68", "yaw", "pitch", "roll", "pose", "expression", "mouth")
IDENTITY = ("aed", "dlib_l2", "csim", "missing")


def main() -> None:
    """Score what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser, Path("runs/reenact/self.csv"))
    parser.add_argument("--groups", nargs="*", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[tables.Row] = []
    with open_detector("mediapipe") as detector:
        judge = Judge(detector, load_motion("motion-small", engine="torch")[1].space)
        for case in cases.load(
            options.data, options.cache, options.groups, options.clips, options.frames
        ):
            real = judge.look(case.real[1:])
            for system in options.systems:
                rows.append(score(judge, case, real, system))
            print(case.name, flush=True)
    rows = tables.write(options.out, rows, ABOUT)
    for columns in (PICTURE, MOTION, IDENTITY):
        print(tables.markdown(rows, ("group", "system"), columns, "person"), end="\n\n")
    print("\n".join(goals(rows)))


def add_arguments(parser: argparse.ArgumentParser, out: Path) -> None:
    """What self- and cross-reenactment are both told."""
    parser.add_argument("--data", type=Path, required=True, help="folder with grid/ and clips/")
    parser.add_argument("--cache", type=Path, default=Path("packs/reenact_points"))
    parser.add_argument("--systems", nargs="+", default=list(BASELINES), help="or networks")
    parser.add_argument("--clips", nargs="*", default=[], help="names; default all")
    parser.add_argument("--frames", type=int, default=cases.MOST, help="of a clip, at most")
    parser.add_argument("--out", type=Path, default=out)


def score(judge: Judge, case: cases.Case, real: Seen, system: str) -> tables.Row:
    """All scores of one system on one clip."""
    made = remade(case, system)
    about = {"group": case.group, "person": case.person, "clip": case.name}
    return (
        about
        | {"system": label(system)}
        | judge.picture_scores(made, case.real[1:])
        | judge.self_scores(judge.look(made), real)
    )


def remade(case: cases.Case, system: str) -> list[cases.Bytes]:
    """The pictures of a clip after the first, made from the first."""
    wanted = retarget(measure(case.points), case.points[0], start=0)
    return film(system, case.portrait, case.inside(wanted)[1:])


def goals(rows: list[tables.Row]) -> list[str]:
    """What was to be reached, for each network and set: L1, Lite0 and AKD against the baselines."""
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        mine = [row for row in rows if row["group"] == group]
        figures = {
            system: {
                column: tables.mean([r for r in mine if r["system"] == system], column, "person")
                for column in ("l1", "lite0", "akd")
            }
            for system in dict.fromkeys(str(row["system"]) for row in mine)
        }
        if not figures.keys() >= set(BASELINES):
            continue
        best = {c: min(figures[name][c] for name in BASELINES) for c in ("l1", "lite0")}
        for system in [name for name in figures if name not in BASELINES]:
            own = figures[system]
            lines.append(
                f"{group} {system}: L1 {own['l1']:.4f} (best baseline {best['l1']:.4f}), "
                f"Lite0 {own['lite0']:.4f} ({best['lite0']:.4f}), "
                f"AKD {own['akd'] / figures['repeated']['akd']:.2f} of the repeated frame's, "
                f"{own['akd'] / figures['mesh']['akd']:.2f} of the mesh warp's"
            )
    return lines


if __name__ == "__main__":
    main()
