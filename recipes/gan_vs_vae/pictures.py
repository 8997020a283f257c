"""The plots of the comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from plan import Settings

_COLOURS = {"vae": "tab:blue", "gan": "tab:orange", "vae-gan": "tab:green"}
_SMOOTH = 25  # steps


Run = tuple[Settings, dict[str, Any]]


def plot(folder: Path, runs: list[Run], path: Path) -> None:
    """Kernel distance and coverage, a dot a seed; losses over steps; what latents keep."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, places = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained")
    distances, cover, losses, kept = places.ravel()
    _samples(distances, cover, runs)
    _losses(losses, folder, runs)
    for settings, measured in runs:
        if "truncated" in measured:
            lengths = [int(length) for length in measured["truncated"]]
            colour = _COLOURS[settings.kind]
            kept.plot(lengths, list(measured["truncated"].values()), ".-", color=colour)
    kept.set_xscale("log", base=2)
    kept.set_title("PSNR (dB) by components kept")
    figure.savefig(path, dpi=56)
    pyplot.close(figure)


def _samples(distances: Any, cover: Any, runs: list[Run]) -> None:
    ticks: dict[str, int] = {}
    for settings, measured in runs:
        for source, samples in measured["samples"].items():
            at = ticks.setdefault(f"{settings.kind}\n{source}", len(ticks))
            place, colour = at + 0.1 * (settings.seed - 1), _COLOURS[settings.kind]
            value, error = (1000 * x for x in samples["kid morphs-unseen"])
            distances.errorbar(place, value, error, color=colour, marker="o", capsize=3)
            cover.plot(place, samples["coverage of thumbnails"], "o", color=colour)
    for axis, title in (
        (distances, "KID x 1000, unseen morphs"),
        (cover, "coverage of thumbnails"),
    ):
        axis.set_xticks(list(ticks.values()), list(ticks))
        axis.set_title(title)
        axis.set_ylim(bottom=0)


def _losses(axis: Any, folder: Path, runs: list[Run]) -> None:
    other = axis.twinx()
    for settings, _ in runs:
        name = "adversary" if settings.kind == "gan" else "l1"
        lines = (folder / settings.name / "log.jsonl").read_text("utf-8").splitlines()
        values = np.array([v[name] for v in map(json.loads, lines) if name in v])
        wide = min(_SMOOTH, len(values))
        label = f"{settings.kind}, {name}" if settings.seed == runs[0][0].seed else None
        (other if settings.kind == "gan" else axis).plot(
            np.convolve(values, np.ones(wide) / wide, "valid"),
            color=_COLOURS[settings.kind], linewidth=0.8, label=label,
        )  # fmt: skip
    axis.set_title("generator losses by step (GAN: right)")
    axis.legend(loc="upper center")
    other.legend(loc="upper right")
