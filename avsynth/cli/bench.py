"""avsynth bench: how fast, in how much memory; how well detectors detect."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from avsynth.cli import (
    bench_audit,
    bench_cluster,
    bench_detect,
    bench_reenact,
    bench_scan,
    bench_score,
)

app = typer.Typer(no_args_is_help=True, help="Timing tables and detection benchmarks.")
app.command("score")(bench_score.score)
app.command("detect")(bench_detect.detect)
app.command("audit")(bench_audit.audit)
app.command("reenact")(bench_reenact.reenact)
app.command("scan")(bench_scan.scan)
app.command("cluster")(bench_cluster.cluster)


@app.callback()
def _group() -> None:
    """Timing tables and detection benchmarks."""


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
    weights: Annotated[
        list[str] | None, typer.Option(help="Networks for quality best, as for dub. Repeatable.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help="Times each dub is done, fast and best in turn.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time whole dubs of the demo person, everything included; start-up apart.

    Each is done fast and best; then the generator's time beside that of a larger network.
    """
    from avsynth.bench import bench_dub, scenes_named

    found = bench_dub(scenes_named(scene or [], seconds, long), engine, weights or (), rounds)
    print(json.dumps(found, indent=2) if as_json else table(found))


@app.command()
def convert(
    minutes: Annotated[
        list[float] | None,
        typer.Option(min=0.1, max=600, help="Length of a sound. Repeatable. Default: 1 and 10."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Voice weights or world, as for convert.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time whole conversions of several lengths, how memory grows with length, and the parts."""
    from avsynth.bench import bench_convert

    found = bench_convert(sorted(minutes or (1.0, 10.0)), weights, engine)
    print(json.dumps(found, indent=2) if as_json else convert_table(found))


def convert_table(found: dict[str, Any]) -> str:
    """What ``bench_convert`` found, in lines."""
    lines = [
        found["machine"],
        f"{'engine':<16} {'minutes':>8} {'real-time factor':>17} {'processor factor':>17} "
        f"{'peak MB':>8}",
    ]
    for row in found["rows"]:
        lines += [
            f"{row['engine']:<16} {row['seconds'] / 60:>8.1f} {row['realtime_factor']:>17} "
            f"{row['processor_factor']:>17} {row['peak_memory_mb']:>8}",
            "  " + ", ".join(f"{name} {value} s" for name, value in row["stages"].items()),
        ]
    lines += [
        f"from the shortest to the longest the peak grows by {found['growth_mb']} MB",
        "parts, seconds for each second of sound: of a processor on one thread, of time on two:",
    ]
    lines += [
        f"  {name:<40} {of['one_thread']:>8} {of['two_threads']:>8}"
        for name, of in found["parts"].items()
    ]
    return "\n".join(lines)


def table(found: dict[str, Any]) -> str:
    """What ``bench_dub`` found, in lines."""
    lines = [
        found["machine"],
        f"{'scene':<22} {'quality':>7} {'frames/s':>9} {'x real time':>12} {'peak MB':>8} "
        f"{'start-up s':>11}",
    ]
    for row in found["rows"]:
        lines += [
            f"{row['name']:<22} {row['quality']:>7} {row['frames_per_second']:>9} "
            f"{row['realtime_factor']:>12} {row['peak_memory_mb']:>8} {row['startup_s']:>11}",
            "  " + ", ".join(f"{name} {value} s" for name, value in row["stages"].items()),
        ]
    lines += [
        f"{row['name']}: best has {row['frames_per_second']:.0%} of the frames/s of fast"
        for row in found["best_to_fast"]
    ]
    ours, other = found["generator"], found["generator"]["reference"]
    lines.append(
        f"generator {ours['weights']} ({ours['engine']}, {ours['precision']}): {ours['gmac']} GMAC,"
        f" {ours['ms_a_frame']['one_thread']} ms a frame on one thread; {other['name']}: "
        f"{other['gmac']} GMAC, {other['ms_a_frame']['one_thread']} ms; "
        f"{ours['times_faster']['one_thread']} times faster"
    )
    return "\n".join(lines)
