"""Fakes of other people's generators, beside what they were made from. For a last look, not for
choosing anything.

    python recipes/fusion/peers.py list --data ../shared/data --out runs/fusion/peers-list.csv
    python recipes/fusion/scores.py films runs/fusion/peers-list.csv --out runs/fusion/peers.csv
    python recipes/fusion/peers.py judge runs/fusion/peers.csv

PC-AVS stands apart, as its framing gives it away; of films the face is judged, of sounds the voice.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from evaluate import fused_columns
from fit import PARTS, Row, part_table, read
from listing import COLUMNS

from detectors.calibration import PartName, load
from detectors.metrics import auc, same_source_auc, share_above_original
from detectors.metrics.bootstrap import by_person

APART = "talkinghead_pcavs"
_DRAWS = 1000


def main() -> None:
    """Make the list, or judge the scores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list")
    listing.add_argument("--data", type=Path, required=True)
    listing.add_argument("--out", type=Path, required=True)
    judging = commands.add_parser("judge")
    judging.add_argument("scores", type=Path)
    judging.add_argument("--calibration", default="small")
    options = parser.parse_args()
    if options.command == "list":
        write(options.data, options.out)
    else:
        rows = read([options.scores])
        for part in ("face", "voice"):
            print("\n".join(judged(rows, part, options.calibration)))


def write(data: Path, out: Path) -> None:
    """A manifest of both collections; a source is an original with all that was made of it."""
    rows = []
    for kind in ("video", "audio"):
        with (data / f"external_dev_{kind}.csv").open(newline="", encoding="utf-8") as file:
            listed = list(csv.DictReader(file))
        reals = {r.get("pair_group"): r["file"] for r in listed if r["label"] == "real"}
        for row in listed:
            fake = row["label"] == "fake"
            own = row["file"] if not fake else row.get("original_file") or reals[row["pair_group"]]
            rows.append(
                {
                    "file": str((data / row["file"]).resolve()), "label": row["label"],
                    "group": (row.get("generator") or row["kind"]) if fake else "real",
                    "person": row.get("person") or row["corpus"], "split": "test", "source": own,
                    "original": str((data / own).resolve()) if fake else "",
                }
            )  # fmt: skip
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def judged(rows: Sequence[Row], part: PartName, calibration: str) -> Iterator[str]:
    """AUC pooled and within sources, and fakes above their own originals, by detector."""
    known = load(calibration)
    own = [r for r in rows if ("/video/" in r["file"]) == (part == "face")]
    chosen = [r for r in own if any(r.get(n) for n in PARTS[part]) and r["family"] != APART]
    table = part_table(chosen, part)
    reals = int((~table.synthetic).sum())
    yield f"\n### {part}: {reals} real files, {len(table) - reals} fakes\n"
    yield "| detector | AUC pooled | same source | above its own original |\n|---|---|---|---|"
    files = [r["file"] for r in chosen]
    for name, values in fused_columns(table, known.members, known.parts[part]):
        seen = np.isfinite(values)
        of = dict(zip(files, values, strict=True))
        pairs = [(r["file"], r["original"]) for r in chosen if r["original"] in of]
        pairs = [(a, b) for a, b in pairs if np.isfinite(of[a]) and np.isfinite(of[b])]
        above = share_above_original(
            [of[a] for a, _ in pairs], [of[b] for _, b in pairs], [b for _, b in pairs]
        )
        labels, people = table.synthetic[seen], [r["person"] for r in chosen]
        spread = by_person(
            values[seen], labels, [p for p, s in zip(people, seen, strict=True) if s],
            {"auc": lambda ranked: auc(ranked.scores, ranked.synthetic)}, _DRAWS, 0,
        )["auc"]  # fmt: skip
        sources = [r["source"] for r, s in zip(chosen, seen, strict=True) if s]
        within = same_source_auc(values[seen], labels, sources)
        yield (
            f"| {name} | {auc(values[seen], labels):.3f} ({spread.low:.2f} to {spread.high:.2f}) "
            f"| {within.value:.3f} | {above.above} of {above.pairs} |"
        )


if __name__ == "__main__":
    main()
