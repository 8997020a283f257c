"""A look: one sampled frame with the faces in it. A burst: a few frames in a row.

Detectors share what is cut from a frame: a crop of a face is made once, whoever asks first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avsynth.face.crops import DROP, SPAN, CropTransform, crop_track
from avsynth.face.track import TrackedFace
from avsynth.media import Frame

Picture = NDArray[np.uint8]
_Key = tuple[int, int, float, float]


@dataclass
class Look:
    """One sampled frame.

    Attributes:
        frame: as decoded, at full resolution.
        index: of the frame in the file, from 0.
        time: of the frame, seconds.
        faces: as tracked, oldest track first.
    """

    frame: Frame
    index: int
    time: float
    faces: list[TrackedFace]
    _cut: dict[_Key, tuple[CropTransform, Picture]] = field(default_factory=dict, repr=False)

    def face(self, track: int) -> TrackedFace | None:
        """The face of one track in this frame."""
        return next((face for face in self.faces if face.track_id == track), None)

    def crop(
        self, face: TrackedFace, size: int, span: float = SPAN, drop: float = DROP
    ) -> tuple[CropTransform, Picture]:
        """The aligned square of a face, uint8 (size, size, 3), and the way to it.

        ``span`` and ``drop`` as in ``avsynth.face.crops.crop_track``: the square's side, and how
        far its centre lies below the middle of the upper face, in distances of the eye corners.
        """
        key = (face.track_id, size, span, drop)
        if key not in self._cut:
            (transform,) = crop_track(face.points[None], size, span, drop)
            box = transform.bounds(self.frame.width, self.frame.height)
            rgb = self.frame.rgb(box)
            self._cut[key] = transform, transform.warp(rgb, box.x0, box.y0)
        return self._cut[key]


@dataclass
class Burst:
    """A few frames of one shot in a row, sampled from a file.

    ``looks`` follow each other in the file without a gap (a single one for a still picture);
    ``stands_for`` is the stretch of the file that the burst was drawn from, in seconds.
    """

    number: int
    looks: list[Look]
    stands_for: float

    @property
    def time(self) -> float:
        """Middle of the burst, seconds."""
        return (self.looks[0].time + self.looks[-1].time) / 2

    def tracks(self) -> Iterator[tuple[int, list[tuple[Look, TrackedFace]]]]:
        """Each track that is seen in the burst, with the looks at it in order."""
        seen: dict[int, list[tuple[Look, TrackedFace]]] = {}
        for look in self.looks:
            for face in look.faces:
                seen.setdefault(face.track_id, []).append((look, face))
        yield from seen.items()
