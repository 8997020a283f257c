"""``Writer``: frames and samples into one file, for demos, benches and tests."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import av.container
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.media.audio import Samples
from avsynth.media.audio_encoding import AudioEncoder, audio_codec_for
from avsynth.media.colour import GBR
from avsynth.media.encoding import EncoderSettings, VideoEncoder
from avsynth.media.frame import Frame
from avsynth.media.info import ColourTags, VideoInfo
from avsynth.media.opening import StrPath
from avsynth.media.orientation import Orientation
from avsynth.media.output import atomic_output, close_quietly, writing
from avsynth.media.planes import native_format, planar_format

_BT709 = ColourTags(range=1, space=1, primaries=1, transfer=1)


def video_like(
    width: int,
    height: int,
    rate: Fraction | int = 25,
    pix_fmt: str = "yuv420p",
    time_base: Fraction | None = None,
    rotation: int = 0,
) -> VideoInfo:
    """A description for pictures that come from no file: BT.709, limited range, square pixels.

    Args:
        width: Columns as displayed.
        height: Rows as displayed.
        rate: Frames a second.
        pix_fmt: Planar pixel format.
        time_base: Seconds a tick; one frame where it is left out.
        rotation: Clockwise turn from the stored to the displayed picture.
    """
    orientation = Orientation(rotation)
    coded = orientation.size(width, height)
    layout = planar_format(native_format(pix_fmt))
    return VideoInfo(
        index=0,
        codec="rawvideo",
        width=width,
        height=height,
        coded_width=coded[0],
        coded_height=coded[1],
        orientation=orientation,
        pix_fmt=pix_fmt,
        bit_depth=layout.depth,
        time_base=time_base or 1 / Fraction(rate),
        average_rate=Fraction(rate),
        frames=None,
        start=Fraction(0),
        duration=None,
        interlaced=False,
        variable_rate=False,
        colour=replace(_BT709, space=GBR) if layout.kind == "gbr" else _BT709,
        sample_aspect_ratio=Fraction(1),
    )


class Writer:
    """Context manager that writes one video stream, one audio stream, or both.

    The file appears under its name when the ``with`` block ends well.

        with Writer("out.mp4", video_like(640, 360), audio_rate=16000) as writer:
            for picture in pictures:  # uint8 (360, 640, 3)
                writer.write(picture)
            writer.write_audio(samples)
    """

    def __init__(
        self,
        path: StrPath,
        like: VideoInfo | None = None,
        settings: EncoderSettings | None = None,
        audio_rate: int | None = None,
        channels: int = 1,
        audio_codec: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Prepare; nothing is opened before ``__enter__``.

        Args:
            path: Output; the container follows from the suffix.
            like: The video stream (of ``probe`` or ``video_like``); None for sound alone.
            settings: Its encoder; chosen for ``like`` where left out.
            audio_rate: Samples a second; None for pictures alone.
            channels: Audio channels.
            audio_codec: Encoder name; chosen by the container where left out.
            metadata: Tags of the file.

        Raises:
            UsageError: neither video nor audio.
        """
        if like is None and audio_rate is None:
            raise UsageError("neither video nor audio to write", path)
        self._path = path
        self._like = like
        self._settings = settings
        self._audio = audio_rate, channels, audio_codec
        self._metadata = metadata or {}
        self._scaler = VideoReformatter()
        self._next = Fraction(0)

    def __enter__(self) -> Self:
        rate, channels, codec = self._audio
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_output(self._path))
            container: av.container.OutputContainer = av.open(str(temporary), "w")
            stack.callback(close_quietly, container)
            container.metadata.update(self._metadata)
            if self._like is not None:
                if self._settings is None:
                    self._settings = EncoderSettings.for_source(self._like, out=self._path)
                self._video = VideoEncoder(container, self._settings, self._like)
            if rate is not None:
                codec = codec or audio_codec_for(self._path)
                self._sound = AudioEncoder(container, codec, rate, channels)
            self._container = container
            self._stack = stack.pop_all()
        return self

    def write(self, picture: Frame | NDArray[np.uint8], pts: int | None = None) -> None:
        """Add a frame.

        Args:
            picture: A ``Frame``, or R'G'B' as uint8 (H, W, 3) in display orientation.
            pts: Time in ``like.time_base`` units; else the frame's own, or one frame after the
                picture before it.

        Raises:
            UsageError: the writer was made for sound alone.
        """
        if self._like is None:
            raise UsageError("this writer was made without video", self._path)
        base = self._like.time_base
        if pts is None and isinstance(picture, Frame):
            pts = round(picture.time / base)
        elif pts is None:
            pts = round(self._next / base)
        self._next = pts * base + 1 / (self._like.average_rate or Fraction(25))
        raw = picture.raw if isinstance(picture, Frame) else self._from_rgb(picture, self._like)
        with writing(self._path):
            self._container.mux(self._video.encode(raw, pts))

    def write_audio(self, samples: Samples, time: Fraction | None = None) -> None:
        """Add samples, float32 (n,) or (n, channels), nominally -1 to 1.

        Args:
            samples: What follows on the samples before.
            time: Seconds of the first sample of all; heeded in the first call only.

        Raises:
            UsageError: the writer was made for pictures alone.
        """
        if self._audio[0] is None:
            raise UsageError("this writer was made without audio", self._path)
        with writing(self._path):
            self._container.mux(self._sound.encode(samples, time))

    def _from_rgb(self, picture: NDArray[np.uint8], like: VideoInfo) -> VideoFrame:
        stored = np.ascontiguousarray(like.orientation.to_stored(picture))
        frame = VideoFrame.from_ndarray(stored, "rgb24")
        return self._scaler.reformat(
            frame,
            format=self._settings.pix_fmt if self._settings else like.pix_fmt,
            dst_colorspace={1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(like.colour.space, 5),
            src_color_range=2,
            dst_color_range=like.colour.range or 1,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with writing(self._path):
                if kind is None and self._like is not None:
                    self._container.mux(self._video.encode(None))
                if kind is None and self._audio[0] is not None:
                    self._container.mux(self._sound.flush())
                if kind is None:
                    self._container.close()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
