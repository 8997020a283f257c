"""Tables, plots and a contact sheet of what ``evaluate.py`` measured.

    python recipes/gan_vs_vae/tables.py --runs runs/gan_vs_vae --pack .packs/faces \
        --config recipes/gan_vs_vae/small.yaml --out recipes/gan_vs_vae

Writes OUT/measured.csv (a row a run), OUT/plots.png and OUT/people.jpg, and prints the tables of
the README: mean over seeds and, in brackets, the standard deviation over seeds; for the kernel
distance also its own standard error within a run (root mean square over seeds).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from evaluate import read
from measure import load, paint, rebuild
from pictures import plot
from plan import Plan, Settings

_COLUMNS, _ROWS = 10, 2  # of the sheet: pictures a row, rows of drawn people of each kind
_NEAR = (
    "density", "coverage", "density of thumbnails", "coverage of thumbnails", "sharpness",
)  # fmt: skip
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 68]
Run = tuple[Settings, dict[str, Any]]


def main() -> None:
    """Everything that is measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tell(Plan.read(options.config), options)


def tell(plan: Plan, options: argparse.Namespace) -> None:
    """Write and print."""
    runs = [
        (settings, json.loads(path.read_text("utf-8")))
        for settings in plan.runs()
        if (path := options.runs / settings.name / "measured.json").is_file()
    ]
    compared = [run for run in runs if run[0].name == f"{run[0].kind}-{run[0].seed}"]
    real = json.loads((options.runs / "real.json").read_text("utf-8"))
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "measured.csv", runs)
    told = drawn(compared, real), rebuilt(compared), cost(compared)
    more = compressed(runs), truncated(compared)
    for line in chain.from_iterable((*told, *more)):
        print(line)
    sheet(options, compared)
    plot(options.runs, compared, options.out / "plots.png")


