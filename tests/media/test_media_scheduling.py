"""Encoding AV1 does not make the process a real-time one (as root, SVT-AV1 would)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from fractions import Fraction
import numpy as np
from avsynth.media.encoding import EncoderSettings
from avsynth.media.writer import Writer, video_like

def policies():
    threads = os.listdir("/proc/self/task")
    return {os.sched_getscheduler(int(thread)) for thread in threads}

with Writer(sys.argv[1], video_like(128, 128), EncoderSettings(codec="av1", preset="10")) as writer:
    for number in range(3):
        writer.write(np.zeros((128, 128, 3), np.uint8), number)
        print(*policies())
print(*policies())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the encoder does so on Linux alone")
def test_av1_leaves_the_scheduling_alone(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.mkv")],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert set(made.stdout.split()) == {str(os.sched_getscheduler(0))}, made.stderr
