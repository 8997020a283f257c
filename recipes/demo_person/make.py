"""Make the demo person: a talking face of nobody, averaged from several GRID speakers.

For every frame of one driver's clip, each speaker contributes the moment of their own whose mouth
and head are most like the driver's; all are warped to the mean face moved by the driver's motion,
and averaged. Nobody in the data looks like the result; ``config.yaml`` says who went in.

    python recipes/demo_person/make.py --grid GRID_FOLDER --out avsynth/pipelines/demo
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.spatial import Delaunay

from avsynth.face.mesh import EYE_OUTER, LIPS_INNER, LIPS_OUTER
from avsynth.face.track import FaceTracker
from avsynth.face.warp import Triangulation
from avsynth.media import EncoderSettings, Writer, probe, read_frames, video_like

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Config(BaseModel):
    """Typed ``config.yaml``; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")

    width: int
    height: int
    people: list[str]  # GRID speakers whose texture is averaged
    clips_per_person: int
    driver: list[str]  # clip names, one after the other
    sentence: str  # what the original sound says (read by espeak-ng)
    line: str  # the new line of the demo
    voice: str
    new_voice: str


@dataclass(frozen=True)
class Face:
    """A frame with its landmarks, float32 (478, 2), pixels."""

    rgb: Bytes
    points: Floats