def groups(runs: list[Run]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Measured samples by kind and by what latents were drawn from."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for settings, measured in runs:
        for drawn_from, samples in measured["samples"].items():
            found.setdefault((settings.kind, drawn_from), []).append(samples)
    return found


def drawn(runs: list[Run], real: dict[str, Any]) -> Iterator[str]:
    """People who do not exist, against people who do; last, real ones as if they were drawn."""
    references = [n.removeprefix("kid ") for n in real["morphs"] if n.startswith("kid ")]
    heads = [f"KID x 1000, {name}" for name in references]
    yield "\n" + _row(["", *heads, *_NEAR, "way", "unevenness"])
    yield _row(["---"] * (len(heads) + len(_NEAR) + 3))
    smooth = {kind: [m["smoothness"] for s, m in runs if s.kind == kind] for kind in _kinds(runs)}
    for (kind, source), each in groups(runs).items():
        cells = [f"{kind}, {source}"]
        for name in references:
            values = np.array([s[f"kid {name}"] for s in each]) * 1000
            error = float(np.sqrt((values[:, 1] ** 2).mean()))
            cells.append(f"{_spread(values[:, 0], 2)} ± {error:.2f}")
        cells += [_spread([s[n] for s in each], 3) for n in _NEAR]
        # The way from one to another was measured where people are drawn from in the end.
        own = smooth[kind] if source == "fitted" or kind == "gan" else []
        cells += [_spread([s[n] for s in own], 2) if own else "" for n in ("way", "uneven")]
        yield _row(cells)
    for name, samples in real.items():
        cells = [f"real: {name}"]
        for distance in (samples.get(f"kid {n}") for n in references):
            cells.append(
                "" if distance is None else "{:.2f} ± {:.2f}".format(*np.multiply(distance, 1000))
            )
        yield _row([*cells, *(f"{samples[n]:.3f}" for n in _NEAR), "", ""])


def rebuilt(runs: list[Run]) -> Iterator[str]:
    """What passes through the latents, of unseen morphs and of the dev people."""
    names = ("psnr", "ssim", "perceptual", "sharpness")
    yield "\n" + _row(["", *(f"{n}, {s}" for s in ("unseen morphs", "dev people") for n in names)])
    yield _row(["---"] * 9)
    for kind in _kinds(runs):
        own = [m["rebuilt"] for s, m in runs if s.kind == kind and "rebuilt" in m]
        if own:
            cells = [
                _spread([o[where][n] for o in own], 3)
                for where in ("morphs-unseen", "dev")
                for n in names
            ]
            yield _row([kind, *cells])


def cost(runs: list[Run]) -> Iterator[str]:
    """Size, time and how restless the training was."""
    names = ["l1", "adversary", "judge"]
    heads = [f"spikes of {n}, per 1000 steps" for n in names]
    parts = ("generator", "encoder", "discriminator")
    yield "\n" + _row(["", *parts, "together", "processor seconds a step", *heads])
    yield _row(["---"] * (6 + len(heads)))
    for kind in _kinds(runs):
        own = [m for s, m in runs if s.kind == kind]
        sizes = own[0]["parameters"]
        cells = [str(sizes.get(n, "")) for n in parts] + [str(sum(sizes.values()))]
        cells.append(_spread([m["training"]["cpu seconds a step"] for m in own], 3))
        for head in heads:
            values = [m["training"][head] for m in own if head in m["training"]]
            cells.append(_spread(values, 1) if values else "")
        yield _row([kind, *cells])


def latents(runs: list[Run]) -> dict[int, dict[str, Any]]:
    """What the VAE of the first seed keeps, by the length of its latent."""
    first = runs[0][0].seed
    found = {s.network.latent: m for s, m in runs if s.kind == "vae" and s.seed == first}
    return dict(sorted(found.items()))


def compressed(runs: list[Run]) -> Iterator[str]:
    """The same, as a table."""
    yield "\n" + _row(
        ["numbers kept", "PSNR", "SSIM", "perceptual", "sharpness", "PSNR, dev people"]
    )
    yield _row(["---"] * 6)
    for length, measured in latents(runs).items():
        own, dev = measured["rebuilt"]["morphs-unseen"], measured["rebuilt"]["dev"]
        cells = [f"{own[n]:.3f}" for n in ("psnr", "ssim", "perceptual", "sharpness")]
        yield _row([str(length), *cells, f"{dev['psnr']:.3f}"])


def truncated(runs: list[Run]) -> Iterator[str]:
    """What is left when only the first principal components of latents of 64 are kept."""
    own = {kind: [m["truncated"] for s, m in runs if s.kind == kind and "truncated" in m]
           for kind in _kinds(runs)}  # fmt: skip
    own = {kind: each for kind, each in own.items() if each}
    lengths = list(next(iter(own.values()))[0])
    yield "\n" + _row(["PSNR by components kept", *lengths])
    yield _row(["---"] * (len(lengths) + 1))
    for kind, each in own.items():
        yield _row([kind, *(_spread([e[length] for e in each], 2) for length in lengths)])


def write(path: Path, runs: list[Run]) -> None:
    """All numbers, a row a run."""
    rows = [{"run": settings.name, **_flat(measured)} for settings, measured in runs]
    names = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(names))
        writer.writeheader()
        writer.writerows(rows)


def sheet(options: argparse.Namespace, runs: list[Run]) -> None:
    """Unseen morphs; then of each kind what it makes of them, and people it draws."""
    real = read(options.pack, runs[0][0].network.size)["morphs-unseen"][:_COLUMNS]
    rows = [real]
    for settings, _ in runs:
        if settings.seed != runs[0][0].seed:
            continue
        network = load(options.runs / settings.name, settings)
        if network.encoder is not None:
            rows.append(rebuild(network, real))
        random = np.random.default_rng(1)
        for _ in range(_ROWS):
            size = (len(real), settings.network.latent)
            rows.append(paint(network, random.standard_normal(size, np.float32)))
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    cv2.imwrite(str(options.out / "people.jpg"), picture[..., ::-1], _JPEG)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name} ")
        elif isinstance(value, list):
            found |= {prefix + name: f"{value[0]:.6g}", f"{prefix}{name} error": f"{value[1]:.6g}"}
        else:
            found[prefix + name] = f"{value:.6g}" if isinstance(value, float) else value
    return found


def _kinds(runs: list[Run]) -> list[str]:
    return list(dict.fromkeys(settings.kind for settings, _ in runs))


def _spread(values: Any, digits: int) -> str:
    """Mean, and in brackets the deviation over seeds."""
    if len(values) < 2:
        return f"{np.mean(values):.{digits}f}"
    return f"{np.mean(values):.{digits}f} ({np.std(values, ddof=1):.{digits}f})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
