"""Score a motion discriminator: how often it ranks real motion above the same motion moved in time.

    python recipes/motion/judge.py --pack packs/motion \
        --weights runs/motion-small-adversarial/motion-small-discriminator.safetensors

People are those of ``held_out.py``: nobody whom the weights were shown. Windows of ``--rows`` start
every half second of a person's clips (one after the other, sync-corrected); the wrong motions of a
window are the person's own, with each of 8 to 20 rows (25 a second) more or less. ``--against``
names motion weights: then also how often the real motion is ranked above what they make of the same
sound. A half is chance.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import held_out
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.models.discriminators import SequenceDiscriminator
from avsynth.models.motion import MotionNetwork
from avsynth.weights import file as weights_file

SHIFTS = (*range(-20, -7), *range(8, 21))  # rows
EVERY = 12  # rows from window to window


def main() -> None:
    """Print a table: groups of people, and the two shares, means over people."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--against", type=Path, help="weights of a motion network")
    parser.add_argument("--rows", type=int, default=50)
    options = parser.parse_args()
    source = weights_file.read(options.weights)
    if not isinstance(source.network, SequenceDiscriminator):
        raise UsageError(f"{options.weights.name} is no discriminator of sequences")
    space = MouthSpace.from_arrays({k: v.numpy() for k, v in source.extras.items()})
    other = weights_file.read(options.against).network if options.against else None
    assert other is None or isinstance(other, MotionNetwork)
    meta = source.metadata
    people = held_out.unseen(
        options.pack, space, meta["front_end"], meta["purpose"], meta["held_out"]
    )
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for person in people:
        scores[person.group].append(compare(source.network, space, person, options.rows, other))
    print("| group | people | above itself moved | above made |\n|---|---|---|---|")
    for group, pairs in sorted(scores.items()):
        moved, made = (held_out.mean(list(each)) for each in zip(*pairs, strict=True))
        cells = (f"{share:.3f}" if np.isfinite(share) else "" for share in (moved, made))
        print(f"| {group} | {len(pairs)} | {' | '.join(cells)} |")


def compare(
    judge: SequenceDiscriminator,
    space: MouthSpace,
    person: held_out.Person,
    rows: int,
    other: MotionNetwork | None,
) -> tuple[float, float]:
    """Shares of the wrong motions, and of the windows as ``other`` makes them, that are ranked
    under the real ones; NaN where there are none."""
    style = PersonStyle.from_coefficients(person.coefficients, person.openings, space.deviation)
    real = style.to_units(person.coefficients)
    made = held_out.move(other, person) if other else None
    heard, last = np.concatenate(person.heard), len(real) - rows
    moved, above = [], []
    for start in range(0, last + 1, EVERY):
        places = [start + shift for shift in SHIFTS if 0 <= start + shift <= last]
        motions = [real[place : place + rows] for place in (start, *places)]
        if made is not None:
            motions.append(made[start : start + rows])
        own, *others = rank(judge, space, motions, heard[start : start + rows])
        moved += [float(own > each) for each in others[: len(places)]]
        above += [float(own > each) for each in others[len(places) :]]
    return held_out.mean(moved), held_out.mean(above)


@torch.inference_mode()
def rank(
    judge: SequenceDiscriminator,
    space: MouthSpace,
    motions: list[NDArray[np.float64]],
    heard: NDArray[np.float32],
) -> list[float]:
    """How real each motion (T, K), in the person's units, is taken to be with features (T, P)."""
    size = space.deviation / space.deviation[0]
    seen = torch.from_numpy((np.stack(motions) * size).astype(np.float32))
    sound = torch.from_numpy(heard).expand(len(motions), -1, -1)
    logits: list[float] = judge(seen, sound).logits[0].mean(dim=(1, 2)).tolist()
    return logits


if __name__ == "__main__":
    main()
