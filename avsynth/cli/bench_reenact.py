"""avsynth bench reenact: how fast a picture is made to move."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def reenact(
    seconds: Annotated[
        list[int] | None,
        typer.Option(min=2, max=3600, help="Length of a driver. Repeatable. Default: 10 and 60."),
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="Network for quality best, as for reenact.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help="Times each is done, fast and best in turn.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time whole reenactments of a 720p picture by a 720p film, and how memory grows with length.

    Reading and encoding the film alone is timed in the same run, to hold them against.
    """
    from avsynth.bench import bench_reenact

    found = bench_reenact(sorted(set(seconds or (10, 60))), engine, weights, rounds)
    print(json.dumps(found, indent=2) if as_json else table(found))


def table(found: dict[str, Any]) -> str:
    """What ``bench_reenact`` found, in lines."""
    lines = [
        found["machine"],
        f"{'seconds':>8} {'quality':>8} {'renderer':>9} {'frames/s':>9} {'and measured':>13} "
        f"{'x real time':>12} {'processor ms':>13} {'peak MB':>8} {'start-up s':>11}",
    ]
    for row in found["rows"]:
        lines += [
            f"{row['seconds']:>8} {row['quality']:>8} {row['renderer']:>9} "
            f"{row['frames_per_second']:>9} {row['with_measuring']:>13} "
            f"{row['realtime_factor']:>12} {row['processor_ms']:>13} {row['peak_memory_mb']:>8} "
            f"{row['startup_s']:>11}",
            "  " + ", ".join(f"{name} {value} s" for name, value in row["stages"].items()),
        ]
    lines += [
        f"{row['seconds']} s: reading and encoding alone {row['frames_per_second']} frames/s, "
        f"{row['processor_ms']} processor ms; fast reaches {row['fast']:.0%} of those frames/s, "
        f"best {row['best']:.0%}"
        for row in found["recode"]
    ]
    for quality, of in found["growth"].items():
        lines.append(f"{quality}: from the shortest to the longest the peak grows by "
                     f"{of['peak_mb']} MB")  # fmt: skip
        if of["processor_ms"] is not None:
            lines.append(f"{quality}: {of['processor_ms']} processor ms for each further frame")
    return "\n".join(lines)
