"""Trivial properties of a media file, of its pictures and its sound, and its fingerprints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from avsynth import __version__
from avsynth.errors import AvsynthError, InputError
from avsynth.media import MediaInfo, probe, read_audio, read_frames, sha256_file
from avsynth.media.opening import demuxed, open_input
from detectors.audit.fingerprints import picture_hash, sound_hash
from detectors.audit.sound_properties import sound_properties

if TYPE_CHECKING:
    from avsynth.face.detect import FaceDetector

#: So much of a file's sound is heard, seconds.
LONGEST_S = 600
_FRAMES = 4
_FACE_SIDE = 640  # pictures are scaled down to it before faces are looked for


class Record(BaseModel):
    """What an audit knows of one file.

    ``properties`` are numbers by name; ``kinds`` are words, such as the codec; ``pictures`` and
    ``sound`` are fingerprints; ``error`` why the file could not be read. ``made_by`` is the version
    of the package: another one may measure differently.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: int
    modified_ns: int
    faces: bool
    properties: dict[str, float] = {}
    kinds: dict[str, str] = {}
    sha256: str = ""
    pictures: tuple[str, ...] = ()
    sound: str = ""
    error: str | None = None
    made_by: str = __version__


def record(path: Path, name: str, faces: FaceDetector | None) -> Record:
    """Properties and fingerprints of a file; ``name`` is what the record calls it.

    Numbers: see ``sound_properties`` for sound. Of the file: ``file_bytes``, ``file_kbps``,
    ``metadata_tags``, ``exif`` (1 where a picture has it). Of video: ``width``, ``height``,
    ``frame_rate``, ``video_kbps``, ``video_s``, ``key_frame_s`` (between the first two), and of
    four frames ``brightness``, ``sharpness`` (log variance of the Laplacian), ``face_height``
    (pixels) and ``face_share`` (of the picture's height). Sound besides: ``sample_rate``,
    ``channels``. What is not known is left out.
    """
    state = path.stat()
    empty = Record(
        path=name, size=state.st_size, modified_ns=state.st_mtime_ns, faces=faces is not None
    )
    try:
        info = probe(path)
        properties, kinds = _of_file(path, info)
        pictures: tuple[str, ...] = ()
        sound = ""
        if info.video is not None:
            found, pictures = _of_pictures(path, info, faces)
            properties |= found
        if info.audio:
            with suppress(InputError):  # a stream that cannot be decoded leaves its gap
                found, sound = _of_sound(path, info)
                properties |= found
        sha256 = sha256_file(path)
    except AvsynthError as error:
        return empty.model_copy(update={"error": error.what})
    known = {name: value for name, value in properties.items() if math.isfinite(value)}
    return empty.model_copy(
        update={"properties": known, "kinds": kinds, "sha256": sha256, "pictures": pictures,
                "sound": sound}
    )  # fmt: skip


def _of_file(path: Path, info: MediaInfo) -> tuple[dict[str, float], dict[str, str]]:
    duration = float(info.duration or 0)
    found = {
        "file_bytes": float(info.size_bytes),
        "file_kbps": info.size_bytes * 8 / duration / 1000 if duration else math.nan,
        "metadata_tags": float(len(info.metadata)),
    }
    kinds = {"container": info.container, "suffix": path.suffix.lower()}
    if "encoder" in info.metadata:
        kinds["encoder"] = info.metadata["encoder"][:40]
    if info.video is None and info.audio:
        kinds["audio codec"] = info.audio[0].codec
    elif info.video is not None:
        kinds["video codec"], found["key_frame_s"] = _coding(path)
        kinds["pixels"] = info.video.pix_fmt
        kinds["audio codec"] = info.audio[0].codec if info.audio else "none"
        if info.container.endswith("_pipe") or info.container == "image2":
            found["exif"] = float(b"Exif\0\0" in path.open("rb").read(65536))
    return found, kinds


def _coding(path: Path) -> tuple[str, float]:
    """Codec with its profile, and seconds between the first two key frames, NaN for one alone."""
    with open_input(path) as container:
        stream = next(iter(container.streams.video))
        context = stream.codec_context
        profile: Any = getattr(context, "profile", None)
        keys = []
        for packet in demuxed(container, stream):
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if len(keys) == 2 or (packet.pts or 0) * (stream.time_base or 0) > 30:
                break
    distance = (keys[1] - keys[0]) * float(stream.time_base or 0) if len(keys) == 2 else math.nan
    return f"{context.codec.canonical_name} {profile or ''}".strip(), distance


def _of_pictures(
    path: Path, info: MediaInfo, faces: FaceDetector | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    import cv2

    video = info.video
    assert video is not None
    length = float(video.duration or info.duration or 0)
    found = {
        "width": float(video.width),
        "height": float(video.height),
        "frame_rate": float(video.average_rate) or math.nan,
        "video_kbps": video.bit_rate / 1000 if video.bit_rate else math.nan,
        "video_s": length,
    }
    shown = list(_some_frames(path, video.start, length, video.time_base))
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in shown]
    if greys:
        found["brightness"] = float(np.mean([grey.mean() for grey in greys]))
        found["sharpness"] = float(
            np.mean([math.log(cv2.Laplacian(grey, cv2.CV_64F).var() + 1) for grey in greys])
        )
    heights = [_face_height(picture, faces) for picture in shown] if faces else []
    known = [height for height in heights if height]
    if faces is not None:
        found["face_height"] = float(np.mean(known)) if known else math.nan
        found["face_share"] = found["face_height"] / video.height
    return found, tuple(picture_hash(picture) for picture in shown)


def _some_frames(
    path: Path, start: Fraction, length: float, base: Fraction
) -> Iterator[NDArray[np.uint8]]:
    """Four frames at fixed places of the file, one of a still."""
    places = [(n + 0.5) / _FRAMES * length for n in range(_FRAMES)] if length > 0.2 else [0.0]
    for place in places:
        first = int((start + Fraction(place).limit_denominator(1000)) / base)
        with suppress(InputError):  # a damaged place
            frame = next(iter(read_frames(path, first if place else None, threads=1)), None)
            if frame is not None:
                yield frame.rgb()


def _face_height(picture: NDArray[np.uint8], faces: FaceDetector) -> float:
    """Of the largest face, pixels; 0 without one."""
    import cv2

    factor: float = min(1.0, _FACE_SIDE / max(picture.shape[:2]))
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if factor < 1 else picture
    boxes = faces.detect(np.ascontiguousarray(small, np.uint8))
    return float(max((box.height for box in boxes), default=0.0)) / factor


def _of_sound(path: Path, info: MediaInfo) -> tuple[dict[str, float], str]:
    rate = info.audio[0].rate
    stop = info.audio[0].start + LONGEST_S
    samples = np.concatenate([chunk.samples for chunk in read_audio(path, rate, stop=stop)])
    found = sound_properties(samples, rate)
    found |= {"sample_rate": float(rate), "channels": float(info.audio[0].channels)}
    return found, sound_hash(samples, rate)
