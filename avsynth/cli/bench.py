"""avsynth bench: how fast, in how much memory."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Timing tables.")


@app.callback()
def _group() -> None:
    """Timing tables."""


@app.command()
def dub(
    scene: Annotated[
        list[str] | None, typer.Option(help="360x288 or 1080p. Repeatable. Default: both.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=2, max=3600, help="Length of each. Default: 60.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Also 10 minutes of 1080p.")] = False,
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time whole dubs of the demo person, everything included; start-up apart."""
    from avsynth.bench import bench_dub, scenes_named

    found = bench_dub(scenes_named(scene or [], seconds, long), engine)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(found["machine"])
    print(f"{'scene':<22} {'frames/s':>9} {'x real time':>12} {'peak MB':>8} {'start-up s':>11}")
    for row in found["rows"]:
        print(
            f"{row['name']:<22} {row['frames_per_second']:>9} {row['realtime_factor']:>12} "
            f"{row['peak_memory_mb']:>8} {row['startup_s']:>11}"
        )
        print("  " + ", ".join(f"{name} {value} s" for name, value in row["stages"].items()))
