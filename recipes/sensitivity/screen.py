"""Morris screening of the commands: which conditions and settings move the result, by how much.

    python recipes/sensitivity/screen.py --config recipes/sensitivity/small.yaml --out OUT \
        [--data ../shared/data]

Elementary effects (Morris 1991) on random paths through a grid of six steps a factor, one factor
at a time; mu* (Campolongo et al. 2007) is the mean of their sizes, over the whole range of the
factor, sigma their deviation: large where a factor acts unevenly or together with others. A path
stays with one clip; paths take the clips in turn. SALib draws and analyses them.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from clips import Clip, demo_clip, grid_clips
from factors import FACTORS, STEPS, Figures
from numpy.typing import NDArray
from pictures import draw
from reenacting import Reenact
from settings import Settings
from tables import write_table
from verbs import VERBS, Case, networks_kept

Floats = NDArray[np.float64]
Row = dict[str, Any]


def main() -> None:
    """Screen what the configuration names, a command at a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with grid.csv, for real people")
    parser.add_argument("--verbs", nargs="+", help="instead of those of the configuration")
    parser.add_argument("--network", help="of reenact, by name or file")
    parser.add_argument("--trajectories", type=int)
    parser.add_argument("--real-only", action="store_true", help="without the demo person")
    options = parser.parse_args()
    changed = ("verbs", "network", "trajectories", "real_only")
    changes = {name: vars(options)[name] for name in changed if vars(options)[name]}
    settings = Settings.load(options.config)
    settings = Settings.model_validate(settings.model_dump() | changes)
    screen_all(settings, options.out, options.data)


def screen_all(settings: Settings, out: Path, data: Path | None) -> list[Row]:
    """Screen every verb on one thread; write ``VERB.csv`` and ``VERB.png``. Rows of all."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="avsynth-") as name:
        folder = Path(name)
        home = mock.patch.dict("os.environ", {"AVSYNTH_HOME": str(folder / "home")})
        with home, networks_kept():
            clips = [] if settings.real_only and data else [demo_clip(folder, settings.seconds)]
            if data is not None:
                clips += grid_clips(data, settings.grid, settings.seconds)
            for verb in settings.verbs:
                rows += screen(verb, clips, settings, folder, out)
    return rows


def screen(verb: str, clips: list[Clip], settings: Settings, folder: Path, out: Path) -> list[Row]:
    """Run one verb's design on the clips in turn; its rows, a factor and measure each."""
    factors = VERBS[verb].factors
    design = paths(len(factors), settings.trajectories, settings.seed)
    cases: dict[int, Case] = {}
    figures: list[Figures] = []
    rows: list[Row] = []
    with (out / f"{verb}-runs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", *factors, *VERBS[verb].measures])
        for number, path in enumerate(design):
            place = number % len(clips)
            if place not in cases:
                home = folder / f"{verb}-{place}"
                home.mkdir()
                case = VERBS[verb](clips[place], home)
                if isinstance(case, Reenact):
                    case.network = settings.network
                cases[place] = case
            for steps in path:
                found = cases[place].run(dict(zip(factors, steps.tolist(), strict=True)))
                figures.append(found)
                writer.writerow([clips[place].name, *steps, *found.values()])
            file.flush()
            print(f"{verb}: {len(figures)} of {design[..., 0].size} runs", flush=True)
            if number:  # an interrupted screening leaves a table of the paths that are complete
                rows = list(effects(verb, design[: number + 1], figures, settings.seed))
                write_table(out / f"{verb}.csv", rows)
    draw(out / f"{verb}.png", verb, rows)
    return rows


def paths(factors: int, count: int, seed: int) -> NDArray[np.int64]:
    """Morris' paths as steps, (count, factors + 1, factors)."""
    from SALib.sample import morris as sampler

    drawn = sampler.sample(_problem(["x"] * factors), count, num_levels=STEPS, seed=seed)
    steps = np.rint(drawn * (STEPS - 1)).astype(np.int64)
    return np.asarray(steps.reshape(count, factors + 1, factors))


def effects(
    verb: str, design: NDArray[np.int64], figures: list[Figures], seed: int
) -> Iterator[Row]:
    """Morris' figures for each measure and factor, with SALib's 95 % bootstrap half-width."""
    from SALib.analyze import morris

    factors = VERBS[verb].factors
    drawn = design.reshape(-1, len(factors)) / (STEPS - 1)
    for measure in VERBS[verb].measures:
        values = np.array([each[measure] for each in figures], np.float64)
        found = morris.analyze(_problem(list(factors)), drawn, values, num_levels=STEPS, seed=seed)
        for place, name in enumerate(factors):
            yield {
                "verb": verb, "measure": measure, "factor": name, "range": FACTORS[name].range,
                "mu_star": float(found["mu_star"][place]),
                "confidence": float(found["mu_star_conf"][place]),
                "mu": float(found["mu"][place]),
                "sigma": float(found["sigma"][place]),
                "runs": len(values), "mean": float(values.mean()),
            }  # fmt: skip


def _problem(names: list[str]) -> dict[str, Any]:
    unique = [f"{name}-{n}" if names.count(name) > 1 else name for n, name in enumerate(names)]
    return {"num_vars": len(names), "names": unique, "bounds": [[0.0, 1.0]] * len(names)}


if __name__ == "__main__":
    main()
