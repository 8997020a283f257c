"""Score networks on training people they did not hear: what every choice in this recipe rests on.

    python recipes/motion/train.py --pack packs/motion --config recipes/motion/config.yaml \
        --set "hold_out=[u01, u03, u05, u09, s31]" --out runs/fold
    python recipes/motion/held_out.py --pack packs/motion --weights runs/fold/motion-*.safetensors

Scored are the people that the weights held out, those kept for validation, and, for weights trained
on GRID alone, everybody else; never the dev and test people of GRID. Motion comes from the pack's
features, a person's clips one after the other; distances are those of the mouth space (what it
cannot say of a mouth is the same on both sides). ``--known``: the style comes from all of the
person (whole), or, in pieces of six seconds, for every frame from the rest of the piece (strict),
with the accent or without. ``--strength`` moves the mouth so many times as far, as ``dub`` can.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from looks import Looks
from numpy.typing import ArrayLike, NDArray

from avsynth.errors import UsageError
from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace
from avsynth.metrics import sync
from avsynth.models.motion import MotionNetwork
from avsynth.training.pack import Clip, Pack
from avsynth.weights import file as weights_file

Floats = NDArray[np.float64]
ENOUGH = 40  # clips of a person that are scored
NARROW = 0.15  # of a person's range of openings: under it the mouth is closed
LONG = 8  # rows: longer ones are pauses, not closures
PIECE = 150  # rows of a piece under the strict protocol
KNOWN = ("whole", "strict", "accent")
_LIPS = mesh.in_mouth((*mesh.LIPS_OUTER, *mesh.LIPS_INNER))


@dataclasses.dataclass
class Person:
    """An unseen person: clips one after the other, sound and mouth on one clock."""

    name: str
    group: str
    heard: list[NDArray[np.float32]]  # features (T_i, P), clip by clip
    coefficients: Floats  # (T, K)
    openings: Floats  # (T,)


def main() -> None:
    """Score the files that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", type=Path, required=True)
    parser.add_argument("--known", nargs="+", default=["whole"], choices=KNOWN)
    parser.add_argument("--strength", nargs="+", type=float, default=[1.0])
    parser.add_argument("--groups", nargs="+", default=["GRID", "lrwar", "research"])
    parser.add_argument("--out", type=Path, help="also write a JSON line for every person")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for path in options.weights:
        source = weights_file.read(path)
        assert isinstance(source.network, MotionNetwork)
        space = MouthSpace.from_arrays({k: v.numpy() for k, v in source.extras.items()})
        meta, front_end = source.metadata, source.network.config.front_end
        people = unseen(options.pack, space, front_end, meta["purpose"], meta["held_out"])
        for person in (each for each in people if each.group in options.groups):
            motion = move(source.network, person)
            for known in options.known:
                found = evaluate(space, person, motion, known, options.strength)
                for strength, scores in found.items():
                    system = f"{meta['name']} x {strength:g}, {known}"
                    label = {"system": system, "group": person.group, "person": person.name}
                    rows.append(label | scores)
    if options.out:
        options.out.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    print("\n".join(table(rows)))


def unseen(
    folder: Path, space: MouthSpace, front_end: str, purpose: str, held_out: list[str]
) -> list[Person]:
    """People with faces whom weights of ``purpose`` with ``held_out`` people were not shown."""
    pack = Pack.open(folder, ("coefficients", "opening", front_end))
    clips: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in pack.index.clips:
        strange = purpose == "commercial" and clip.purpose == "research"
        kept = clip.person in held_out or (clip.purpose == "research" and clip.split == "dev")
        chosen = clip.split in ("train", "dev") and (kept or strange)
        tuned_on = clip.purpose == "commercial" and clip.split != "train"
        if chosen and not tuned_on and np.isfinite(pack.rows(clip, "opening")).all():
            clips["GRID" if clip.purpose == "commercial" else clip.source, clip.person].append(clip)
    people = []
    for (group, name), mine in clips.items():
        parts = [clipped(pack, clip, front_end) for clip in mine[:ENOUGH]]
        heard, coefficients, openings = zip(*parts, strict=True)
        joined, gaps = np.concatenate(coefficients), np.concatenate(openings)
        people.append(Person(name, group, list(heard), joined, gaps))
    if not people:
        raise UsageError("the weights were trained on everybody in the pack: hold some out")
    return people


def clipped(pack: Pack, clip: Clip, front_end: str) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Features, coefficients and openings of a clip, sync-corrected."""
    sound = slice(max(0, -clip.lag), clip.rows - max(0, clip.lag))
    mouth = slice(max(0, clip.lag), clip.rows - max(0, -clip.lag))
    return (
        pack.rows(clip, front_end)[sound].astype(np.float32),
        pack.rows(clip, "coefficients")[mouth].astype(np.float64),
        pack.rows(clip, "opening")[mouth].astype(np.float64),
    )


@torch.inference_mode()
def move(network: MotionNetwork, person: Person) -> Floats:
    """Motion (T, K) that the network makes for a person's clips."""
    parts = [network.move(torch.from_numpy(heard)[None])[0].numpy() for heard in person.heard]
    return np.concatenate(parts).astype(np.float64)


