"""A short film through a lossy encoder and back, in memory: what publishing does to pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

import av
import av.codec
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Film = NDArray[np.uint8]
FilmCodec = Literal["h264", "hevc", "mpeg4", "vp9"]

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mpeg4": "mpeg4", "vp9": "libvpx-vp9"}
_RATE = 25


def recode_film(film: Film, crf: int, codec: FilmCodec = "h264", preset: str = "veryfast") -> Film:
    """Encode and decode a film.

    Args:
        film: uint8 (T, H, W, 3), RGB; H and W of any size (padded to even ones on the way).
        crf: quality, 0 (best) to 51 (worst); for "mpeg4" it is turned into a quantiser of 2 to 31.
        codec: the format.
        preset: speed of x264 and x265.

    Returns:
        uint8 of the same shape. Colours go through 4:2:0. Runs in one thread, so that the same
        film gives the same bytes. ValueError for an empty film or an unknown codec.
    """
    if film.ndim != 4 or film.shape[-1] != 3 or 0 in film.shape:
        raise ValueError(f"a film is (frames, height, width, 3), not {film.shape}")
    if codec not in _ENCODERS:
        raise ValueError(f"no film codec is called {codec!r}; known: {', '.join(_ENCODERS)}")
    height, width = film.shape[1:3]
    even = np.pad(film, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    encoder = _encoder(codec, even.shape[2], even.shape[1], crf, preset)
    decoder: Any = av.codec.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    pictures = list(_through(even, encoder, decoder))
    if len(pictures) != len(film):
        raise ValueError(f"{codec} gave {len(pictures)} pictures for {len(film)}")
    return np.stack(pictures)[:, :height, :width]


def _encoder(codec: FilmCodec, width: int, height: int, crf: int, preset: str) -> VideoCodecContext:
    encoder: Any = av.codec.CodecContext.create(_ENCODERS[codec], "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, _RATE), Fraction(_RATE)
    encoder.thread_count = 1
    options = {"crf": str(crf), "preset": preset}
    if codec == "hevc":
        options["x265-params"] = "log-level=none:pools=none:frame-threads=1"
    elif codec == "vp9":
        # Its scale of quality runs to 63 and is a little more lenient.
        level = str(min(63, crf * 63 // 51))
        options = {"crf": level, "b": "0", "cpu-used": "8", "lag-in-frames": "0"}
    elif codec == "mpeg4":
        quantiser = str(int(np.clip(round(2.0 ** ((crf - 12) / 6.0)), 2, 31)))
        options = {"qmin": quantiser, "qmax": quantiser}
    encoder.options = options
    made: VideoCodecContext = encoder
    return made


def _through(film: Film, encoder: VideoCodecContext, decoder: VideoCodecContext) -> Iterator[Film]:
    packets = []
    for number, picture in enumerate(film):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, _RATE)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    if encoder.extradata and not decoder.extradata:
        decoder.extradata = encoder.extradata
    for packet in [*packets, None]:
        for frame in decoder.decode(packet):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
