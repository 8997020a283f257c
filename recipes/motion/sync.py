"""Find by how many frames each clip's mouth leads or lags its sound, and write it into the pack.

    python recipes/motion/sync.py --pack packs/motion

Public clips are off by up to six frames. A ridge regression from Whisper features to mouth motion
is fitted to GRID alone, in two halves by sentence; each clip is judged by what did not see it. A
short clip leans on the other clips of its person, which mostly share one recording chain.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.metrics.sync import MAX_LAG, lag_curve
from avsynth.training.pack import Clip, Pack, save_index

Floats = NDArray[np.float64]
_CONTEXT = 3  # rows heard to either side
_PENALTY = 3.0  # ridge, per row
_ONE_CLIP = 75  # rows that say as much as half the prior from the person's other clips


def main() -> None:
    """Estimate the lags of all clips with faces."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    folder = parser.parse_args().pack
    pack = Pack.open(folder, ("coefficients", "opening", "whisper"))
    space = MouthSpace.from_arrays(load_file(folder / "statistics.safetensors"))
    clips = [clip for clip in pack.index.clips if has_face(pack, clip)]
    mouths = normalised(pack, clips, space)
    curves = judge(pack, clips, mouths)
    found = decide(clips, curves)
    rows = tuple(
        clip.model_copy(update=found.get((clip.source, clip.name), {})) for clip in pack.index.clips
    )
    save_index(folder, pack.index.model_copy(update={"clips": rows}))
    for source in sorted({clip.source for clip in clips}):
        lags = Counter(clip.lag for clip in rows if clip.source == source)
        print(source, dict(sorted(lags.items())))


def has_face(pack: Pack, clip: Clip) -> bool:
    """Whether there are pictures to a clip."""
    return bool(np.isfinite(pack.rows(clip, "opening")).any())


def normalised(pack: Pack, clips: list[Clip], space: MouthSpace) -> dict[tuple[str, str], Floats]:
    """Mouth signals (T, 2) by clip: opening and first component in units of the person."""
    people = defaultdict(list)
    for clip in clips:
        people[clip.person].append(clip)
    result = {}
    for mine in people.values():
        coefficients = np.concatenate([pack.rows(clip, "coefficients") for clip in mine])
        openings = np.concatenate([pack.rows(clip, "opening") for clip in mine])
        style = PersonStyle.from_coefficients(coefficients, openings, space.deviation)
        spread = float(np.nanstd(openings)) + 1e-6
        for clip in mine:
            first = style.to_units(pack.rows(clip, "coefficients"))[:, 0]
            opening = pack.rows(clip, "opening").astype(np.float64) / spread
            result[clip.source, clip.name] = np.stack([opening, first], axis=1)
    return result


def context(features: NDArray[np.generic]) -> Floats:
    """Features (T, F) with their neighbours (T, 7 F)."""
    values = features.astype(np.float64)
    padded = np.pad(values, ((_CONTEXT, _CONTEXT), (0, 0)), mode="edge")
    parts = [padded[k : k + len(values)] for k in range(2 * _CONTEXT + 1)]
    return np.concatenate(parts, axis=1)


def half(clip: Clip) -> int:
    """The half that a GRID clip was fitted in: by sentence, whoever speaks it."""
    return zlib.crc32(clip.name.rpartition("_")[2].encode()) % 2


def judge(
    pack: Pack, clips: list[Clip], mouths: dict[tuple[str, str], Floats]
) -> dict[tuple[str, str], Floats]:
    """Correlation at every lag, by clip, under the models that did not see it."""
    grid = [c for c in clips if c.source in ("grid", "s1") and c.split == "train"]
    models = [
        fit(
            [context(pack.rows(c, "whisper")) for c in grid if half(c) != fold],
            [mouths[c.source, c.name] for c in grid if half(c) != fold],
        )
        for fold in (0, 1)
    ]
    curves = {}
    for clip in clips:
        key = (clip.source, clip.name)
        heard = context(pack.rows(clip, "whisper"))
        unseen = [models[half(clip)]] if clip in grid else models
        curves[key] = np.mean(
            [
                lag_curve((heard @ weights)[:, signal], mouths[key][:, signal])
                for weights in unseen
                for signal in (0, 1)
            ],
            axis=0,
        )
    return curves


def fit(heard: list[Floats], mouths: list[Floats]) -> Floats:
    """Ridge regression of mouth signals on features; constants do not matter for correlation."""
    width = heard[0].shape[1]
    products, moments, rows = np.zeros((width, width)), np.zeros((width, 2)), 0
    for x, y in zip(heard, mouths, strict=True):
        good = np.isfinite(y).all(axis=1)
        x, y = x[good], y[good] - y[good].mean(axis=0)
        products += x.T @ x
        moments += x.T @ y
        rows += len(x)
    return np.linalg.solve(products + _PENALTY * rows / width * np.eye(width), moments)


def decide(
    clips: list[Clip], curves: dict[tuple[str, str], Floats]
) -> dict[tuple[str, str], dict[str, float | int]]:
    """Lag and clarity by clip."""
    people = defaultdict(list)
    for clip in clips:
        people[clip.source, clip.person].append(clip)
    found: dict[tuple[str, str], dict[str, float | int]] = {}
    for mine in people.values():
        shared = np.mean([curves[c.source, c.name] for c in mine], axis=0)
        trust = 2.0 if len(mine) > 3 else 0.0
        for clip in mine:
            curve = curves[clip.source, clip.name]
            place = int((curve * clip.rows / _ONE_CLIP + shared * trust).argmax())
            found[clip.source, clip.name] = {
                "lag": place - MAX_LAG,
                "clarity": round(float(curve[place]), 4),
            }
    return found


if __name__ == "__main__":
    main()