def evaluate(
    space: MouthSpace, person: Person, motion: Floats, known: str, strengths: Sequence[float]
) -> dict[float, dict[str, float]]:
    """Scores of motion (T, K) by strength, means over pieces; none for too short a track."""
    whole = slice(0, len(motion))
    starts = range(0, len(motion) - PIECE + 1, PIECE)
    scores: dict[float, list[dict[str, float]]] = defaultdict(list)
    for rows in [whole] if known == "whole" else [slice(k, k + PIECE) for k in starts]:
        real, gaps, heard = person.coefficients[rows], person.openings[rows], motion[rows]
        piece = dataclasses.replace(person, coefficients=real, openings=gaps)
        if known == "whole":
            looks = Looks.same(space, space.shape(real), gaps, len(real))
        else:
            own = heard if known == "accent" else None
            looks = Looks.elsewhere(space, space.shape(real), gaps, own)
        for strength in strengths:
            scores[strength].append(score(space, piece, looks.coefficients(heard * strength)))
    return {
        strength: {name: mean([each[name] for each in mine]) for name in mine[0]}
        for strength, mine in scores.items()
    }


def score(space: MouthSpace, person: Person, made: Floats) -> dict[str, float]:
    """All scores of made coefficients (T, K)."""
    truth = person.coefficients
    # The space's own gap differs from the person's by what it cannot say of that mouth.
    shift = np.mean(person.openings - gap(space, truth))
    gaps = np.maximum(gap(space, made) + shift, 0.0)
    opening, lag = sync.best_lag(gaps, person.openings)
    first, _ = sync.best_lag(made[:, 0], truth[:, 0])
    lips, real = (space.shape(rows)[:, _LIPS, :2] for rows in (made, truth))
    ones = np.ones(len(truth))
    recall, precision = closures(gaps, person.openings, lag)
    step, own = (np.abs(np.diff(rows[:, 0])).mean() for rows in (made, truth))
    return {
        "opening": opening,
        "first": first,
        "lmd": sync.lmd_best_lag(real, lips, ones)[0],
        "extent": float(gaps.std() / person.openings.std()),
        "speed": float(step / own),
        "recall": recall,
        "precision": precision,
    }


def gap(space: MouthSpace, coefficients: ArrayLike) -> Floats:
    """Height between the lips' middles (T,) of the space's own face, negative where they cross."""
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    shape = space.shape(coefficients)
    return np.asarray(shape[:, bottom, 1] - shape[:, top, 1])


def closures(made: Floats, real: Floats, lag: int) -> tuple[float, float]:
    """Recall and precision of closures, openings (T,) of the output and of the person.

    A mouth is closed under ``NARROW`` of the person's range of openings (quantiles 0.02 to 0.98);
    of real closures, those of at most ``LONG`` rows count. One row early or late is in time. NaN
    where there are none.
    """
    made, real = sync.lagged(made, real, lag)  # type: ignore[assignment]
    low, high = np.quantile(real, (0.02, 0.98))
    limit = low + NARROW * (high - low)

    def met(closed: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
        wide = np.convolve(others, np.ones(3), "same") > 0  # one row early or late
        edges = np.flatnonzero(np.diff(np.r_[False, closed, False].astype(int)))
        runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a <= LONG]
        return float(np.mean([wide[a:b].any() for a, b in runs])) if runs else float("nan")

    return met(real < limit, made < limit), met(made < limit, real < limit)


def mean(values: list[float]) -> float:
    """Mean of what was found; NaN where nothing was."""
    found = [value for value in values if np.isfinite(value)]
    return float(np.mean(found)) if found else float("nan")


def table(rows: list[dict[str, object]]) -> list[str]:
    """Means over people, a line for every system and group."""
    groups: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        groups[row["group"], row["system"]].append(row)
    names = [n for n in rows[0] if n not in ("system", "group", "person")]
    lines = [f"| group | system | people | {' | '.join(names)} |"]
    lines.append("|---" * (3 + len(names)) + "|")
    for (group, system), mine in sorted(groups.items(), key=str):
        means = [mean([float(row[name]) for row in mine]) for name in names]  # type: ignore[arg-type]
        cells = [
            f"{m:.4f}" if n == "lmd" else f"{m:.3f}" for n, m in zip(names, means, strict=True)
        ]
        lines.append(f"| {group} | {system} | {len(mine)} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
