"""How pictures are encoded: settings, their choice for a source, and the encoder itself."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av.codec.codec
import av.container
from av.codec.context import Flags
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from avsynth.errors import InputError, UsageError
from avsynth.media.colour import GBR, UNSPECIFIED, matrix_for
from avsynth.media.info import ColourTags, VideoInfo
from avsynth.media.opening import StrPath
from avsynth.media.planes import native_format, planar_format
from avsynth.media.scheduling import ordinary_scheduling

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9",
             "ffv1": "ffv1"}  # fmt: skip
_BY_SUFFIX = {  # others hold them all
    ".webm": ("av1", "vp9"),
    ".mov": ("h264", "hevc"),
    ".mp4": ("h264", "hevc", "av1", "vp9"),
    ".m4v": ("h264", "hevc", "av1", "vp9"),
}
_LIMITED = 1  # range of code values, by H.273
_MAX_CRF = 51  # of H.264 and HEVC
_GOP_SECONDS = 4  # longest distance between key frames


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What the encoder is told. All segments of a job share one of these.

    Attributes:
        codec: "h264", "hevc", "vp9", "av1" or "ffv1" (always lossless).
        crf: Constant quality, lower is better; unused when lossless.
        preset: Speed of x264 and x265 ("veryfast", "medium", ...); a number for av1 and vp9.
        lossless: Decodes to the very planes that went in (not av1).
        threads: Encoder threads; 0 for as many as there are processors.
        pix_fmt: Pixel format of the planes that are encoded.
    """

    codec: str = "h264"
    crf: int = 18
    preset: str = "veryfast"
    lossless: bool = False
    threads: int = 0
    pix_fmt: str = "yuv420p"

    def __post_init__(self) -> None:
        if self.codec not in _ENCODERS:
            raise UsageError(f"unknown video codec {self.codec!r}", hint=", ".join(_ENCODERS))
        if self.lossless and self.codec == "av1":
            raise UsageError("av1 cannot be lossless here", hint="use ffv1, h264, hevc or vp9")
        if self.codec in ("h264", "hevc"):
            if self.crf > _MAX_CRF and not self.lossless:
                raise UsageError(f"--crf {self.crf}: with --codec {self.codec} at most {_MAX_CRF}")
            if self.preset.isdigit():
                raise UsageError(
                    f"--preset {self.preset}: --codec {self.codec} takes words",
                    hint="such as veryfast; numbers are for vp9 and av1",
                )

    @staticmethod
    def for_source(
        info: VideoInfo,
        codec: str | None = None,
        crf: int = 18,
        preset: str = "veryfast",
        lossless: bool = False,
        threads: int = 0,
        out: StrPath | None = None,
    ) -> EncoderSettings:
        """Settings that keep the source's bit depth and chroma format.

        8-bit R'G'B' becomes 4:2:0 unless that is to be without loss.

        The first of H.264, HEVC, AV1, VP9 and FFV1 that holds the source's planes, size included
        (the first two take no odd sizes with subsampled chroma), and that goes into ``out``. Where
        none does, the closest format of the first.

        Args:
            info: The source.
            codec: To insist on a codec.
            crf: See the class.
            preset: See the class.
            lossless: See the class.
            threads: See the class.
            out: The file that it is for; a .webm holds only VP9 and AV1, a .mov H.264 and HEVC,
                and FFV1 goes into a .mkv alone.

        Raises:
            InputError: nobody knows what the source's planes are, as none of its pictures decodes.
            UsageError: no codec can hold the source's planes, or ``out`` cannot hold the codec.
        """
        if info.pix_fmt == "unknown":
            raise InputError("no picture in it can be decoded")
        wanted = native_format(info.pix_fmt)
        layout = planar_format(wanted)
        if layout.kind == "gbr" and layout.depth == 8 and not lossless and codec != "ffv1":
            wanted = "yuv420p"  # such as a GIF: no chroma planes to keep, and this plays anywhere
        suffix = Path(out).suffix.lower() if out is not None else ""
        choices = _BY_SUFFIX.get(suffix, tuple(_ENCODERS))
        if codec in _ENCODERS and codec not in choices:
            raise UsageError(
                f"a {suffix} file cannot hold --codec {codec}",
                out,
                f"use {' or '.join(choices)}, or write .mkv",
            )
        choices = (codec,) if codec is not None else choices
        if lossless:
            choices = tuple(choice for choice in choices if choice != "av1")
        size = info.coded_width, info.coded_height
        for exact in (True, False):
            for choice in choices:
                fitting = wanted if exact else _closest(choice, wanted)
                if fitting in _formats(choice) and _takes_size(choice, fitting, *size):
                    return EncoderSettings(choice, crf, preset, lossless, threads, fitting)
        raise UsageError(
            f"{' and '.join(choices)} cannot hold {wanted} pictures of {size[0]}x{size[1]}",
            hint="write .mkv, or choose another codec",
        )

    def options(self) -> dict[str, str]:
        """Options of the encoder library."""
        if self.codec == "ffv1":
            return {"level": "3", "slicecrc": "1"}
        if self.codec == "vp9":
            quality = {"lossless": "1"} if self.lossless else {"crf": str(self.crf), "b": "0"}
            speed = self.preset if self.preset.isdigit() else "7"
            return {**quality, "deadline": "realtime", "cpu-used": speed, "row-mt": "1"}
        if self.codec == "av1":
            # Its quality scale is wider: 28 looks like 18 of x264.
            speed = self.preset if self.preset.isdigit() else "10"
            threads = f"lp={self.threads or os.cpu_count() or 1}"
            return {"crf": str(self.crf + 10), "preset": speed, "svtav1-params": threads}
        if self.codec == "hevc":
            # Open groups of pictures would refer across the joins of segments.
            params = "log-level=none:open-gop=0:repeat-headers=0"
            if self.lossless:
                params += ":lossless=1"
            if self.threads:
                params += f":pools={self.threads}"
            return {"preset": self.preset, "crf": str(self.crf), "x265-params": params}
        # Without its own thread the look-ahead is slower by little, and every run is the same.
        if self.lossless:
            return {"preset": self.preset, "qp": "0", "x264-params": "open-gop=0:sync-lookahead=0"}
        return {
            "preset": self.preset,
            "crf": str(self.crf),
            "x264-params": "open-gop=0:sync-lookahead=0",
        }


