"""What is attached to decoded pictures."""

from __future__ import annotations

from typing import Any

from av.video.frame import VideoFrame


def side_data(frame: VideoFrame) -> dict[str, bytes]:
    """Everything attached to a picture, by the library's name of its type."""
    # Asking ties a picture to its own side data for good, planes and all: a tiny copy is asked.
    tiny = frame.reformat(16, 16, "gray", threads=1)
    container: Any = tiny.side_data  # a mapping whose iteration yields the data, not the keys
    return {data.type.name: bytes(data) for data in container}
