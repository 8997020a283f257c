"""Driven by another's sound: does a scorer that training never saw find mouth and sound in sync?

    python recipes/lipsync/cross.py --data ../shared/data --cache packs/landmarks \
        --pairs motion-small:lipsync-small --scorer sync-scorer-research --out runs/cross.json

Every clip is dubbed with the sound of the next clip of its group, as ``dub`` does it: skin from the
frame itself, the mouth from any frame, style read off the whole clip. The offset is the scorer's
best lag over the clip within 15 frames, right when it lies within one frame of 0; real clips are
scored with their own sound, within one frame of what the scorer says of the whole clip's own
offset where the film is known to be out of sync (``free``), of 0 elsewhere. Windows of two seconds
are scored as well, since clips are few.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import evaluate
import footage
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.face.lower_crop import LowerCrop, cut
from avsynth.face.lower_face import LIPS
from avsynth.face.mouth_space import PersonStyle, opening
from avsynth.metrics import picture_sync
from avsynth.models.sync import SyncExpert
from avsynth.speech.mel import log_mel

WINDOW = 50  # pictures
STRENGTH = 1.2  # as ``dub`` has it by default


def main() -> None:
    """Score what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--pairs", nargs="+", required=True, metavar="MOTION:RENDERER")
    parser.add_argument("--groups", nargs="+", default=["free", "grid", "seen"])
    parser.add_argument("--scorer", default="sync-scorer-research")
    parser.add_argument("--out", type=Path, default=Path("runs/cross.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    scorer = open_scorer(options.scorer)
    cases = evaluate.load_cases(options.data, options.cache, options.groups)
    rows = []
    for case in cases:
        mine = [c for c in cases if c.group == case.group]
        stranger = mine[(mine.index(case) + 1) % len(mine)]
        sound = np.resize(stranger.clip.samples, len(case.clip.samples)).astype(np.float32)
        rows.append(score(scorer, case, case.clip.pictures, case.clip.samples, "real"))
        for pair in options.pairs:
            film = dubbed(case.clip, pair, sound)
            rows.append(score(scorer, case, film, sound, pair))
        print(case.clip.item.name, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print("\n".join(table(rows)))


def open_scorer(name: str) -> SyncExpert:
    """A sync expert by name or path."""
    network = weights.read(name).network
    assert isinstance(network, SyncExpert)
    return network


def dubbed(clip: footage.Footage, pair: str, sound: NDArray[np.float32]) -> evaluate.Film:
    """The clip with the mouth that ``sound`` asks for."""
    motion, _, renderer_name = pair.partition(":")
    listener = evaluate.speech(motion)
    frames = np.arange(len(clip))
    space = listener.space
    own = space.encode(clip.canonical)
    style = PersonStyle.from_coefficients(own, opening(clip.points), space.deviation)
    units = evaluate.units_of(listener, sound, len(clip))
    units[:, :-1] *= STRENGTH
    new = style.from_units(units)
    moved = space.displace(clip.points[:, footage.MOUTH], clip.poses, own, new)
    lips = clip.canonical[:, LIPS] + space.displacement(new - own)[:, LIPS]
    _, mixes = footage.retrieve(clip.costs(lips, frames))
    renderer = evaluate.make_renderer(renderer_name, clip)
    wanted = [footage.vertices(clip.points[t], moved[t]) for t in frames]
    return [clip.render(renderer, int(t), wanted[t], int(t), mixes[t]) for t in frames]


def score(
    scorer: SyncExpert, case: evaluate.Case, film: evaluate.Film, sound: NDArray[np.float32],
    system: str,
) -> dict[str, Any]:  # fmt: skip
    """Offset and confidence of the whole, and of each two seconds of it."""
    crop = LowerCrop(case.clip.mean, 128)
    squares = np.stack(
        [cut(picture, crop.matrix(own), crop.size)
         for picture, own in zip(film, case.clip.vertices, strict=True)]
    )  # fmt: skip
    mel = log_mel(torch.from_numpy(sound)).numpy()
    matrix = picture_sync.similarity(scorer, squares, mel)
    offset, confidence = picture_sync.offset_and_confidence(matrix)
    parts = [matrix[i : i + WINDOW] for i in range(0, len(matrix) - WINDOW + 1, WINDOW // 2)]
    late = offset if system == "real" and case.group == "free" else 0
    offsets = [picture_sync.offset_and_confidence(part)[0] - late for part in parts]
    return {
        "system": system, "group": case.group, "person": case.person,
        "clip": case.clip.item.name, "offset": offset - late, "confidence": confidence,
        "windows": offsets,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Shares of clips and windows within one frame, mean confidence and its ratio to real."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["group"], row["system"]].append(row)
    lines = ["| group | system | clips | clips in sync | windows in sync | confidence | of real |"]
    lines.append("|---" * 7 + "|")
    for (group, system), mine in groups.items():
        clips = np.mean([abs(row["offset"]) <= 1 for row in mine])
        windows = np.mean([abs(o) <= 1 for row in mine for o in row["windows"]])
        sure = float(np.mean([row["confidence"] for row in mine]))
        real = float(np.mean([row["confidence"] for row in groups[group, "real"]]))
        cells = [f"{clips:.2f}", f"{windows:.2f}", f"{sure:.3f}", f"{sure / real:.2f}"]
        lines.append(f"| {group} | {system} | {len(mine)} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
