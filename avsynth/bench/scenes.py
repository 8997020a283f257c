"""The films that are dubbed for the timing tables, made from the demo person."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from avsynth.errors import UsageError
from avsynth.media import EncoderSettings, Writer, read_audio, read_frames, video_like
from avsynth.pipelines.demonstrate import demo_media


@dataclass(frozen=True)
class Scene:
    """A video to be made for the bench."""

    name: str
    width: int
    height: int
    rate: Fraction
    seconds: int


SCENES = (
    Scene("360x288 25 fps", 360, 288, Fraction(25), 60),
    Scene("1080p 30 fps", 1920, 1080, Fraction(30), 60),
)
LONG = Scene("1080p 30 fps, 10 min", 1920, 1080, Fraction(30), 600)


def make_scene(scene: Scene, video: Path, speech: Path) -> None:
    """The demo person, repeated and scaled to a size, and the demo line, repeated."""
    person, line = demo_media()
    like = video_like(scene.width, scene.height, scene.rate)
    frames = [frame.rgb() for frame in read_frames(person)]
    # Forwards and backwards in turn, so that no cut ends the track.
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with Writer(video, like, EncoderSettings.for_source(like)) as writer:
        for number in range(int(scene.seconds * scene.rate)):
            shown = frames[order[int(number * 25 / scene.rate) % len(order)]]
            writer.write(_fitted(shown, scene.width, scene.height))
    samples = np.concatenate([chunk.samples for chunk in read_audio(line, 16000)])
    with Writer(speech, audio_rate=16000) as writer:
        for _ in range(-(-scene.seconds * 16000 // len(samples))):
            writer.write_audio(samples)


def _fitted(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scaled to the height, centred, on a grey ground."""
    factor = height / rgb.shape[0]
    scaled = cv2.resize(rgb, (round(rgb.shape[1] * factor), height), interpolation=cv2.INTER_CUBIC)
    if scaled.shape[1] >= width:
        left = (scaled.shape[1] - width) // 2
        return np.ascontiguousarray(scaled[:, left : left + width])
    left = (width - scaled.shape[1]) // 2
    right = width - scaled.shape[1] - left
    return np.pad(scaled, ((0, 0), (left, right), (0, 0)), constant_values=96)


def scenes_named(names: list[str], seconds: int | None, long: bool) -> tuple[Scene, ...]:
    """The scenes asked for: all of ``SCENES`` by default, for ``seconds``, and the long one.

    Raises:
        UsageError: an unknown name.
    """
    known = {scene.name.split()[0]: scene for scene in SCENES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"no scene is called {unknown[0]!r}", hint=f"there are {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    if seconds is not None:
        chosen = [Scene(s.name, s.width, s.height, s.rate, seconds) for s in chosen]
    return (*chosen, LONG) if long else tuple(chosen)