@lru_cache(maxsize=8)
def _formats(codec: str) -> frozenset[str]:
    if codec not in _ENCODERS:
        raise UsageError(f"unknown video codec {codec!r}", hint=", ".join(_ENCODERS))
    found = av.codec.codec.Codec(_ENCODERS[codec], "w").video_formats or []
    return frozenset(video_format.name for video_format in found)


def _closest(codec: str, wanted: str) -> str:
    kinds = {"gbr"} if planar_format(wanted).kind == "gbr" else {"yuv", "gray"}
    planar = sorted(name for name in _formats(codec) if native_format(name) == name)
    offered = [name for name in planar if planar_format(name).kind in kinds] or planar
    best, _ = av.codec.codec.find_best_pix_fmt_of_list(offered, wanted)
    return wanted if best is None else best.name


def _takes_size(codec: str, pix_fmt: str, width: int, height: int) -> bool:
    layout = planar_format(pix_fmt)
    whole = width % (1 << layout.shift_x) == 0 and height % (1 << layout.shift_y) == 0
    return whole or codec not in ("h264", "hevc")


def tags_of(settings: EncoderSettings, source: VideoInfo) -> ColourTags:
    """Colour tags of what the settings encode: the source's, but where R'G'B' becomes Y'CbCr."""
    if source.colour.space != GBR or planar_format(settings.pix_fmt).kind == "gbr":
        return source.colour
    space = matrix_for(UNSPECIFIED, source.coded_width, source.coded_height)
    return replace(source.colour, range=_LIMITED, space=space)


class VideoEncoder:
    """A video stream of an output container, fed with pictures in native planes."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        settings: EncoderSettings,
        like: VideoInfo,
    ) -> None:
        """Add the stream; tags, aspect ratio and clock are those of ``like``.

        Args:
            container: Where.
            settings: How.
            like: Describes the source. Its coded size is the size of the pictures.
        """
        if settings.codec == "av1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only; it has no other switch
        rate = like.average_rate if 0 < like.average_rate <= 1000 else Fraction(25)
        stream: Any = container.add_stream(
            _ENCODERS[settings.codec],
            rate=rate,
            options=settings.options(),
            width=like.coded_width,
            height=like.coded_height,
            time_base=like.time_base,
        )
        stream.time_base = like.time_base
        colour = tags_of(settings, like)
        context = stream.codec_context
        context.pix_fmt = settings.pix_fmt
        context.time_base = like.time_base
        context.framerate = rate
        context.sample_aspect_ratio = like.sample_aspect_ratio
        context.color_range = colour.range
        context.colorspace = colour.space
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        context.gop_size = max(1, round(rate * _GOP_SECONDS))
        context.thread_count = settings.threads
        context.thread_type = "AUTO"
        context.flags |= Flags.closed_gop
        if like.interlaced:
            context.flags |= Flags.interlaced_dct
            context.field_order = 2  # top field first, the usual; each picture carries its own
        if not like.orientation.is_identity:
            stream.set_display_matrix(like.orientation.matrix())
        self.stream: VideoStream = stream
        self._size = like.coded_width, like.coded_height
        self._settings = settings
        self._matrix: dict[str, Any] = {}
        if colour != like.colour:
            space = Colorspace.ITU709 if colour.space == 1 else Colorspace.ITU601
            self._matrix = {"dst_colorspace": space, "dst_color_range": ColorRange.MPEG}
        self._scaler = VideoReformatter()
        if settings.codec == "av1":
            with ordinary_scheduling():
                context.open()

    def encode(self, raw: VideoFrame | None, pts: int = 0) -> list[Packet[Any]]:
        """Encode a picture shown at ``pts`` (in the stream's time base); None flushes."""
        if raw is None:
            return list(self.stream.encode(None))
        if (raw.width, raw.height) != self._size or raw.format.name != self._settings.pix_fmt:
            raw = self._scaler.reformat(
                raw,
                *self._size,
                self._settings.pix_fmt,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
                threads=1,
                **self._matrix,
            )
        raw.pts = pts
        raw.dts = None
        raw.time_base = self.stream.codec_context.time_base
        raw.pict_type = 0  # the decoder's, which would force the encoder's hand
        return list(self.stream.encode(raw))