def main() -> None:
    """Make person.mp4 and line.flac."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, required=True, help="folder with grid.csv and clips")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.yaml"))
    arguments = parser.parse_args()
    config = Config.model_validate(yaml.safe_load(arguments.config.read_text()))
    rows = list(csv.DictReader((arguments.grid.parent / "grid.csv").open()))
    people = {
        person: [
            face
            for row in [r for r in rows if r["person"] == person][: config.clips_per_person]
            for face in faces(arguments.grid.parent / row["file"])
        ]
        for person in config.people
    }
    driver = [faces(arguments.grid / clip) for clip in config.driver]
    frames = composite(people, driver, config)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write(frames, config, arguments.out)


def faces(clip: Path) -> list[Face]:
    """All frames of a clip in which the face was found."""
    video = probe(clip).video
    assert video is not None
    found = []
    with FaceTracker(video.width, video.height, max_faces=1) as tracker:
        for number, frame in enumerate(read_frames(clip)):
            rgb = frame.rgb()
            for face in tracker.update(number, rgb):
                found.append(Face(rgb, face.points[:, :2].astype(np.float32)))
    return found


def aligned(points: Floats, width: int, height: int) -> Floats:
    """Points moved, turned and scaled so that the eyes are where portraits have them."""
    right, left = points[list(EYE_OUTER)]
    across = complex(*(left - right))
    wanted = complex(0.24 * height, 0.0)
    turn = wanted / across
    z = (points[:, 0] + 1j * points[:, 1] - complex(*((left + right) / 2))) * turn
    return np.stack([z.real + width / 2, z.imag + 0.44 * height], axis=1).astype(np.float32)


def shape(points: Floats, mean: Floats) -> Floats:
    """What must be alike for a frame to stand in for another: lips and head pose."""
    lips = points[[*LIPS_OUTER, *LIPS_INNER]]
    nose = points[1] - points[list(EYE_OUTER)].mean(axis=0)
    base = mean[[*LIPS_OUTER, *LIPS_INNER]]
    return np.concatenate([((lips - lips.mean(0)) - (base - base.mean(0))).ravel(), 3 * nose])


def composite(
    people: dict[str, list[Face]], driver: list[list[Face]], config: Config
) -> list[Bytes]:
    """The mean face of ``people``, moved as the driver moves in one clip after the other."""
    size = config.width, config.height
    placed = {name: np.stack([aligned(f.points, *size) for f in fs]) for name, fs in people.items()}
    means = {name: np.median(p, axis=0) for name, p in placed.items()}
    mean = np.mean(list(means.values()), axis=0)
    own = _joined([np.stack([f.points for f in clip]) for clip in driver])
    moves = _steady(_joined([np.stack([aligned(f.points, *size) for f in c]) for c in driver]))
    frame_of = np.array([mean + (m - np.median(moves, axis=0)) for m in moves])
    shift = _steady(own[:, list(EYE_OUTER)].mean(axis=1, keepdims=True))
    frame_of += 0.6 * (shift - shift.mean(axis=0))
    corners = _border(*size)
    mesh = Triangulation(Delaunay(np.concatenate([mean, corners])).simplices.astype(np.int32))
    shapes = {n: np.stack([shape(p, means[n]) for p in ps]) for n, ps in placed.items()}
    driver_mean = np.median(moves, axis=0)
    result = []
    chosen = dict.fromkeys(people, -1)
    for target, move in zip(frame_of, moves, strict=True):
        wanted = shape(move, driver_mean)
        raster = mesh.raster(np.concatenate([target, corners]), *size)
        layers = []
        for name, candidates in shapes.items():
            distance = np.linalg.norm(candidates - wanted, axis=1)
            if chosen[name] >= 0:
                distance[chosen[name]] *= (
                    0.8  # stay with a picture unless another is clearly nearer
                )
            chosen[name] = int(distance.argmin())
            face = people[name][chosen[name]]
            source = np.concatenate([face.points, _source_border(face, corners, size)])
            x, y = mesh.sampling_map(raster, source)
            layers.append(cv2.remap(face.rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
        result.append(_before_backdrop(_average(layers), target))
    return _calm(result)


def _joined(clips: list[Floats], ease: int = 12) -> Floats:
    """Clips one after the other; the jump at each join is spread over the next frames."""
    track = clips[0]
    for clip in clips[1:]:
        jump = track[-1] - clip[0]
        fading = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, ease))
        eased = clip.copy()
        eased[:ease] += fading[:, None, None].astype(np.float32) * jump
        track = np.concatenate([track, eased])
    return track


def _steady(track: Floats) -> Floats:
    """Light smoothing along time, both ways, so nothing lags."""
    taps = np.array([0.25, 0.5, 0.25])
    padded = np.concatenate([track[:1], track, track[-1:]])
    return sum(t * padded[i : i + len(track)] for i, t in enumerate(taps)).astype(np.float32)


def _border(width: int, height: int) -> Floats:
    xs, ys = np.linspace(0, width - 1, 5), np.linspace(0, height - 1, 5)
    edge = [(x, y) for x in xs for y in ys if x in (0, width - 1) or y in (0, height - 1)]
    return np.array(edge, dtype=np.float32)


def _source_border(face: Face, corners: Floats, size: tuple[int, int]) -> Floats:
    """Where the picture's edge lies in a speaker's own frame, by the eyes alone."""
    right, left = face.points[list(EYE_OUTER)]
    back = complex(*(left - right)) / complex(0.24 * size[1], 0.0)
    z = (corners[:, 0] - size[0] / 2 + 1j * (corners[:, 1] - 0.44 * size[1])) * back
    z += complex(*((left + right) / 2))
    return np.stack([z.real, z.imag], axis=1).astype(np.float32)


def _average(layers: list[Bytes]) -> Bytes:
    """Mean in linear light, sharpened by what averaging took away."""
    light = np.mean([(layer / 255.0) ** 2.2 for layer in layers], axis=0) ** (1 / 2.2) * 255.0
    blurred = cv2.GaussianBlur(light, (0, 0), 1.6)
    return np.clip(light + 0.7 * (light - blurred) + 0.5, 0, 255).astype(np.uint8)


def _before_backdrop(frame: Bytes, points: Floats) -> Bytes:
    """Blur all but the head: averaged clothes and hair are ghosts, and no part of the demo."""
    height, width = frame.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    centre, radius = (low + high) / 2, (high - low) / 2
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(
        (x - centre[0]) / (radius[0] * 1.45), (y - centre[1] + 0.16 * radius[1]) / (radius[1] * 1.5)
    )
    sharp = np.clip((1.12 - away) / 0.24, 0.0, 1.0)[..., None]
    soft = cv2.GaussianBlur(frame, (0, 0), 11).astype(np.float32) * 0.9
    return np.clip(soft + (frame - soft) * sharp + 0.5, 0, 255).astype(np.uint8)


def _calm(frames: list[Bytes]) -> list[Bytes]:
    """A little mixing in time: the speakers change pictures at different moments."""
    stack = [f.astype(np.float32) for f in frames]
    calm = []
    for i, frame in enumerate(stack):
        before, after = stack[max(i - 1, 0)], stack[min(i + 1, len(stack) - 1)]
        calm.append(
            np.clip(0.2 * before + 0.6 * frame + 0.2 * after + 0.5, 0, 255).astype(np.uint8)
        )
    return calm


def say(text: str, voice: str, out: Path, seconds: float | None = None) -> None:
    """Read a text with espeak-ng into a 16 kHz FLAC, stretched to ``seconds`` by its speed."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "line.wav"
        for speed in range(110, 260, 5):
            command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(wav), text]
            subprocess.run(command, check=True, capture_output=True)
            samples, rate = soundfile.read(wav, dtype="float32")
            if (seconds is None and speed >= 150) or (seconds and len(samples) / rate <= seconds):
                break
        soundfile.write(out, samples, rate, subtype="PCM_16")


def write(frames: list[Bytes], config: Config, out: Path) -> None:
    """Encode the person with the original sound, and the new line beside it."""
    say(config.line, config.new_voice, out / "line.flac")
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "original.flac"
        say(config.sentence, config.voice, sound, len(frames) / 25)
        samples, rate = soundfile.read(sound, dtype="float32")
    settings = EncoderSettings(codec="h264", crf=20, preset="slow")
    like = video_like(config.width, config.height, 25)
    with Writer(out / "person.mp4", like, settings, audio_rate=rate) as writer:
        for frame in frames:
            writer.write(frame)
        writer.write_audio(samples)


if __name__ == "__main__":
    main()
