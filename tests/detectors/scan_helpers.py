"""Media of every awkward kind, and detectors that tell what they were shown."""

from __future__ import annotations

import functools
import itertools
import os
import struct
import time
import zlib
from collections.abc import Sequence
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.media import AudioChunk, MediaInfo, read_frames
from avsynth.pipelines.demonstrate import demo_media
from detectors import Burst, Evidence
from detectors.base import Subject
from detectors.pool import Order, scan_all

PERSON, LINE = demo_media()


class Witness:
    """Counts what it is shown; a score on demand, or an error."""

    def __init__(
        self, subject: Subject = "file", name: str = "witness", fails: str | None = None
    ) -> None:
        self.name, self.subject, self._fails = name, subject, fails
        self.starts = 0
        self._forget()

    def _forget(self) -> None:
        self.bursts: list[list[tuple[int, float, int]]] = []
        self.stretches: list[float] = []
        self.sound: list[tuple[float, int, int]] = []
        self.order: list[float] = []
        self.shots: list[set[int]] = []

    def _step(self, name: str) -> None:
        if self._fails == name:
            raise ArithmeticError(f"no good in {name}")

    def start(self, info: MediaInfo) -> None:
        self.starts += 1
        self._forget()
        self._step("start")

    def update_faces(self, burst: Burst) -> None:
        self._step("update_faces")
        self.bursts.append([(look.index, look.time, len(look.faces)) for look in burst.looks])
        self.shots.append({face.shot for look in burst.looks for face in look.faces})
        self.stretches.append(burst.stands_for)
        self.order.append(burst.looks[-1].time)

    def update_audio(self, chunk: AudioChunk) -> None:
        self._step("update_audio")
        self.sound.append((float(chunk.time), chunk.rate, len(chunk.samples)))
        self.order.append(float(chunk.end))

    def finish(self) -> Evidence:
        self._step("finish")
        found = len(self.bursts) + len(self.sound)
        return Evidence(
            self.name, float(found), np.zeros(0), np.zeros(0, np.float32), subject=self.subject
        )

    @property
    def faces(self) -> list[int]:
        """Faces in every frame that was looked at."""
        return [count for burst in self.bursts for _, _, count in burst]

    @property
    def heard(self) -> float:
        """Seconds of sound."""
        return sum(count / rate for _, rate, count in self.sound)


@functools.cache
def person_frames() -> list[NDArray[np.uint8]]:
    """The demo person's first pictures: three seconds."""
    return [frame.rgb() for frame in itertools.islice(read_frames(PERSON), 75)]


def write_film(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    times: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 25),
    sound: NDArray[np.float32] | None = None,
    codec: str = "libx264",
    rotation: int = 0,
    rate: int = 16000,
) -> Path:
    """A film of pictures at times, with sound."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream(codec, rate=25, width=width, height=height)
        video.codec_context.pix_fmt = "yuv420p"
        video.time_base = video.codec_context.time_base = base
        video.codec_context.gop_size = 12
        video.codec_context.options = {"preset": "ultrafast", "crf": "18"}
        if rotation:
            video.set_display_rotation(-rotation)
        track: Any = None
        if sound is not None:
            track = output.add_stream("aac", rate=rate)
            track.codec_context.layout = "mono"
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = base
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound is not None:
            for begin in range(0, len(sound), 1024):
                block = av.AudioFrame.from_ndarray(
                    sound[None, begin : begin + 1024], "fltp", "mono"
                )
                block.sample_rate, block.pts, block.time_base = rate, begin, Fraction(1, rate)
                output.mux(track.encode(block))
            output.mux(track.encode(None))
    return path


def tone(seconds: float, rate: int = 16000) -> NDArray[np.float32]:
    """A quiet sine."""
    return (0.2 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)).astype("f4")


def grey(count: int, width: int = 96, height: int = 64) -> list[NDArray[np.uint8]]:
    """Pictures of nothing."""
    return [np.full((height, width, 3), 90 + number % 9, np.uint8) for number in range(count)]


def png_bomb(path: Path, side: int = 60000) -> Path:
    """A small PNG that claims to be enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def gif_bomb(path: Path) -> Path:
    """A GIF whose screen is 65535 a side."""
    small = path.with_suffix(".small.gif")
    write_gif(small, grey(3))
    data = bytearray(small.read_bytes())
    data[6:10] = struct.pack("<HH", 65535, 65535)
    path.write_bytes(bytes(data))
    small.unlink()
    return path


def write_gif(path: Path, frames: Sequence[NDArray[np.uint8]]) -> Path:
    """An animated GIF."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("gif", rate=10, width=width, height=height)
        stream.codec_context.pix_fmt = "rgb8"
        for rgb in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        output.mux(stream.encode(None))
    return path


def write_still(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """A picture."""
    _, data = cv2.imencode(path.suffix, rgb[..., ::-1])
    path.write_bytes(data.tobytes())
    return path


def fragile(connection: Connection, order: Order) -> None:
    """A worker that dies of files called "dies", and stays still over those called "hangs"."""

    class Between:
        """The connection, with an ear for names."""

        def recv(self) -> Any:
            item = connection.recv()
            if "dies" in Path(item.path).name:
                os.kill(os.getpid(), 9)
            if "hangs" in Path(item.path).name:
                time.sleep(60)
            return item

        def send(self, found: object) -> None:
            connection.send(found)

    scan_all(Between(), order)  # type: ignore[arg-type]
