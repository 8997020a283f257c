"""Contact sheets: source | driver | mesh | network, side by side, at moments of a clip.

    python recipes/reenact/sheet.py --data ../shared/data --cache packs/reenact_points \
        --systems mesh reenact-small --pairs s26_bgbsza=s26_bgbsza s26_bgbsza=u10_unk032621 \
        --out runs/reenact/sheet.jpg

A pair is SOURCE=DRIVER, by the clips' names; the same name twice is self-reenactment, against
frame 0. Moments are those at which the driver is farthest from its reference frame: the widest
turn each way, the widest mouth, the most closed eyes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cases
import cv2
import numpy as np
import torch
from baselines import film, label
from cross import wanted_points
from evaluate import add_arguments

from avsynth.face.head_motion import measure, retarget
from avsynth.metrics.face_motion import signals

SIDE = 150
QUALITY = 60


def main() -> None:
    """Write one sheet: a row a moment, a block a pair."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser, Path("runs/reenact/sheet.jpg"))
    parser.add_argument("--pairs", nargs="+", required=True, metavar="SOURCE=DRIVER")
    parser.add_argument("--moments", type=int, default=4)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--beside", type=int, default=2, help="pairs next to each other")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [tuple(pair.split("=")) for pair in options.pairs]
    names = sorted({name for pair in pairs for name in pair})
    known = {
        case.name: case
        for case in cases.load(options.data, options.cache, (), names, options.frames)
    }
    blocks = [
        block(known[a], known[b], options.systems, options.moments, options.side) for a, b in pairs
    ]
    blocks += [np.full_like(blocks[0], 255)] * (-len(blocks) % options.beside)
    rows = [
        np.concatenate(blocks[i : i + options.beside], axis=1)
        for i in range(0, len(blocks), options.beside)
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet = np.concatenate(rows)[..., ::-1]
    cv2.imwrite(str(options.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def block(
    source: cases.Case, driver: cases.Case, systems: list[str], count: int, side: int
) -> cases.Bytes:
    """One pair: a column a picture, a row a moment, names above."""
    same = source.name == driver.name
    wanted = (
        retarget(measure(driver.points), source.points[0], start=0)
        if same
        else wanted_points(source, driver)
    )
    chosen = moments(driver.points, count)
    inside = source.inside(wanted[chosen])
    columns = {"source": [source.real[0]] * count, "driver": [driver.real[t] for t in chosen]}
    columns |= {label(system): film(system, source.portrait, inside) for system in systems}
    parts = [
        np.concatenate([_title(name, side), *(_tile(rgb, side) for rgb in pictures)])
        for name, pictures in columns.items()
    ]
    return np.concatenate([*parts, np.full((len(parts[0]), 6, 3), 255, np.uint8)], axis=1)


def moments(points: cases.Floats, count: int) -> list[int]:
    """Frames in which the face is at its extremes, ``count`` different ones if there are."""
    found = signals(points)
    order = [
        np.nanargmax(found.mouth), np.nanargmax(found.yaw), np.nanargmin(found.yaw),
        np.nanargmin(found.eyes), np.nanargmax(found.pitch), np.nanargmin(found.pitch),
    ]  # fmt: skip
    spread = np.linspace(1, len(points) - 1, count).astype(int)
    return sorted(list(dict.fromkeys(int(t) for t in [*order, *spread]))[:count])


def _tile(rgb: cases.Bytes, side: int) -> cases.Bytes:
    """The picture in a square of ``side``, white beside it."""
    scale = side / max(rgb.shape[:2])
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=way)[:side, :side]
    tile = np.full((side, side, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def _title(name: str, side: int) -> cases.Bytes:
    strip = np.full((16, side, 3), 255, np.uint8)
    cv2.putText(strip, name, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


if __name__ == "__main__":
    main()
