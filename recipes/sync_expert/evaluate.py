"""The tables of the README and the cards: how often an expert finds the offset of unseen people.

    python recipes/sync_expert/evaluate.py --data ../shared/data --pack packs/sync \
        --cache packs/landmarks --weights sync-small sync-scorer-research --out runs/sync.json

Definitions are those of avsynth/metrics/picture_sync.py. The offset that is right is 0 for GRID,
which was recorded in sync, and the lag that recipes/motion/sync.py measured (from landmarks, by
ridge regression) for LRW-AR. For the external clips nobody knows it: the offset of the whole clip
is reported and taken for right. Of the 31 lags within 15 frames, 3 are within one frame: chance is
0.10. `windows`: one-second windows with an offset within one frame. `auc`: a film of 0.2 s, or the
mean over a second of them (of a word, half of it), in sync against four frames and more out of it
in the same clip. Confidence also with the sound of another clip of the group (`shuffled`) and with
the first picture shown all the time (`frozen`).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import squares
import talks
import torch
from numpy.typing import NDArray

from avsynth.metrics.picture_sync import (
    MAX_OFFSET,
    offset_and_confidence,
    offsets_over_time,
    similarity,
)
from avsynth.metrics.sync import RATE
from avsynth.models.sync import SyncExpert
from avsynth.training.pack import Pack
from avsynth.weights import file as weights_file
from avsynth.weights import manifest

GROUPS = {"dev": "GRID dev people", "test": "GRID s26", "test_sentence": "s1, new sentences"}
_AWAY = 4  # frames off: surely out of sync


@dataclass(frozen=True)
class Case:
    """A whole clip as it was published: squares, mel, and the offset it is known to have."""

    group: str
    person: str
    name: str
    film: NDArray[np.uint8]
    mel: NDArray[np.float32]
    offset: int | None


def main() -> None:
    """Score the weights that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pack", type=Path, default=Path("packs/sync"))
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--weights", nargs="+", required=True, help="names or files")
    parser.add_argument("--out", type=Path, default=Path("runs/sync.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = [*packed(options.pack), *external(options.data, options.cache)]
    rows = [row for name in options.weights for row in score(name, cases)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    for line in report(rows):
        print(line)


def packed(folder: Path) -> Iterator[Case]:
    """Clips of GRID that nothing is trained on (s1's: 40), and two of each held-out presenter."""
    pack = Pack.open(folder, ("jpeg", "ends", "mel"))
    chosen: dict[str, list[talks.Talk]] = defaultdict(list)
    for clip in pack.index.clips:
        if clip.split == "train" or (clip.source == "lrwar" and clip.clarity < 0.5):
            continue
        chosen[clip.person].append(talks.load(pack, clip.model_copy(update={"lag": 0})))
        if clip.source == "lrwar":
            group, offset = "LRW-AR dev people", clip.lag
        else:
            group, offset = GROUPS[clip.split], 0
        most = 40 if group.startswith("s1") else 6
        if len(chosen[clip.person]) <= most:
            talk = chosen[clip.person][-1]
            mel = talk.mel.reshape(-1, talk.mel.shape[-1]).astype(np.float32).T
            yield Case(group, clip.person, clip.name, talk.film(), mel, offset)


def external(data: Path, cache: Path) -> Iterator[Case]:
    """All tiles of the external clips: the real ones and what others' systems made of them."""
    with (data / "external_dev_video.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            media = data / row["file"]
            made = squares.clip(media, cache / "external" / f"{media.stem}.npz", 64)
            if made is not None:
                group = f"free, {row['kind'].rpartition('_')[2]}"
                yield Case(group, row["person"], media.stem, *made, None)


def score(name: str, cases: list[Case]) -> Iterator[dict[str, object]]:
    """All scores of one expert, a row a clip."""
    path = Path(name)
    known = None if path.suffix else manifest.find(name)
    source = weights_file.read(known.path, known.sha256) if known else weights_file.read(path)
    expert = source.network
    assert isinstance(expert, SyncExpert)
    sounds: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for case in cases:
        sounds[case.group].append(case.mel)
    for case in cases:
        matrix = similarity(expert, case.film, case.mel)
        offset, confidence = offset_and_confidence(matrix)
        right = offset if case.offset is None else case.offset
        windows = offsets_over_time(matrix, expert.config.frames, every=0.5, window=1.0)
        strangers = sounds[case.group]
        # The next clip of the group; equal arrays would be the same clip.
        other = strangers[([s is case.mel for s in strangers].index(True) + 1) % len(strangers)]
        shuffled = similarity(expert, case.film, np.resize(other.T, case.mel.T.shape).T)
        frozen = similarity(expert, np.repeat(case.film[:1], len(case.film), axis=0), case.mel)
        yield {
            "expert": source.metadata["name"],
            "group": case.group,
            "person": case.person,
            "clip": case.name,
            "offset": offset,
            "right": right,
            "within_one": None if case.offset is None else float(abs(offset - right) <= 1),
            "confidence": round(confidence, 4),
            "windows": round(float((np.abs(windows.offset * RATE - right) <= 1.01).mean()), 4),
            "auc_film": area(matrix, right, 1),
            "auc_second": area(matrix, right, RATE),
            "shuffled": round(offset_and_confidence(shuffled)[1], 4),
            "frozen": round(offset_and_confidence(frozen)[1], 4),
        }


def area(matrix: NDArray[np.float64], right: int, films: int) -> float:
    """AUC of the mean over ``films`` films in sync against at least ``_AWAY`` frames out of it."""
    films = min(films, len(matrix) // 2)  # a word is shorter than a second
    kernel = np.ones(films) / films
    columns = [np.convolve(column, kernel, "valid") for column in matrix.T]
    synced = columns[MAX_OFFSET + right]
    far = np.flatnonzero(np.abs(np.arange(len(columns)) - MAX_OFFSET - right) >= _AWAY)
    away = np.concatenate([columns[k] for k in far])
    synced, away = synced[np.isfinite(synced)], away[np.isfinite(away)]
    order = np.searchsorted(np.sort(away), synced)
    return round(float(order.mean() / len(away)), 4)


def report(rows: list[dict[str, object]]) -> Iterator[str]:
    """Means over the clips of a group, then every external clip."""
    names = ["within_one", "windows", "auc_film", "auc_second", "confidence", "shuffled", "frozen"]
    yield f"| expert | group | people, clips | {' | '.join(names)} |"
    yield "|---" * (len(names) + 3) + "|"
    groups: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        groups[row["expert"], row["group"]].append(row)
    for (expert, group), mine in groups.items():
        people = len({row["person"] for row in mine})
        columns = ([row[name] for row in mine] for name in names)
        texts = " | ".join("" if None in c else f"{np.mean(c):.2f}" for c in columns)  # type: ignore[arg-type]
        yield f"| {expert} | {group} | {people}, {len(mine)} | {texts} |"
    for row in rows:
        if str(row["group"]).startswith("free"):
            yield f"{row['expert']} {row['clip']}: offset {row['offset']:+d}, {row['confidence']}"


if __name__ == "__main__":
    main()
