"""What ``probe`` tells about a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from avsynth.media.orientation import Orientation


@dataclass(frozen=True, slots=True)
class ColourTags:
    """Colour description as the numbers of ISO/IEC 23091-2 (H.273); 2 means unspecified.

    ``range`` is 0 unspecified, 1 limited ("tv"), 2 full ("pc").
    """

    range: int = 0
    space: int = 2
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The main video stream.

    ``width`` and ``height`` are in display orientation; ``coded_width`` and ``coded_height`` are
    those of the stored planes. ``rotation`` is how far the stored picture is turned clockwise for
    display. ``frames`` is what the container claims to show. ``average_rate`` is 0 when unknown,
    and never to be used as a clock. ``variable_rate`` is None where only a full scan could tell.
    """

    index: int
    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    orientation: Orientation
    pix_fmt: str
    bit_depth: int
    time_base: Fraction
    average_rate: Fraction
    frames: int | None
    start: Fraction
    duration: Fraction | None
    interlaced: bool
    variable_rate: bool | None
    colour: ColourTags
    sample_aspect_ratio: Fraction
    bit_rate: int | None = None
    mastering: dict[str, bytes] = field(default_factory=dict)
    """HDR side data of the first frame (mastering display, content light level), raw."""

    @property
    def rotation(self) -> int:
        """Clockwise turn from stored to displayed picture: 0, 90, 180 or 270."""
        return self.orientation.rotation


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """One audio stream; ``start`` is the time of its first packet, in seconds."""

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    start: Fraction
    duration: Fraction | None
    language: str | None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a media file holds. Times are seconds as fractions."""

    path: str
    container: str
    duration: Fraction | None
    video: VideoInfo | None
    audio: tuple[AudioInfo, ...]
    subtitles: int
    chapters: int
    metadata: dict[str, str]
    size_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """The same, ready for JSON: fractions as strings such as ``"30000/1001"``."""
        found = {name: _plain(value) for name, value in asdict(self).items()}
        if self.video is not None:
            found["video"]["rotation"] = self.video.rotation
            found["video"]["mastering"] = sorted(self.video.mastering)
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value
