"""The line with ``torchrun`` that the page on training gives, at toy size on two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT
from safetensors.numpy import load_file

from avsynth.training import pack
from avsynth.weights import file as weights_file

pytestmark = pytest.mark.slow


def buzzing(folder: Path) -> Path:
    """A speech pack of three voices that hum."""
    clips, sounds, pitches = [], [], []
    for person, hertz in enumerate((100.0, 130.0, 160.0)):
        clips.append(
            pack.Clip(
                name=f"c{person}", source="made", person=f"p{person}", licence="none",
                split="dev" if person == 2 else "train", purpose="commercial",
                start=50 * person, rows=50,
            )
        )  # fmt: skip
        turns = hertz * np.arange(50 * 160) / 16_000
        hum = sum(np.cos(2 * np.pi * k * turns) / k for k in range(1, 11))
        sounds.append(np.round(1600 * hum).astype(np.int16).reshape(-1, 160))
        pitches.append(np.full(50, hertz, np.float32))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=tuple(clips)))
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_array(folder, "pitch", np.concatenate(pitches))
    return folder


def test_two_ranks_train_one_network(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            "recipes/vocoder/train.py", "--pack", str(buzzing(tmp_path / "pack")),
            "--config", "recipes/vocoder/debug.yaml", "--out", str(out), "--device", "cpu",
        ],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert weights_file.read(out / "vocoder-debug.safetensors").metadata["steps"] == 6
    first, second = (load_file(out / f"checkpoint{rank}.safetensors") for rank in ("", "1"))
    assert first.keys() == second.keys() and len(first) > 20
    networks = [name for name in first if first[name].dtype.kind == "f"]
    assert all(np.array_equal(first[name], second[name]) for name in networks)
    # Each saw windows of its own: equal networks are no accident of equal data.
    logs = [(out / name).read_text("utf-8") for name in ("log.jsonl", "rank1/log.jsonl")]
    assert logs[0] != logs[1]
