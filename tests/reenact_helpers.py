"""What tests of reenactment share: pictures and drivers made from the demo person."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from dub_helpers import PERSON, shared_folder
from numpy.typing import NDArray

from avsynth.media import EncoderSettings, Writer, read_audio, read_frames
from avsynth.media.writer import video_like
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

Bytes = NDArray[np.uint8]
FRAMES = 16  # of the usual driver
NEAREST = Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1)


@functools.cache
def person() -> tuple[Bytes, ...]:
    """The demo person's first frames, 288 x 360."""
    with read_frames(PERSON) as frames:
        return tuple(frame.rgb() for _, frame in zip(range(60), frames, strict=False))


@functools.cache
def portrait() -> Path:
    """A picture of the demo person."""
    return save(shared_folder() / "portrait.png", person()[30])


@functools.cache
def driver() -> Path:
    """A short film of the demo person, with sound."""
    return film(shared_folder() / "driver.mp4", list(person()[:FRAMES]), sound=True)


def save(path: Path, rgb: Bytes) -> Path:
    """A picture file."""
    cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]))
    return path


def film(
    path: Path, pictures: list[Bytes], times: list[int] | None = None, sound: bool = False
) -> Path:
    """A film of ``pictures``, 25 a second or shown at ``times`` in thousandths of a second."""
    height, width = pictures[0].shape[:2]
    base = None if times is None else Fraction(1, 1000)
    like = video_like(width, height, 25, time_base=base)
    settings = EncoderSettings.for_source(like, crf=12, out=path)
    with Writer(path, like, settings, audio_rate=22050 if sound else None) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, None if times is None else times[number])
        if sound:
            samples = np.concatenate([chunk.samples for chunk in read_audio(PERSON, 22050)])
            writer.write_audio(samples[: len(pictures) * 882])
    return path


def covers(out: Path, *media: Path, kind: str = "synthetic") -> Path:
    """A record of this machine that covers some files."""
    if kind == "dataset":
        record = consents.new_dataset("tests", "CC-BY-4.0", media)
    else:
        purposes = ["demonstration", "commercial"]
        record = consents.new_synthetic("nobody", media, NEAREST, purposes)
    consents.save(consents.sign(record), out)
    return out


@functools.cache
def record() -> Path:
    """A record that covers the usual picture and driver."""
    return covers(shared_folder() / "reenact.json", portrait(), driver())
