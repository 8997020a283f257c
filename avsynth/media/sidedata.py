"""What is attached to decoded pictures."""

from __future__ import annotations

import struct
from typing import Any

from av.video.frame import VideoFrame

from avsynth.media.orientation import Orientation


def side_data(frame: VideoFrame) -> dict[str, bytes]:
    """Everything attached to a picture, by the library's name of its type.

    Where one of the types has no name in this PyAV, as EXIF has none, all that can be told is how
    the picture is turned.
    """
    # Asking ties a picture to its own side data for good, planes and all: a tiny copy is asked.
    tiny = frame.reformat(16, 16, "gray", threads=1)
    try:
        container: Any = tiny.side_data  # a mapping whose iteration yields the data, not the keys
    except ValueError:
        turned = Orientation(-frame.rotation % 360)
        return {"DISPLAYMATRIX": struct.pack("<9i", *turned.matrix())}
    return {data.type.name: bytes(data) for data in container}
