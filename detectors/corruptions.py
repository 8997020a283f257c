"""What happens to media on their way: seven corruptions of pictures and seven of sound, in steps.

Each has five severities, from what is hardly seen or heard to what still passes for usable.
Pictures (whole frames, R'G'B'; sizes in pixels of the frame):

| name | severities 1 to 5 |
|---|---|
| jpeg | every frame through JPEG 4:2:0 of quality 90, 70, 50, 30, 15 |
| h264 | H.264 of CRF 20, 25, 30, 35, 40 |
| resize | down to 3/4, 1/2, 3/8, 1/4, 1/6 (area), and up again (cubic) |
| blur | Gaussian of standard deviation 0.5, 1, 1.5, 2, 3 |
| noise | Gaussian of standard deviation 2, 4, 8, 12, 16 of 255, each frame and channel its own |
| colour | contrast and saturation times 0.9, 0.8, 0.65, 0.5, 0.35 |
| crop | 2, 4, 6, 9, 12 % cut off each side, the rest scaled to the old size |

Sound (each channel by itself):

| name | severities 1 to 5 |
|---|---|
| mp3 | 128, 96, 64, 48, 32 kb/s |
| aac | 128, 96, 64, 48, 32 kb/s |
| opus | 64, 32, 24, 16, 12 kb/s |
| bandwidth | low-pass at 7, 5.5, 4, 3.4, 2.5 kHz |
| hiss | white noise 30, 25, 20, 15, 10 dB under the sound |
| reverberation | a room of 0.2, 0.4, 0.6, 0.9, 1.3 s |
| loudness | 3, 6, 12, 20, 30 dB softer |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.media.recode_film import recode_film
from avsynth.media.recode_sound import SoundCodec, recode_sound

Film = NDArray[np.uint8]
Samples = NDArray[np.float32]

SEVERITIES = (1, 2, 3, 4, 5)

#: Name -> its setting at severities 1 to 5, in the units of the table above.
PICTURE: dict[str, tuple[float, ...]] = {
    "jpeg": (90, 70, 50, 30, 15),
    "h264": (20, 25, 30, 35, 40),
    "resize": (3 / 4, 1 / 2, 3 / 8, 1 / 4, 1 / 6),
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "noise": (2, 4, 8, 12, 16),
    "colour": (0.9, 0.8, 0.65, 0.5, 0.35),
    "crop": (0.02, 0.04, 0.06, 0.09, 0.12),
}
SOUND: dict[str, tuple[float, ...]] = {
    "mp3": (128, 96, 64, 48, 32),
    "aac": (128, 96, 64, 48, 32),
    "opus": (64, 32, 24, 16, 12),
    "bandwidth": (7000, 5500, 4000, 3400, 2500),
    "hiss": (30, 25, 20, 15, 10),
    "reverberation": (0.2, 0.4, 0.6, 0.9, 1.3),
    "loudness": (3, 6, 12, 20, 30),
}
_WORDS = {
    "jpeg": "JPEG quality {:g}", "h264": "H.264 CRF {:g}", "resize": "down to {:.0%} and up",
    "blur": "blur of {:g} px", "noise": "noise of {:g}/255", "colour": "contrast x {:g}",
    "crop": "{:.0%} off each side", "mp3": "MP3 {:g} kb/s", "aac": "AAC {:g} kb/s",
    "opus": "Opus {:g} kb/s", "bandwidth": "low-pass {:g} Hz", "hiss": "noise {:g} dB under",
    "reverberation": "room of {:g} s", "loudness": "{:g} dB softer",
}  # fmt: skip
#: What the numbers of the settings count.
UNITS = {
    "jpeg": "quality", "h264": "CRF", "resize": "share of its size", "blur": "px",
    "noise": "of 255", "colour": "contrast times", "crop": "share off each side", "mp3": "kb/s",
    "aac": "kb/s", "opus": "kb/s", "bandwidth": "Hz", "hiss": "dB under", "reverberation": "s",
    "loudness": "dB softer",
}  # fmt: skip
_CODECS: dict[str, SoundCodec] = {"mp3": "mp3", "aac": "aac", "opus": "opus"}
_DIRECT_SHARE = 0.5  # of the energy under reverberation comes straight
_FILTER_ORDER = 10


@dataclass(frozen=True, slots=True, order=True)
class Corruption:
    """One corruption at one severity, 1 to 5. UsageError for another name or severity."""

    name: str
    severity: int

    def __post_init__(self) -> None:
        if self.name not in PICTURE and self.name not in SOUND:
            known = ", ".join((*PICTURE, *SOUND))
            raise UsageError(f"no corruption is called {self.name!r}", hint=f"known: {known}")
        if self.severity not in SEVERITIES:
            raise UsageError(f"severity {self.severity} of {self.name}: 1 to 5 are known")

    @property
    def subject(self) -> Literal["picture", "sound"]:
        """What it is done to."""
        return "picture" if self.name in PICTURE else "sound"

    @property
    def setting(self) -> float:
        """Its one number, see the tables of the module."""
        return (PICTURE.get(self.name) or SOUND[self.name])[self.severity - 1]

    @property
    def words(self) -> str:
        """For a reader, such as "H.264 CRF 35"."""
        return _WORDS[self.name].format(self.setting)

    def __str__(self) -> str:
        return f"{self.name}-{self.severity}"


def corruption_named(text: str) -> Corruption:
    """``h264-4`` -> the corruption; UsageError for anything else."""
    name, _, severity = text.rpartition("-")
    if not severity.isdecimal():
        raise UsageError(f"{text!r} is no corruption", hint="such as h264-4 or mp3-3")
    return Corruption(name, int(severity))


def ladder(*names: str) -> tuple[Corruption, ...]:
    """Every severity of ``names``, all of them by default, pictures first."""
    return tuple(
        Corruption(name, severity)
        for name in names or (*PICTURE, *SOUND)
        for severity in SEVERITIES
    )


def corrupt_film(film: Film, corruption: Corruption, seed: int = 0) -> Film:
    """A film uint8 (T, H, W, 3) after a corruption of pictures, same shape; the same every time.

    ``seed`` is of the noise. ValueError for a corruption of sound.
    """
    setting = corruption.setting
    match corruption.name:
        case "jpeg":
            return np.stack([_jpeg(picture, int(setting)) for picture in film])
        case "h264":
            return recode_film(film, int(setting))
        case "resize":
            return np.stack([_resized(picture, setting) for picture in film])
        case "blur":
            return np.stack([_blurred(picture, setting) for picture in film])
        case "noise":
            generator = np.random.default_rng(seed)
            noise = np.rint(generator.standard_normal(film.shape, np.float32) * setting)
            return np.asarray(np.clip(film + noise, 0, 255), np.uint8)
        case "colour":
            return np.stack([_faded(picture, setting) for picture in film])
        case "crop":
            return np.stack([_cropped(picture, setting) for picture in film])
    raise ValueError(f"{corruption} is not of pictures")


def corrupt_sound(samples: Samples, rate: int, corruption: Corruption, seed: int = 0) -> Samples:
    """Sound float32 (N,) or (N, channels) after a corruption of sound, same shape, same timing.

    ``seed`` is of the noise and the room. ValueError for a corruption of pictures.
    """
    if corruption.subject != "sound":
        raise ValueError(f"{corruption} is not of sound")
    columns = np.asarray(samples, np.float32).reshape(len(samples), -1).T
    made = [
        _corrupt_channel(np.ascontiguousarray(column), rate, corruption, seed + number)
        for number, column in enumerate(columns)
    ]
    return np.stack(made, axis=1).reshape(samples.shape)


def _corrupt_channel(sound: Samples, rate: int, corruption: Corruption, seed: int) -> Samples:
    setting = corruption.setting
    generator = np.random.default_rng(seed)
    match corruption.name:
        case "bandwidth":
            return _low_passed(sound, rate, setting)
        case "hiss":
            level = float(np.sqrt(np.mean(np.square(sound)) if len(sound) else 0.0))
            hiss = generator.standard_normal(len(sound), np.float32)
            return np.asarray(sound + level * 10 ** (-setting / 20) * hiss, np.float32)
        case "reverberation":
            return _in_a_room(sound, rate, setting, generator)
        case "loudness":
            return np.asarray(sound * 10 ** (-setting / 20), np.float32)
    return recode_sound(sound, rate, _CODECS[corruption.name], int(setting * 1000))


def _jpeg(picture: Film, quality: int) -> Film:
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return decoded[..., ::-1]


def _resized(picture: Film, factor: float) -> Film:
    height, width = picture.shape[:2]
    small = max(1, round(width * factor)), max(1, round(height * factor))
    down = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(down, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _blurred(picture: Film, deviation: float) -> Film:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.uint8)


def _faded(picture: Film, factor: float) -> Film:
    """Contrast about middle grey and saturation about luma, both times ``factor``."""
    values = picture.astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    faded = luma[..., None] + factor * (values - luma[..., None])
    return np.clip(np.rint(127.5 + factor * (faded - 127.5)), 0, 255).astype(np.uint8)


def _cropped(picture: Film, share: float) -> Film:
    height, width = picture.shape[:2]
    rows, columns = round(height * share), round(width * share)
    inside = picture[rows : height - rows, columns : width - columns]
    return np.asarray(cv2.resize(inside, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _low_passed(sound: Samples, rate: int, limit: float) -> Samples:
    from scipy.signal import butter, sosfiltfilt

    if limit >= 0.49 * rate or len(sound) < 100:
        return sound
    sections = butter(_FILTER_ORDER, limit, fs=rate, output="sos")
    return np.asarray(sosfiltfilt(sections, sound), np.float32)


def _in_a_room(
    sound: Samples, rate: int, seconds: float, generator: np.random.Generator
) -> Samples:
    """Straight sound and noise that decays by 60 dB in ``seconds``, equal in energy."""
    from scipy.signal import oaconvolve

    if not len(sound):
        return sound
    count = max(round(rate * seconds), 2)
    tail = generator.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[0] = 0
    tail *= np.sqrt((1 - _DIRECT_SHARE) / np.square(tail).sum())
    tail[0] = np.sqrt(_DIRECT_SHARE)
    return np.asarray(oaconvolve(sound.astype(np.float64), tail)[: len(sound)], np.float32)
