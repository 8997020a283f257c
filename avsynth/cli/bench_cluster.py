"""avsynth bench cluster: what a cluster costs on top of the work."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def cluster(
    files: Annotated[int, typer.Option(min=60, help="How many tiny files.")] = 1000,
    units: Annotated[int, typer.Option(min=1, help="How many empty units.")] = 5000,
    names: Annotated[int, typer.Option(min=1, help="How many names are listed.")] = 1_000_000,
    jobs: Annotated[int, typer.Option(min=1, help="Workers.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time a local cluster beside the process pool, a lost worker, and a long listing."""
    from detectors.cluster_timing import bench_cluster

    found = bench_cluster(files, units, names, jobs)
    print(json.dumps(found, indent=2) if as_json else table(found))


def table(found: dict[str, Any]) -> str:
    """What ``bench_cluster`` found, in lines."""
    lines = [
        found["machine"],
        f"{'tiny files':<12} {'first after s':>14} {'ms a file':>10} {'processor ms a file':>20}",
    ]
    for name in ("pool", "cluster"):
        row = found[name]
        lines.append(
            f"{name:<12} {row['first_s']:>14} {row['file_ms']:>10} {row['processor_ms']:>20}"
        )
    listed, clip = found["listing"], found["clip"]
    lines += [
        f"a local cluster is there after {found['connect_s']} s; an empty unit: "
        f"{found['unit_ms']} ms",
        f"a worker with all detectors loaded: {found['loaded_s']} s; the unit of one that dies is "
        f"done by another after {found['lost_s']} s",
        f"a clip of {clip['seconds']} s under all detectors: {clip['processor_s']} processor s, "
        f"{clip['line_bytes']} bytes of result; {clip['worker_mb']} MB a worker",
        f"{listed['names']} names listed in {listed['seconds']} s; {listed['early_mb']} MB after a "
        f"tenth of them, {listed['late_mb']} MB at the end",
    ]
    return "\n".join(lines)
