"""Where the work is done: options that the verbs whose work can be spread have alike."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avsynth.errors import UsageError

if TYPE_CHECKING:
    from avsynth.cluster.connection import Cluster

ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Spread the work over processes: local, or a cluster of Ray: auto, HOST:6379, "
        "ray://HOST:10001.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(help="With --cluster: workers. Default: as many as it has processors."),
]


def chosen_cluster(address: str | None, jobs: int | None, device: str) -> Cluster | None:
    """Where; None: in this process.

    Raises:
        UsageError: workers without a cluster, or none at all; a device that they do not use.
    """
    if jobs is not None and address is None:
        raise UsageError("--jobs goes with --cluster")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least 1")
    if address is None:
        return None
    if device.startswith("cuda"):
        raise UsageError("--cluster runs on processors and excludes --device cuda")
    from avsynth.cluster.connection import Cluster

    return Cluster(address, jobs)


def reached(cluster: Cluster | None) -> contextlib.AbstractContextManager[Any]:
    """Be connected while the job runs: a cluster that is not there is told before any work.

    Raises, when it is entered:
        UsageError, ResourceError: see ``connected``.
    """
    if cluster is None:
        return contextlib.nullcontext()
    from avsynth.cluster.connection import connected

    return connected(cluster)
