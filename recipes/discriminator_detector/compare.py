"""What is a discriminator's knowledge worth? The same judge in four ways, on equal data.

    python recipes/discriminator_detector/compare.py --pack .packs/judge_voices \
        --config recipes/discriminator_detector/vocoder.yaml --home vocoder \
        --out runs/judges/voice --shares 0.05 0.25 1 --without vocoder world griffinlim upsampler

Raw (the discriminators' own logits), frozen (a head on what they see), tuned (they learn on),
scratch (the same network, nothing learned before), each trained with equal steps, batches, seeds
and disturbances. Trains and scores what is not there yet; prints tables of AUC on dev and test
people. With ``--scores`` the scores of the tuned judges are written for the fusion.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scoring
import torch
import yaml
from examples import Examples, Row, load
from settings import Settings
from train import build, train, view_of

from avsynth import weights
from avsynth.models.judge import Judge

WAYS: dict[str, dict[str, Any]] = {
    "raw": {},
    "frozen": {"frozen": True},
    "tuned": {},
    "scratch": {"start": "scratch"},
}


@dataclass(frozen=True)
class Trial:
    """One way to make a detector of one network."""

    way: str
    share: float = 1.0
    without: str = ""
    seed: int = 0

    @property
    def name(self) -> str:
        """Folder of its run."""
        return f"{self.way}-{self.share:g}-{self.without or 'all'}-{self.seed}"


def main() -> None:
    """Train, score, print."""
    options = arguments()
    torch.set_num_threads(1)
    values = yaml.safe_load(options.config.read_text("utf-8"))
    values |= {k: yaml.safe_load(v) for k, _, v in (pair.partition("=") for pair in options.set)}
    examples = load(options.pack)
    rows = scoring.judged(examples.rows, ("dev", "test"), "research")
    found = []
    for trial in trials(options):
        known = options.out / trial.name / f"{options.table}.json"
        if not known.is_file():
            made = measure(trial, Settings.model_validate(values), examples, rows, options)
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        found += json.loads(known.read_text("utf-8"))
        print(trial.name, {k: _cell(v) for k, v in found[-1]["auc"].items()}, flush=True)
    show(found, options.home)


def measure(
    trial: Trial, settings: Settings, examples: Examples, rows: list[Row],
    options: argparse.Namespace,
) -> list[dict[str, Any]]:  # fmt: skip
    """AUC by family of one trial, of items as they are and, with all data, as disturbed ones."""
    judge, settings = judge_of(trial, settings, examples, options.out)
    whole = trial.share == 1.0 and not trial.without
    found = []
    for version in range(min(2, examples.versions) if whole else 1):
        scores = scoring.score(
            judge, view_of(settings), examples, rows, version, trial.way == "raw"
        )
        areas = scoring.areas(rows, scores)
        kept = {name: asdict(area) for name, area in areas.items()}
        found.append(asdict(trial) | {"version": version, "auc": kept})
        if options.scores and trial.way == "tuned" and trial.share == 1.0 and not version:
            ending = f"-without-{trial.without}" if trial.without else ""
            scoring.write(options.scores / f"{options.detector}{ending}.csv", rows, scores)
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--home", required=True, help="family of the discriminators' own generator")
    parser.add_argument("--shares", type=float, nargs="*", default=[1.0])
    parser.add_argument("--without", nargs="*", default=[], help="families held out one at a time")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--table", default="auc", help="name under which results are kept")
    parser.add_argument("--scores", type=Path, help="folder of score files")
    parser.add_argument("--detector", default="", help="name of the detector in score files")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override")
    return parser.parse_args()


def trials(options: argparse.Namespace) -> Iterator[Trial]:
    """All that is asked for; nothing is trained for the raw way, so there is one of it."""
    if "raw" in options.ways:
        yield Trial("raw")
    trained = [way for way in options.ways if way != "raw"]
    for seed in options.seeds:
        for share in options.shares:
            yield from (Trial(way, share, "", seed) for way in trained)
        for family in options.without:
            yield from (Trial(way, 1.0, family, seed) for way in trained)


def judge_of(
    trial: Trial, settings: Settings, examples: Examples, out: Path
) -> tuple[Judge, Settings]:
    """The judge of a trial, trained where it is not there yet."""
    changes = WAYS[trial.way] | {"share": trial.share, "seed": trial.seed}
    changes["without"] = (trial.without,) if trial.without else ()
    settings = settings.model_copy(update=changes)
    if trial.way == "raw":
        return build(settings), settings
    path = out / trial.name / f"{settings.name}.safetensors"
    if not path.is_file():
        train(settings, examples, out / trial.name)
    network = weights.read(path).network
    assert isinstance(network, Judge)
    return network, settings


def show(found: list[dict[str, Any]], home: str) -> None:
    """The tables: by share of the data, and of families held out; means over seeds."""
    print("\n| way | share | disturbed | own family | all families |\n|---|---|---|---|---|")
    for row in _means([r for r in found if not r["without"]]):
        own, every = (_cell(row["auc"].get(name)) for name in (home, "all"))
        worn = "yes" if row["version"] else "no"
        print(f"| {row['way']} | {row['share']:.0%} | {worn} | {own} | {every} |")
    print("\n| way | held out | disturbed | AUC on it |\n|---|---|---|---|")
    for row in _means([r for r in found if r["without"]]):
        worn = "yes" if row["version"] else "no"
        cell = _cell(row["auc"].get(row["without"]))
        print(f"| {row['way']} | {row['without']} | {worn} | {cell} |")


def _means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that differ in their seed alone as one."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["way"], row["share"], row["without"], row["version"])
        groups.setdefault(key, []).append(row)
    merged = []
    for same in groups.values():
        areas = {
            name: {k: float(np.mean([r["auc"][name][k] for r in same])) for k in area}
            for name, area in same[0]["auc"].items()
        }
        merged.append(same[0] | {"auc": areas})
    return merged


def _cell(area: dict[str, float] | None) -> str:
    return f"{area['value']:.3f} ({area['low']:.2f}-{area['high']:.2f})" if area else ""


if __name__ == "__main__":
    main()
