"""Contact sheets out of stored films: source | classical | GAN | peer, a person a block.

    python recipes/lipsync/sheet.py --data ../shared/data --films runs/films \
        --columns motion-small:classical motion-small:lipsync-small --out runs/sheet.png
    python recipes/lipsync/sheet.py ... --blind 3 --out runs/blind.png

Films come from ``evaluate.py --films``. ``--blind SEED`` makes a sheet of single mouths in random
order, real, own and peers' alike, without labels, and writes the key beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import evaluate
import numpy as np
from numpy.typing import NDArray

from avsynth.metrics import image

SIDE = 144
MOMENTS = 5  # of each film
Bytes = NDArray[np.uint8]


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--films", type=Path, required=True)
    parser.add_argument("--columns", nargs="+", required=True, metavar="MOTION:RENDERER")
    parser.add_argument("--groups", nargs="+", default=["free"])
    parser.add_argument("--blind", type=int, metavar="SEED")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    cases = evaluate.load_cases(options.data, options.cache, options.groups)
    seen: set[str] = set()
    people = [c for c in cases if not (c.person in seen or seen.add(c.person))]  # type: ignore[func-returns-value]
    blocks = [films_of(case, options.films, options.columns) for case in people]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.blind is None:
        sheet = np.concatenate([block(c, f) for c, f in zip(people, blocks, strict=True)])
    else:
        sheet, key = blind(people, blocks, options.blind)
        options.out.with_suffix(".json").write_text(json.dumps(key) + "\n", "utf-8")
    cv2.imwrite(str(options.out), sheet[..., ::-1])


def films_of(case: evaluate.Case, folder: Path, columns: list[str]) -> dict[str, evaluate.Film]:
    """Films by name: real, ours, then the peers'."""
    films: dict[str, evaluate.Film] = {"real": case.clip.pictures}
    for pair in columns:
        path = folder / f"{case.clip.item.name}-{evaluate.slug(pair)}.npz"
        with np.load(path) as stored:
            films[pair] = list(stored["film"])
    return films | case.peers


def mouth(case: evaluate.Case, film: evaluate.Film, number: int) -> Bytes:
    """The mouth box of one picture, enlarged."""
    height, width = film[number].shape[:2]
    box = image.mouth_box(case.clip.points[number]).expand(6).clip(width, height)
    shown = cv2.resize(film[number][box.slices], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(shown, dtype=np.uint8)


def moments(case: evaluate.Case) -> list[int]:
    """Frames from closed to wide open, as the real mouth is."""
    order = np.argsort(evaluate.opening(case.points))
    return [int(order[int(q * (len(order) - 1))]) for q in np.linspace(0.05, 0.98, MOMENTS)]


def block(case: evaluate.Case, films: dict[str, evaluate.Film]) -> Bytes:
    """One person: a row a film, a column a moment, names on the left."""
    rows = []
    for name, film in films.items():
        label = np.full((SIDE, 190, 3), 255, dtype=np.uint8)
        for line, text in enumerate([case.person[:22], *name.split(":")]):
            place = (6, 40 + 28 * line)
            cv2.putText(
                label, text[:24], place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
            )
        rows.append(np.concatenate([label, *(mouth(case, film, n) for n in moments(case))], axis=1))
    return np.concatenate(rows)


def blind(
    people: list[evaluate.Case], blocks: list[dict[str, evaluate.Film]], seed: int
) -> tuple[Bytes, list[str]]:
    """Mouths in random order, six a row, and what they are."""
    shown = [
        (f"{case.person} {name}", mouth(case, film, number))
        for case, films in zip(people, blocks, strict=True)
        for name, film in films.items()
        for number in moments(case)[2::2]
    ]
    order = np.random.default_rng(seed).permutation(len(shown))
    tiles = [shown[i][1] for i in order]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 8)
    rows = [np.concatenate(tiles[i : i + 8], axis=1) for i in range(0, len(tiles), 8)]
    return np.concatenate(rows), [shown[i][0] for i in order]


if __name__ == "__main__":
    main()
