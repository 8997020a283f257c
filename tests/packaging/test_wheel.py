"""The wheel: all that the packages need and nothing else, and it runs without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import avsynth
from avsynth.weights import list_weights

pytestmark = pytest.mark.slow
pytest.importorskip("setuptools", reason="the build backend is not installed")
pytest.importorskip("pip", reason="pip is not installed")

ROOT = Path(__file__).parents[2]
LARGEST = 100_000_000
PACKAGES = ("avsynth", "detectors")


def tracked() -> list[str]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("this is not a checkout")
    names = [name.decode() for name in done.stdout.split(b"\0") if name]
    return [name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves a build folder, from which old files would come back."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-index",
               "--no-build-isolation", "--quiet", "-w", str(folder / "dist")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [found] = (folder / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    about = f"avsynth-{avsynth.__version__}.dist-info/"
    inside = {name for name in names if not name.startswith(about)}
    wanted = {name for name in tracked() if name.startswith(tuple(f"{p}/" for p in PACKAGES))}
    assert inside == wanted  # no tests, no recipes; every schema, template, page and picture
    assert {f"avsynth/weights/shipped/{entry.file}" for entry in list_weights()} <= inside
    assert {f"avsynth/weights/shipped/{entry.card}" for entry in list_weights()} <= inside
    assert f"{about}licenses/LICENSE" in names


def test_it_is_small_enough_and_for_every_platform(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST
    assert wheel.name == f"avsynth-{avsynth.__version__}-py3-none-any.whl"


def test_it_promises_the_extras_and_the_command(unpacked: Path) -> None:
    [about] = unpacked.glob("*.dist-info")
    lines = (about / "METADATA").read_text("utf-8").splitlines()
    extras = {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert extras == set(project["optional-dependencies"])
    assert "Requires-Python: <3.13,>=3.11" in lines
    assert "avsynth = avsynth.cli.main:main" in (about / "entry_points.txt").read_text("utf-8")


#: Runs what follows on the command line with the network closed.
CLOSED = """
import socket, sys
def refuse(self, address):
    raise AssertionError(f"it tried to reach {address}")
socket.socket.connect = refuse
import avsynth
assert avsynth.__file__.startswith(sys.argv[1]), avsynth.__file__
if sys.argv[2:]:
    sys.argv = ["avsynth", *sys.argv[2:]]
    from avsynth.cli.main import main
    main()
"""
EVERY_MODULE = """
import importlib, pkgutil, detectors
for package in (avsynth, detectors):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def run(unpacked: Path, folder: Path, *arguments: str, code: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "AVSYNTH_HOME": str(folder / "home")}
    empty = folder / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CLOSED + code, str(unpacked), *arguments],
        capture_output=True, text=True, cwd=empty, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(empty.iterdir())
    return done.stdout


def test_every_module_can_be_imported_from_it(unpacked: Path, tmp_path: Path) -> None:
    run(unpacked, tmp_path, code=EVERY_MODULE)


def test_it_runs_from_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    assert run(unpacked, tmp_path, "--version") == f"avsynth {avsynth.__version__}\n"


def test_its_weights_load(unpacked: Path, tmp_path: Path) -> None:
    said = json.loads(run(unpacked, tmp_path, "doctor", "--json"))
    assert {w["name"]: w["state"] for w in said["weights"]} == {
        entry.name: "ok" for entry in list_weights()
    }
