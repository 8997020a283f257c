"""The house: what may import what, and that importing does no work."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import avsynth
import detectors

ROOT = Path(avsynth.__file__).parents[1]
MODULES = sorted(
    module.name
    for package in (avsynth, detectors)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)

# Imports everything in one process and tells what it cost: files, threads, sockets, devices.
PROBE = """
import builtins, importlib, socket, sys, threading
opened, real = [], builtins.open
def watched(file, mode='r', *a, **k):
    if set(mode) & set('wxa+') and file != '/dev/null':  # dill, which torch imports, tries that
        opened.append(str(file))
    return real(file, mode, *a, **k)
builtins.open = watched
def no(*a, **k): raise AssertionError('a socket was opened')
socket.socket.connect = no
from pathlib import Path
for name in sys.argv[1:]:
    importlib.import_module(name)
    heavy = {'mediapipe', 'librosa', 'face_alignment', 'openvino', 'c2pa', 'ctranslate2',
             'tensorflow', 'sklearn', 'matplotlib'} & set(sys.modules)
    assert not heavy, (name, heavy)
ours = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
assert not ours, ours
assert not opened, opened
if 'torch' in sys.modules:
    import torch
    assert not torch.cuda.is_initialized()
print('fine')
"""


def test_importing_does_no_work(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *MODULES],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.endswith("fine\n"), done.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []


def test_imports_run_downward() -> None:
    lint = pytest.importorskip("importlinter.cli")
    assert lint.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_only_media_touches_pyav() -> None:
    for path in (ROOT / "avsynth").rglob("*.py"):
        if path.parent.name != "media":
            words = [line.split() for line in path.read_text().splitlines()]
            assert not any(
                line[:1] in (["import"], ["from"]) and line[1].split(".")[0] == "av"
                for line in words
            ), path


def test_the_package_is_typed_and_its_data_are_shipped() -> None:
    package = Path(avsynth.__file__).parent
    for name in ("py.typed", "report.schema.json", "pipelines/demo/person.mp4",
                 "pipelines/demo/line.flac", "pipelines/demo/nearest.json",
                 "weights/shipped/manifest.json"):  # fmt: skip
        assert (package / name).is_file(), name
    shipped = sum(p.stat().st_size for p in (package / "pipelines" / "demo").iterdir())
    assert shipped < 1_000_000
