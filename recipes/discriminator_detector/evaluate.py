"""Files of others, and real files, as a scan would judge them: judges, motion and sync.

    python recipes/discriminator_detector/evaluate.py --data ../shared/data --external
    python recipes/discriminator_detector/evaluate.py --data ../shared/data --detectors sync --real

Runs the detectors' own classes on whole files. ``--external`` is ``external_dev``, which nothing
here was trained or tuned on; ``--real`` are the test clips of ``clips/`` and GRID's test person.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from avsynth.errors import AvsynthError
from detectors import registry
from detectors.metrics import bootstrap
from detectors.metrics.ranking import auc, auc_of
from detectors.scan import Scanner

NAMES = ("lipsync-discriminator", "motion", "sync", "vocoder-discriminator")
_REFRAMED = "pcavs"  # its framing gives it away: a row of its own


@dataclass(frozen=True)
class Media:
    """A file, what made it, and the real file it was made from."""

    path: Path
    fake: bool
    system: str
    original: str
    group: str


def main() -> None:
    """Score, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detectors", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--external", action="store_true")
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    media: list[Media] = []
    if options.external:
        media += [*video(options.data), *audio(options.data)]
    if options.real:
        media += reals(options.data)
    scores = {each: scored(each, options.detectors) for each in media}
    for name in options.detectors:
        show(name, {each: found[name] for each, found in scores.items() if name in found})


def scored(media: Media, names: list[str]) -> dict[str, float]:
    """Raw logits of the detectors that have something to say."""
    sound = media.path.suffix == ".flac"
    # The sound of the films is real whatever was done to their pictures.
    wanted = [name for name in names if (name == "vocoder-discriminator") == sound]
    if not wanted:
        return {}
    try:
        with Scanner(detectors=registry.make(wanted)) as scanner:
            found = scanner.evidence(media.path)
    except AvsynthError as error:
        print(f"{media.path.name}: {error}")
        return {}
    for each in found:
        if each.detector == "sync":
            said = {name: round(value, 2) for name, value in each.figures.items()}
            print(media.path.name, each.score, each.abstained, said, flush=True)
    return {each.detector: each.score for each in found if each.score is not None}


def video(data: Path) -> Iterator[Media]:
    """The tiles of ``external_dev``."""
    with (data / "external_dev_video.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    real = {row["pair_group"]: row["file"] for row in rows if row["label"] == "real"}
    for row in rows:
        yield Media(
            data / row["file"], row["label"] == "fake", row["kind"].removeprefix("lipsync_"),
            "" if row["label"] == "real" else real[row["pair_group"]], row["pair_group"],
        )  # fmt: skip


def audio(data: Path) -> Iterator[Media]:
    """The clips of ``external_dev``."""
    with (data / "external_dev_audio.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fake = row["label"] == "fake"
            group = row["source_repo"]
            yield Media(data / row["file"], fake, row["generator"], row["original_file"], group)


def reals(data: Path) -> Iterator[Media]:
    """Real clips of people never seen."""
    paths = itertools.chain((data / "clips").glob("*.mp4"), (data / "grid").glob("s26_*.mp4"))
    for path in sorted(paths):
        yield Media(path, False, "real", "", path.parent.name)


def show(name: str, scores: dict[Media, float]) -> None:
    """AUC with its interval, pairs, and a row a system."""
    files = list(scores)
    values, fake = np.array(list(scores.values())), np.array([each.fake for each in files])
    print(f"\n{name}: {len(files)} files, {int(fake.sum())} of them made")
    if len(files) and not fake.any():
        for each in files:
            print(f"  {each.path.name}: {scores[each]:+.2f}")
    if not len(files) or fake.all() or not fake.any():
        return
    kept = np.array([_REFRAMED not in each.system for each in files])
    groups = [each.group for each, keep in zip(files, kept, strict=True) if keep]
    ends = bootstrap.by_person(values[kept], fake[kept], groups, {"auc": auc_of}, 400, seed=0)
    low, high = ends["auc"].low, ends["auc"].high
    print(f"AUC {auc(values[kept], fake[kept]):.3f} ({low:.2f}-{high:.2f} over groups)")
    known = {str(each.path): score for each, score in scores.items()}
    systems = sorted({each.system for each in files if each.fake})
    above, pairs = 0, 0
    for system in systems:
        mine = [each for each in files if each.fake and each.system == system]
        taken = ~fake | np.array([each.system == system for each in files])
        wins = [
            scores[each] > known[match]
            for each in mine
            if each.original and (match := _known(each.original, known))
        ]
        if _REFRAMED not in system:
            above, pairs = above + sum(wins), pairs + len(wins)
        share = f"{sum(wins)} of {len(wins)}"
        print(f"| {system} | {auc(values[taken], fake[taken]):.3f} | {share} |")
    print(f"above its own original: {above} of {pairs}")


def _known(original: str, known: dict[str, float]) -> str:
    """The scored path that ends as the list names it; empty where it was not scored."""
    return next((path for path in known if path.endswith(original)), "")


if __name__ == "__main__":
    main()
