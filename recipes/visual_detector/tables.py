"""The reports of evaluate.py and whole.py as the tables of the README.

python recipes/visual_detector/tables.py runs/detect/visual.json [OTHER.json ...]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_GROUPS = {"dev": "GRID dev", "test": "GRID test", "presenters": "presenters"}
_PEERS = ("pooled", "diffdub", "wav2lip and iplap", "pcavs")


def main() -> None:
    """Print the tables of each report."""
    for name in sys.argv[1:]:
        report = json.loads(Path(name).read_text("utf-8"))
        print(f"\n### {Path(name).stem}\n")
        print("\n".join([*families(report), "", *alarms(report), "", *peers(report)]))


def families(report: dict[str, Any]) -> list[str]:
    """AUC of families, by group and encoding."""
    lines = [
        "| family | people | real, made videos | AUC | by frame | after CRF 35 |",
        "|---|---|---|---|---|---|",
    ]
    for group, label in _GROUPS.items():
        plain, coded = report[group]["as it is"], report[group]["crf 35"]
        for family, row in plain.items():
            lines.append(
                f"| {family}, {label} | {row['people']} | {row['reals']}, {row['fakes']} "
                f"| {_value(row)} | {row['auc_frame']:.3f} | {_value(coded[family])} |"
            )
    return lines


def _value(row: dict[str, Any]) -> str:
    if "interval" not in row:
        return f"{row['auc']:.3f}"
    low, high = row["interval"]
    return f"{row['auc']:.3f} ({low:.2f} to {high:.2f})"


def alarms(report: dict[str, Any]) -> list[str]:
    """False alarms at the point that 1 % of dev reach."""
    at, count = report["threshold"]["at"], report["threshold"]["reals"]
    lines = [
        f"| real videos (threshold {at:.2f}, from {count} on dev) | alarms | of |",
        "|---|---|---|",
    ]
    rows = report["false alarms"] | {k: v for k, v in report.items() if k.startswith("whole: ")}
    return [
        *lines,
        *(f"| {name} | {row['alarms']} | {row['reals']} |" for name, row in rows.items()),
    ]


def peers(report: dict[str, Any]) -> list[str]:
    """Other people's generators, where they were looked at."""
    if "peers" not in report:
        return []
    lines = [
        "| others' generators | real, made files | AUC | above own original | beyond threshold |",
        "|---|---|---|---|---|",
    ]
    for name in _PEERS:
        row = report["peers"][name]
        lines.append(
            f"| {name} | {row['reals']}, {row['fakes']} | {_value(row)} "
            f"| {row['above their own']} of {row['fakes']} | {row['reach the threshold']} |"
        )
    return lines


if __name__ == "__main__":
    main()
