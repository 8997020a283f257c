"""Being connected to a cluster of Ray: one of this machine for a while, or one that is there."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avsynth.errors import ResourceError, UsageError

_STORE_BYTES: Final = 256 << 20  # results are small; what does not fit goes to disk
_REACH_S: Final = 5.0
_ANSWER_S: Final = 60.0  # much, for a busy machine

_ALWAYS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what Ray would print of workers; we tell of them ourselves
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker sees the GPUs that this process sees
}
# Ray reads these once, when it is loaded: all its processes ask for a token that lives as long as
# this one, and bind to loopback alone, as they always do on macOS and Windows.
_LOCAL: Final = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


@dataclass(frozen=True)
class Cluster:
    """Where work goes.

    Attributes:
        address: "local", a cluster of this machine for the time of the work; else an address of
            Ray: "auto", "HOST:6379" from a machine of the cluster, "ray://HOST:10001" from any.
        jobs: workers at most; None: as many as the cluster has processors.
    """

    address: str
    jobs: int | None = None


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[int]:
    """Be connected to ``cluster`` for the time of the block; yields the number of workers.

    A connection that this process has already is used, and stays.

    Raises:
        UsageError: no address of Ray.
        ResourceError: Ray is not installed, or the cluster cannot be reached or started.
    """
    ray = required_ray(cluster.address)
    if ray.is_initialized():
        yield _workers(ray, cluster)
        return
    begin = _started if cluster.address == "local" else _joined
    with begin(ray, cluster):
        yield _workers(ray, cluster)


def required_ray(address: str) -> Any:
    """The library Ray, loaded with our settings. ResourceError where it is missing."""
    if importlib.util.find_spec("ray") is None:
        raise ResourceError("work on a cluster needs Ray", hint="install the extra 'cluster'")
    os.environ.update(_ALWAYS)
    with _environment(_LOCAL if address == "local" and "ray" not in sys.modules else {}):
        return importlib.import_module("ray")


@contextlib.contextmanager
def _started(ray: Any, cluster: Cluster) -> Iterator[None]:
    """A cluster of this machine: loopback, a token, files in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="avsynth-", dir=_short_folder()))
    path = os.pathsep.join(each for each in sys.path if each)
    # What a killed worker leaves behind goes with the cluster.
    with _environment({**_LOCAL, "PYTHONPATH": path, "TMPDIR": os.fspath(folder)}):
        try:
            ray.init(
                address="local",
                num_cpus=cluster.jobs or processors(),
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                _temp_dir=os.fspath(folder),
                **_QUIET,
            )
            yield
        except (OSError, RuntimeError, ValueError) as error:
            if ray.is_initialized():
                raise
            raise ResourceError(f"Ray cannot be started here: {_line(error)}") from error
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _short_folder() -> str | None:
    """Where Ray's files can lie: the name of a socket has 107 characters, and Ray adds 80."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > 20 and os.access("/tmp", os.W_OK | os.X_OK) else None


@contextlib.contextmanager
def _joined(ray: Any, cluster: Cluster) -> Iterator[None]:
    """A cluster that is there already."""
    _reached(cluster.address)
    _answered(cluster.address)
    try:
        ray.init(address=cluster.address, **_QUIET)
    except Exception as error:
        raise ResourceError(
            f"the cluster cannot be used: {_line(error)}", cluster.address, _HINT
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


_QUIET: Final[dict[str, Any]] = {"log_to_driver": False, "logging_level": "CRITICAL"}
_HINT: Final = "auto, HOST:6379 on a machine of the cluster, ray://HOST:10001 from elsewhere"


def _reached(address: str) -> None:
    """Whether anything listens at an address, before Ray tries for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError("is no address of a cluster", address, f"local, {_HINT}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ResourceError(f"the cluster does not answer: {why}", address, _HINT) from error


# Connects and leaves again; what is wrong is its last line.
_TRIAL: Final = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except BaseException as error:
    print((str(error).strip().splitlines() or [type(error).__name__])[0])
    sys.exit(1)
"""


def _answered(address: str) -> None:
    """Whether what listens is a cluster that we may use: in a process that can be given up.

    Of something else Ray itself would say so after minutes, and much before.
    """
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _TRIAL, address],
            capture_output=True, text=True, check=False, timeout=_ANSWER_S, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        what = f"no cluster of Ray answers there within {_ANSWER_S:.0f} s"
        raise ResourceError(what, address, _HINT) from error
    if tried.returncode:
        said = (tried.stdout.strip().splitlines() or ["the connection ended"])[-1]
        hint = "if it asks for a token: RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        raise ResourceError(f"the cluster cannot be used: {said}", address, hint)


def _workers(ray: Any, cluster: Cluster) -> int:
    return cluster.jobs or max(int(ray.cluster_resources().get("CPU", 1)), 1)


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _line(error: BaseException) -> str:
    """The first line of what a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
