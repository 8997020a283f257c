"""avsynth bench scan: how fast files are scanned, in how much memory."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def scan(
    minutes: Annotated[
        list[float] | None,
        typer.Option(min=0.1, max=600, help="Length of film and sound. Repeatable. Default: 1, 10"),
    ] = None,
    files: Annotated[int, typer.Option(min=1, help="How many tiny files.")] = 10_000,
    detectors: Annotated[
        str | None, typer.Option(help="Names, with commas between. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time scans of 1080p films, of sounds, of a short clip and of very many tiny files."""
    from detectors.timing import bench_scan

    names = [name.strip() for name in (detectors or "").split(",") if name.strip()]
    found = bench_scan(sorted(minutes or (1.0, 10.0)), files, names)
    print(json.dumps(found, indent=2) if as_json else table(found))


def table(found: dict[str, Any]) -> str:
    """What ``bench_scan`` found, in lines."""
    lines = [
        found["machine"],
        f"{'scanned':<12} {'minutes':>8} {'x real time':>12} {'processor factor':>17} "
        f"{'peak MB':>8}",
    ]
    for row in found["rows"]:
        lines += [
            f"{row['name']:<12} {row['seconds'] / 60:>8.1f} {row['realtime_factor']:>12} "
            f"{row['processor_factor']:>17} {row['peak_memory_mb']:>8}",
            "  " + ", ".join(f"{name} {value} s" for name, value in row["stages"].items()),
        ]
    for name, steady in found["steady"].items():
        lines.append(
            f"{name} without start-up: {steady['realtime_factor']} x real time, "
            f"{steady['processor_factor']} processor seconds a second; from the shortest to the "
            f"longest the peak grows by {steady['growth_mb']} MB"
        )
    many = found["files"]
    lines += [
        f"a clip of three seconds, start to end: {found['first_result_s']} s",
        f"{many['files']} tiny files: {many['files_per_second']} a second, {many['early_mb']} MB "
        f"after a tenth of them, {many['late_mb']} MB at the end",
        "processor seconds to import: "
        + ", ".join(f"{name} {value}" for name, value in found["imports"].items()),
    ]
    return "\n".join(lines)
