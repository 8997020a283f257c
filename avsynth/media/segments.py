"""``SegmentWriter``: a stretch of video, encoded on its own, to be joined later."""

from __future__ import annotations

import math
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import av
import av.container

from avsynth.media.encoding import EncoderSettings, VideoEncoder
from avsynth.media.frame import Frame
from avsynth.media.info import VideoInfo
from avsynth.media.opening import StrPath
from avsynth.media.output import atomic_output, close_quietly, writing


def segment_lead(like: VideoInfo) -> int:
    """Ticks added to all times in segment files, which cannot hold times before 0."""
    if like.start >= 0:
        return 0
    return math.ceil((1 - like.start) / like.time_base)


class SegmentWriter:
    """Encodes frames, with their own times, into a file that begins with a key frame.

    Groups of pictures are closed and every segment of the same ``like`` and ``settings`` has the
    same decoder configuration, so that segments can be joined without encoding again. The file is
    in the NUT container, whose clock can be any fraction; it appears under its name when it is
    complete. (Where the source starts before 0, times in the file are ``segment_lead`` later.)
    """

    def __init__(self, path: StrPath, like: VideoInfo, settings: EncoderSettings) -> None:
        """Prepare; nothing is opened before ``__enter__``."""
        self._path = path
        self._like = like
        self._settings = settings
        self._lead = segment_lead(like)
        self._last: int | None = None
        self.frames = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_output(self._path))
            self._container: av.container.OutputContainer = av.open(
                str(temporary),
                "w",
                format="nut",
                # It stores presentation times alone: decoding times before 0 must not shift them.
                container_options={"avoid_negative_ts": "disabled"},
            )
            stack.callback(close_quietly, self._container)
            self._encoder = VideoEncoder(self._container, self._settings, self._like)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: Frame, pts: int | None = None) -> None:
        """Add a frame; ``pts`` replaces its own time (both in ``like.time_base`` units).

        Raises:
            ValueError: times do not increase.
        """
        pts = frame.pts if pts is None else pts
        if self._last is not None and pts <= self._last:
            raise ValueError(f"frame at {pts} after one at {self._last}")
        self._last = pts
        with writing(self._path):
            self._container.mux(self._encoder.encode(frame.raw, pts + self._lead))
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with writing(self._path):
                if kind is None:
                    self._container.mux(self._encoder.encode(None))
                    self._container.close()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
