"""Small real files of every kind that can be signed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

MakeMedia = Callable[..., Path]


@pytest.fixture
def make_media(tmp_path: Path) -> MakeMedia:
    """``make_media("a.mp4", seed=1)`` writes a small real file and returns its path."""

    def make(name: str, seed: int = 0) -> Path:
        path = tmp_path / name
        rng = np.random.default_rng(seed)
        suffix = path.suffix[1:]
        if suffix in ("jpg", "png", "webp"):
            assert cv2.imwrite(str(path), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        elif suffix in ("wav", "flac", "ogg", "mp3"):
            soundfile.write(path, 0.1 * rng.standard_normal(8000), 16000)
        elif suffix == "m4a":
            _sound(path, rng)
        else:
            _video(path, rng)
        return path

    return make


def _video(path: Path, rng: np.random.Generator) -> None:
    with av.open(str(path), "w") as container:
        codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            rgb = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def _sound(path: Path, rng: np.random.Generator) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        samples = (0.1 * rng.standard_normal((1, 4096))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
