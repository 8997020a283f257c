"""VAE against VAE-GAN of the voice recipe: the tables of VOICE.md.

    python recipes/voice/evaluate.py --data ../shared/data --out runs/voice/evaluation.json \
        --systems source target voice-small
    python recipes/voice/evaluate.py --data ../shared/data --out runs/voice/others.json \
        --systems runs/voice-small-gan/voice-small-gan.safetensors
    python recipes/gan_vs_vae/voice_tables.py \
        --judged runs/voice/evaluation.json runs/voice/others.json \
        --logs runs/voice-small/log.jsonl runs/voice-small-gan/log.jsonl \
        --short runs/gan_vs_vae/voice.json

Conversions, with the difference clip by clip and its 95 % bootstrap interval over ordered pairs of
people; the two full runs by their logs; short runs of several seeds (``voice.py``), mean
and, in brackets, standard deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import spikes

sys.path.insert(0, str(Path(__file__).parents[1] / "voice"))  # it has a tables.py of its own
from tables import LIKENESS, SPEECH, TITLES, Column, Row, figure

_DRAWS = 2000
_NAMES = {"vae": "VAE", "vae_gan": "VAE-GAN"}
_PROTOCOLS = ("parallel", "unseen")
_LOSSES = ("spectra", "adversarial", "judge")
# Pooled figures have no difference clip by clip; costs are the same network's.
_COLUMNS = [c for c in (*LIKENESS, *SPEECH) if c.key != "processor" and (c.each or not c.per)]


def main() -> None:
    """Print the tables of what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--judged", type=Path, nargs="+", required=True, help="of evaluate.py")
    parser.add_argument("--logs", type=Path, nargs=2, required=True, help="VAE, VAE-GAN")
    parser.add_argument("--short", type=Path, required=True, help="result of voice.py")
    options = parser.parse_args()
    rows = [r for path in options.judged for r in json.loads(path.read_text("utf-8"))["rows"]]
    lines: list[str] = []
    for protocol in _PROTOCOLS:
        own = [row for row in rows if row["protocol"] == protocol]
        lines += [f"{TITLES[protocol]}:", "", *conversions(own), ""]
    lines += [*full(options.logs), "", *short(json.loads(options.short.read_text("utf-8")))]
    print("\n".join(lines))


def conversions(rows: Sequence[Row]) -> list[str]:
    """What listeners and judges would say of the two, and of the anchors."""
    systems: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        systems[row["system"]].append(row)
    vae = next(name for name in systems if name.startswith("voice-small") and "-gan" not in name)
    gan = next(name for name in systems if name.startswith("voice-small-gan"))
    shown = {"source": "source", "target": "target", vae: "VAE", gan: "VAE-GAN"}
    named = [(title, systems[name]) for name, title in shown.items() if name in systems]
    lines = [
        f"| {len(systems[vae])} conversions | " + " | ".join(title for title, _ in named)
        + " | VAE-GAN less VAE, 95 % |",
        "|---" * (len(named) + 2) + "|",
    ]  # fmt: skip
    for column in _COLUMNS:
        if column.key not in systems[vae][0]:
            continue
        cells = [shown_figure(own, column) for _, own in named]
        mean, low, high = difference(systems[vae], systems[gan], column)
        told = f"{mean:+.{column.digits}f} [{low:+.{column.digits}f}, {high:+.{column.digits}f}]"
        lines.append(f"| {column.title} | {' | '.join(cells)} | {told} |")
    return lines


def shown_figure(rows: Sequence[Row], column: Column) -> str:
    """The figure; empty where no clip has it."""
    mean = figure(rows, column)
    return "" if math.isnan(mean) else f"{mean:.{column.digits}f}"


def difference(
    before: Sequence[Row], after: Sequence[Row], column: Column
) -> tuple[float, float, float]:
    """Mean over the same clips of ``after`` less ``before``; interval over pairs of people."""
    base = {row["clip"]: value(row, column) for row in before}
    units: dict[str, list[float]] = defaultdict(list)
    for row in after:
        units[row["pair"]].append(value(row, column) - base[row["clip"]])
    sums = np.array([[sum(own), len(own)] for own in units.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (_DRAWS, len(sums)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.quantile(totals[:, 0] / totals[:, 1], (0.025, 0.975))
    mean = sums[:, 0].sum() / sums[:, 1].sum()
    return tuple(column.scale * float(x) for x in (mean, low, high))  # type: ignore[return-value]


def value(row: Row, column: Column) -> float:
    """A clip's figure, before it is scaled."""
    return float(row[column.key]) / (max(float(row[column.per]), 1.0) if column.per else 1.0)


def full(logs: Sequence[Path]) -> list[str]:
    """The two runs of the recipe: what they ended at, how often a loss jumped once there was an
    adversary (before that they are one run), what a step took.
    """
    lines = [
        "| full runs, one seed | step | dev L1 | liveliness | spikes of " +
        " | of ".join(_LOSSES) + " | wall s a step |",
        "|---" * (5 + len(_LOSSES)) + "|",
    ]  # fmt: skip
    runs = [[json.loads(x) for x in log.read_text("utf-8").splitlines()] for log in logs]
    joined = next((line["step"] for line in runs[-1] if "adversarial" in line), 0)
    for kind, found in zip(_NAMES.values(), runs, strict=True):
        last = [line for line in found if "l1" in line][-1]
        tail = [line for line in found if line["step"] >= joined]
        cells = [kind, str(last["step"]), f"{last['l1']:.3f}", f"{last['variance_ratio']:.3f}"]
        cells += [jumped([tail], loss) for loss in _LOSSES]
        cells.append(f"{last['seconds'] / last['step']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def short(result: dict[str, Any]) -> list[str]:
    """The short runs: spread over seeds, jumps of the second half, processor time of a step."""
    settings = result["settings"]
    lines = [
        f"| {settings['steps']} steps, batch {settings['batch']} | seeds | dev L1 | liveliness | "
        "spikes of " + " | of ".join(_LOSSES) + " | processor s a step |",
        "|---" * (5 + len(_LOSSES)) + "|",
    ]  # fmt: skip
    for kind, title in _NAMES.items():
        runs = [run for run in result["runs"] if run["kind"] == kind]
        tails = [[s for s in run["steps"] if s["step"] > settings["warm_up"]] for run in runs]
        cells = [title, str(len(runs))]
        cells += [spread([run["dev"][key] for run in runs]) for key in ("l1", "variance_ratio")]
        cells += [jumped(tails, loss) for loss in _LOSSES]
        cells.append(f"{np.mean([s['processor'] for tail in tails for s in tail]):.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def jumped(runs: Sequence[Sequence[dict[str, float]]], loss: str) -> str:
    """Spikes of a loss in a thousand steps, mean of runs; empty where there is no such loss."""
    values = [np.array([step[loss] for step in run if loss in step]) for run in runs]
    return f"{np.mean([spikes(own) for own in values]):.1f}" if len(values[0]) else ""


def spread(values: Sequence[float]) -> str:
    """Mean, and standard deviation in brackets."""
    return f"{np.mean(values):.3f} ({np.std(values, ddof=1):.3f})" if len(values) > 1 else ""


if __name__ == "__main__":
    main()
