"""A clip under the conditions of a recording, written as a file for a command to work on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from factors import Steps, value
from numpy.typing import NDArray

from avsynth.media import EncoderSettings, Writer, video_like
from avsynth.media.resampling import Resampler
from detectors.corruptions import Corruption, corrupt_film, corrupt_sound

Film = NDArray[np.uint8]
Samples = NDArray[np.float32]

_GAMMA = 2.2
_KNOWN_PICTURE = {"blur": "blur", "noise": "noise"}
_KNOWN_SOUND = {"loudness": "loudness", "room": "reverberation", "hiss": "hiss"}


def disturb_film(film: Film, steps: Steps) -> Film:
    """A film uint8 (T, H, W, 3) as a worse camera would have taken it; its size may shrink.

    In the order of a camera: how it is held, what falls out of the picture, light, focus, noise of
    the sensor, resolution. What ``steps`` does not name stays as it is.
    """
    if steps.get("roll"):
        film = _rolled(film, value(steps, "roll"))
    if steps.get("off-centre"):
        film = film[:, :, round(film.shape[2] * value(steps, "off-centre")) :]
    if steps.get("exposure"):
        linear = np.power(np.arange(256) / 255.0, _GAMMA) * 2.0 ** value(steps, "exposure")
        film = np.rint(255.0 * np.power(linear, 1 / _GAMMA)).astype(np.uint8)[film]
    for name, corruption in _KNOWN_PICTURE.items():
        if steps.get(name):
            film = corrupt_film(film, Corruption(corruption, steps[name]))
    return _smaller(film, value(steps, "resolution") if "resolution" in steps else 1.0)


def disturb_sound(samples: Samples, rate: int, steps: Steps) -> tuple[Samples, int]:
    """Sound float32 (N,) as a worse room, microphone and recorder would have kept it; its rate."""
    for name, corruption in _KNOWN_SOUND.items():
        if steps.get(name):
            samples = corrupt_sound(samples, rate, Corruption(corruption, steps[name]))
    wanted = int(value(steps, "sample rate")) if "sample rate" in steps else rate
    if wanted < rate:
        resampler = Resampler(rate, wanted)
        samples = np.concatenate([resampler.push(samples), resampler.flush()])
        rate = wanted
    if steps.get("sound bitrate"):
        samples = corrupt_sound(samples, rate, Corruption("mp3", steps["sound bitrate"]))
    return np.clip(samples, -1.0, 1.0).astype(np.float32), rate


def write_film(
    out: Path, film: Film, steps: Steps, samples: Samples | None = None, rate: int = 16_000
) -> Path:
    """Write a film, and its sound if it has one, at 25 frames a second and the bitrate's step."""
    like = video_like(film.shape[2], film.shape[1], Fraction(25))
    crf = int(value(steps, "picture bitrate")) if "picture bitrate" in steps else 12
    settings = EncoderSettings("h264", crf=crf, preset="veryfast", threads=1)
    sound = {} if samples is None else {"audio_rate": rate, "audio_codec": "pcm_s16le"}
    with Writer(out, like, settings, **sound) as writer:
        if samples is not None:
            writer.write_audio(samples)
        for picture in film:
            writer.write(np.ascontiguousarray(picture))
    return out


def write_picture(out: Path, rgb: Film) -> Path:
    """Store a picture (h, w, 3) without loss."""
    cv2.imwrite(str(out), np.ascontiguousarray(rgb[..., ::-1]))
    return out


def write_sound(out: Path, samples: Samples, rate: int) -> Path:
    """Write sound, 16 bits, uncompressed."""
    with Writer(out, audio_rate=rate, audio_codec="pcm_s16le") as writer:
        writer.write_audio(samples)
    return out


def _rolled(film: Film, degrees: float) -> Film:
    height, width = film.shape[1:3]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.stack(
        [
            cv2.warpAffine(p, turn, (width, height), flags=cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REPLICATE)
            for p in film
        ]
    ).astype(np.uint8)  # fmt: skip


def _smaller(film: Film, factor: float) -> Film:
    """Scaled, to even sides, as encoders want them."""
    height, width = (max(round(side * factor / 2) * 2, 2) for side in film.shape[1:3])
    if (height, width) == film.shape[1:3]:
        return film
    scaled = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in film]
    return np.stack(scaled).astype(np.uint8)
