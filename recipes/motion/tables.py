"""The result file of ``evaluate.py`` -> the tables of the README and the cards, as markdown.

python recipes/motion/tables.py runs/evaluation.json --systems motion-small motion-small-mel
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

Row = dict[str, str | float]
PROTOCOLS = ("strict", "accent", "whole", "rotated", "shuffled")
GROUPS = {
    "grid unseen people": "GRID dev people",
    "grid s26": "GRID s26",
    "s1 new sentences": "s1, new sentences",
    "free real": "free speech",
}


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--systems", nargs="*", help="weights to show, all without it")
    options = parser.parse_args()
    rows: list[Row] = json.loads(options.results.read_text("utf-8"))
    weights = options.systems or sorted({str(r["system"]) for r in rows if "strict" in r})
    for lines in (free_speech(rows, weights), distances(rows, weights), silence(rows, weights)):
        print("\n".join(lines), end="\n\n")


def free_speech(rows: list[Row], weights: list[str]) -> list[str]:
    """Unseen people by protocol, and the peers: opening, first component, distance, extent."""
    free = [row for row in rows if row["group"] == "free real"]
    people = sorted({str(row["person"]) for row in free})
    lines = header("", "people", "opening", "first", "LMD", "extent", f"opening of {names(people)}")
    for name in weights:
        mine = [row for row in free if row["system"] == name]
        for protocol in PROTOCOLS:
            keys = (protocol, f"first_{protocol}", f"lmd_{protocol}", f"extent_{protocol}")
            lines.append(line(f"{name}, {protocol}", mine, keys, people))
    others = dict.fromkeys(str(row["system"]) for row in free if "strict" not in row)
    for name in others:
        mine = [row for row in free if row["system"] == name]
        lines.append(line(name, mine, ("opening", "first", "lmd", "extent"), people))
    return lines


def line(label: str, rows: list[Row], keys: tuple[str, ...], people: list[str]) -> str:
    """Label, number of people, mean over people of each key, the first key person by person."""
    scores = [by_person(rows, key) for key in keys]
    first = mean_and_interval(scores[0])
    each = [f"{scores[0][p]:.2f}" if p in scores[0] else "-" for p in people]
    cells = [label, str(len(scores[0])), first, *map(cell, scores[1:], keys[1:]), ", ".join(each)]
    return f"| {' | '.join(cells)} |"


def distances(rows: list[Row], weights: list[str]) -> list[str]:
    """Landmark distance in every group."""
    lines = header(
        "", "group", "people, clips", "opening", "shuffled", "LMD lag 0", "LMD", "LMD, accent",
        "of frozen", "of constant", "shuffled LMD", "extent, accent", "extent",
    )  # fmt: skip
    for (group, label), name in ((g, w) for g in GROUPS.items() for w in weights):
        mine = [row for row in rows if row["group"] == group and row["system"] == name]
        for row in mine:
            for base in ("frozen", "constant"):
                row[f"of_{base}"] = float(row["lmd_strict"]) / float(row[f"lmd_{base}"])
        keys = (
            "strict", "shuffled", "lmd0_strict", "lmd_strict", "lmd_accent",
            "of_frozen", "of_constant", "lmd_shuffled", "extent_accent", "extent_strict",
        )  # fmt: skip
        count = f"{len({row['person'] for row in mine})}, {len(mine)}"
        cells = [name, label, count, *(cell(by_person(mine, key), key) for key in keys)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def silence(rows: list[Row], weights: list[str]) -> list[str]:
    """What the mouth does in silence, in clips with pauses."""
    lines = header("", "people, clips", "opening", "own pauses", "energy", "own pauses")
    for name in weights:
        mine = [row for row in rows if row["system"] == name and "silent_opening" in row]
        cells = [name, f"{len({row['person'] for row in mine})}, {len(mine)}"]
        for key, digits in (("opening", 4), ("energy", 1)):
            means = (by_person(mine, f"{who}_{key}") for who in ("silent", "pause"))
            cells += [f"{np.mean(list(values.values())):.{digits}f}" for values in means]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def by_person(rows: list[Row], key: str) -> dict[str, float]:
    """Mean over the clips of each person that has the score."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if key in row:
            found[str(row["person"])].append(float(row[key]))
    return {person: float(np.mean(values)) for person, values in found.items()}


def mean_and_interval(scores: dict[str, float]) -> str:
    """Mean over people and its 95 % bootstrap interval."""
    values = np.array(list(scores.values()))
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def cell(scores: dict[str, float], key: str) -> str:
    """A mean, distances with four digits; empty when nobody has the score."""
    if not scores:
        return ""
    return f"{np.mean(list(scores.values())):.{4 if key.startswith('lmd') else 2}f}"


def header(*names: str) -> list[str]:
    """The two lines that open a table."""
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def names(people: list[str]) -> str:
    """People without what all of their names begin with."""
    return ", ".join(person.removeprefix("p_") for person in people)


if __name__ == "__main__":
    main()
