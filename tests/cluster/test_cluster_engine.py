"""The engine on a real Ray cluster of this machine: what a lost, hanging or failing unit costs."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import avsynth
from avsynth.cluster.engine import Cluster, Done, NotHere, alive, run
from avsynth.errors import InputError, ResourceError


def squares() -> Callable[[int], int]:
    return lambda unit: unit * unit


def dies_once_at(number: int, marker: Path) -> Callable[[int], int]:
    """Work that dies by SIGKILL at one unit, the first time it is tried."""

    def work(unit: int) -> int:
        if unit == number and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return unit * unit

    return work


def always_dies_at(number: int) -> Callable[[int], int]:
    def work(unit: int) -> int:
        if unit == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return unit * unit

    return work


def hangs_at(number: int) -> Callable[[int], int]:
    """Work that hangs at one unit, and at the one before takes long, but says so."""

    def work(unit: int) -> int:
        if unit == number:
            time.sleep(600)
        if unit == number - 1:
            for _ in range(25):
                time.sleep(0.1)
                alive()
        return unit * unit

    return work


def test_every_unit_is_done_once(two_workers: Cluster) -> None:
    found = list(run(two_workers, squares, range(200)))
    assert Counter(found) == Counter(Done(unit, unit * unit) for unit in range(200))
    assert list(run(two_workers, squares, ())) == []


def test_units_are_not_read_ahead(two_workers: Cluster) -> None:
    taken = 0

    def units() -> Iterator[int]:
        nonlocal taken
        while True:  # there is no end: whoever reads all of it never answers
            taken += 1
            yield taken

    ahead = []
    doing = run(two_workers, squares, units())
    for number, _ in enumerate(doing, start=1):
        ahead.append(taken - number)
        if number == 50:
            time.sleep(0.5)  # a slow consumer: results wait, nothing is read meanwhile
        if number == 100:
            break
    doing.close()  # type: ignore[attr-defined]
    assert max(ahead) <= 2


def test_a_killed_worker_costs_one_unit_again(two_workers: Cluster, tmp_path: Path) -> None:
    make = functools.partial(dies_once_at, 7, tmp_path / "died")
    found = list(run(two_workers, make, range(30)))
    assert (tmp_path / "died").exists()
    assert Counter(found) == Counter(Done(unit, unit * unit) for unit in range(30))


def test_a_unit_that_kills_every_worker_is_given_up(two_workers: Cluster) -> None:
    found = {each.unit: each for each in run(two_workers, functools.partial(always_dies_at, 3),
                                             range(12), tries=2)}  # fmt: skip
    assert found.pop(3) == Done(3, None, "the worker died, at each of 2 tries")
    assert found == {unit: Done(unit, unit * unit) for unit in range(12) if unit != 3}


def test_a_hanging_unit_is_given_up_and_a_long_one_is_not(two_workers: Cluster) -> None:
    make = functools.partial(hangs_at, 4)
    found = {each.unit: each for each in run(two_workers, make, range(6), tries=1, patience=1.0)}
    assert found.pop(4) == Done(4, None, "the worker gave no sign of life for 1 s")
    assert found == {unit: Done(unit, unit * unit) for unit in range(6) if unit != 4}


def refuses() -> Callable[[int], int]:
    def work(unit: int) -> int:
        raise InputError("is a\nhaiku", f"/films/{unit}.mp4", "write prose")

    return work


def cannot_begin() -> Callable[[int], int]:
    raise InputError("no models", None, "fetch them")


def test_an_error_arrives_whole(two_workers: Cluster) -> None:
    with pytest.raises(InputError) as caught:
        list(run(two_workers, refuses, [5]))
    assert type(caught.value) is InputError
    assert (caught.value.what, caught.value.path) == ("is a\nhaiku", "/films/5.mp4")
    assert caught.value.hint == "write prose"
    with pytest.raises(InputError, match=r"^no models \(fetch them\)$"):
        list(run(two_workers, cannot_begin, [5]))


def dies_at_once() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_workers_that_cannot_begin_end_the_run(
    two_workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ResourceError, match="workers cannot begin: the worker died"):
        list(run(two_workers, dies_at_once, [1]))
    mine = avsynth.__version__
    monkeypatch.setattr(avsynth, "__version__", "0.0.0")
    with pytest.raises(ResourceError) as caught:
        list(run(two_workers, squares, [1]))
    assert caught.value.what == f"a worker has avsynth {mine}, this machine 0.0.0"


def sees_small_ones() -> Callable[[int], int]:
    def work(unit: int) -> int:
        if 0 <= unit < 5:
            raise NotHere
        return unit

    return work


def test_what_a_worker_does_not_see_comes_in_another_form(two_workers: Cluster) -> None:
    found = run(two_workers, sees_small_ones, range(8), tries=1, instead=lambda unit: -unit - 1)
    assert {each.unit: each.result for each in found} == {
        unit: -unit - 1 if unit < 5 else unit for unit in range(8)
    }


def test_the_local_cluster_is_this_machines_alone(two_workers: Cluster) -> None:
    """Every port is bound to loopback, and every process asks for a token."""
    listening = 0
    processes = psutil.Process().children(recursive=True)
    for process in [psutil.Process(), *processes]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker of an earlier run
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    listening += 1
                    assert connection.laddr.ip.removeprefix("::ffff:") == "127.0.0.1", process
    assert listening >= 3
    raylet = next(each for each in processes if each.is_running() and each.name() == "raylet")
    settings = raylet.environ()
    assert settings["RAY_AUTH_MODE"] == "token" and len(settings["RAY_AUTH_TOKEN"]) == 64
    assert settings["RAY_USAGE_STATS_ENABLED"] == "0"


# A run of its own, that is interrupted by Ctrl-C while a unit is being done.
INTERRUPTED = """
import sys, time
from avsynth.cluster.engine import Cluster, run
def make():
    return lambda unit: time.sleep(unit) or unit
for done in run(Cluster("local", 1), make, [0, 600]):
    print("begun", flush=True)
"""


def test_nothing_is_left_running_after_an_interruption() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    theirs = psutil.Process(child.pid).children(recursive=True)
    raylet = next(each for each in theirs if each.name() == "raylet")
    folder = Path(raylet.environ()["TMPDIR"])
    assert folder.name.startswith("avsynth-") and folder.is_dir()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert said.rstrip().endswith("KeyboardInterrupt")
    _, alive_still = psutil.wait_procs(theirs, timeout=10)
    assert not alive_still
    assert not folder.exists()


ADDRESSES = """
import sys
from avsynth.cluster.engine import Cluster, run
from avsynth.errors import AvsynthError
for address in sys.argv[1:]:
    try:
        list(run(Cluster(address), lambda: abs, [1]))
    except AvsynthError as error:
        print(int(error.exit_code), error)
"""


def test_a_wrong_address_is_said_at_once() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", ADDRESSES, "nonsense", "127.0.0.1:1", "ray://127.0.0.1:1", "x:y"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert [line[0] for line in said] == ["2", "7", "7", "2"]
    assert "'nonsense': is no address of a cluster (local, auto, HOST:6379" in said[0]
    assert "'127.0.0.1:1': the cluster does not answer: Connection refused" in said[1]
    assert "'ray://127.0.0.1:1': the cluster does not answer" in said[2]
    assert done.stderr == "" and time.monotonic() - began < 50
