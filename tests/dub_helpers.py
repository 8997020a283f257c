"""What tests of dubbing share: media made from the demo person, consent, the command line."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.media import Box, EncoderSettings, Frame, Writer, probe, read_audio, read_frames
from avsynth.media.writer import video_like
from avsynth.pipelines.demonstrate import demo_media
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

PERSON, LINE = demo_media()
FRAMES = 50  # of the short person


@functools.cache
def shared_folder() -> Path:
    """One folder for all tests of a run, with a home of its own; removed at the end."""
    holder = tempfile.TemporaryDirectory(prefix="avsynth-tests-")
    shared_folder.holder = holder  # type: ignore[attr-defined]
    return Path(holder.name)


@pytest.fixture(autouse=True)
def _private_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """One home for all tests that dub, so that they may share what was made and signed."""
    monkeypatch.setenv("AVSYNTH_HOME", str(shared_folder() / "home"))


@functools.cache
def short_person(suffix: str = ".mp4", pix_fmt: str = "yuv420p", frames: int = FRAMES) -> Path:
    """The first two seconds of the demo person, with its sound."""
    path = shared_folder() / f"person-{pix_fmt}-{frames}{suffix}"
    return write_person(path, frames, pix_fmt)


def write_person(path: Path, frames: int, pix_fmt: str = "yuv420p", copies: int = 1) -> Path:
    """The demo person's first frames; ``copies`` of the person side by side."""
    like = video_like(360 * copies, 288, 25, pix_fmt)
    settings = EncoderSettings.for_source(like, crf=12, out=path)
    with Writer(path, like, settings, audio_rate=22050) as writer, read_frames(PERSON) as source:
        for _, frame in zip(range(frames), source, strict=False):
            writer.write(np.ascontiguousarray(np.tile(frame.rgb(), (1, copies, 1))))
        samples = np.concatenate([chunk.samples for chunk in read_audio(PERSON, 22050)])
        writer.write_audio(samples[: frames * 882])
    return path


def grey(path: Path, frames: int = 12, size: tuple[int, int] = (128, 96)) -> Path:
    """A film without a face."""
    with Writer(path, video_like(*size, 25)) as writer:
        for number in range(frames):
            writer.write(np.full((size[1], size[0], 3), 60 + number, np.uint8))
    return path


@functools.cache
def consent_for(video: Path, kind: str = "synthetic") -> Path:
    """A record of this machine that covers one file."""
    out = shared_folder() / f"{video.parent.name}-{video.name}-{kind}.json"
    return write_consent(video, out, kind)


def write_consent(video: Path, out: Path, kind: str = "synthetic", **more: Any) -> Path:
    """The same, anywhere, with more said."""
    if kind == "dataset":
        record = consents.new_dataset("tests", "CC-BY-4.0", [video], **more)
    else:
        nearest = Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1)
        record = consents.new_synthetic(
            "nobody", [video], nearest, ["demonstration", "commercial"], **more
        )
    consents.save(consents.sign(record), out)
    return out


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error, after the lines that say which stage was reached."""
        lines = [line for line in self.err.splitlines() if not line.endswith(" ...")]
        assert len(lines) == 1 and lines[0].startswith("avsynth: "), self.err
        assert "Traceback" not in self.err and self.out == ""
        return lines[0]


def command(*arguments: object) -> Done:
    """Run the command line in this process, from its entry."""
    from avsynth.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    argv = ["avsynth", *(os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments)]
    with (
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())


def process(*arguments: object, **more: Any) -> Done:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "avsynth", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120, **more,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def times_of(path: Path) -> list[Any]:
    """Exact times of all frames, in seconds."""
    with read_frames(path) as frames:
        return [frame.time for frame in frames]


def planes_of(path: Path) -> Iterator[list[NDArray[Any]]]:
    """Native planes of every frame."""
    with read_frames(path) as frames:
        for frame in frames:
            yield frame.planes()


def same_pictures(first: Path, second: Path) -> bool:
    """Whether two films decode to the very same frames at the same times."""
    if times_of(first) != times_of(second):
        return False
    return all(
        all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
        for a, b in zip(planes_of(first), planes_of(second), strict=True)
    )


@dataclass
class Painted:
    """Which pixels of which frame were written to, while a job ran."""

    masks: dict[int, NDArray[np.bool_]] = field(default_factory=dict)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Note the masks of every ``Frame.put``."""
        put = Frame.put

        def noting(frame: Frame, box: Box, rgb: Any, mask: Any) -> None:
            seen = self.masks.setdefault(
                frame.pts, np.zeros((frame.height, frame.width), dtype=bool)
            )
            inside = box.clip(frame.width, frame.height)
            rows, columns = inside.slices
            y, x = inside.y0 - box.y0, inside.x0 - box.x0
            seen[rows, columns] |= mask[y : y + inside.height, x : x + inside.width] > 0
            put(frame, box, rgb, mask)

        with mock.patch.object(Frame, "put", noting):
            yield


def leftovers(folder: Path, *expected: Path) -> list[str]:
    """Names in a folder that should not be there."""
    return sorted({path.name for path in folder.iterdir()} - {path.name for path in expected})


def seconds(path: Path) -> float:
    """Length of a film by its container."""
    return float(probe(path).duration or 0)
