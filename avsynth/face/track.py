"""Faces followed through a video: one picture at a time, several people, cuts, gaps, crossings.

The mesh network looks where the face was in the frame before, so the detectors run only at the
start of a shot, when somebody was lost, and every so often for newcomers. Everything here is a
pure function of the pictures in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsynth.face.detect import KEYPOINTS, FaceBox, FaceDetector
from avsynth.face.mesh_network import MeshNetwork
from avsynth.face.roi import FloatArray, Picture
from avsynth.face.shots import ShotDetector
from avsynth.face.view import Crop, Sight, View, mesh_roi

_PRESENT = 0.5  # the mesh network's score below which a region holds no face
_BELIEF = 0.5  # least score of a detection, less twice its key points' error in box widths
_NEWCOMERS = 12  # frames between two looks at the whole picture
_NOBODY = 3  # the same while nobody is seen
_DISTANT = 150  # frames between two looks through tiles for small faces
_UNCONFIRMED = 36  # frames a track may go on without any detector seeing its face
_GAP = 20  # frames a lost face is waited for
_SAME_PERSON = 1.5  # strangeness up to which a face is taken for one that was lost


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face in one frame, in display pixels of the full-resolution picture.

    ``points`` (478, 3) float32: x, y with pixel centres at whole numbers, z in pixels, smaller is
    nearer; ``score`` 0..1; ``box`` the upright rectangle around the points.
    """

    track_id: int
    shot: int
    points: FloatArray
    score: float
    box: FaceBox


def wanted_side(width: int, height: int) -> int:
    """Longer side of the small picture to track on, for a video of the given size.

    A face a quarter as high as a 16:9 picture is then large enough for the mesh network; smaller
    ones are cut from the full picture, where ``update`` is given a way to.
    """
    return min(max(width, height), 640)


class FaceTracker:
    """Follows up to ``max_faces`` faces through the frames of one video.

    Use it as a context manager, or close it. One instance serves one thread at a time.
    """

    def __init__(self, width: int, height: int, max_faces: int = 8, threshold: float = 0.5) -> None:
        """``width``, ``height``: the full-resolution picture in display orientation, in pixels.

        ``threshold`` 0..1 is the detectors' score from which a newcomer is believed.
        """
        self.max_faces = max_faces
        self._detector = FaceDetector(threshold)
        self._mesh = MeshNetwork()
        self.begin(width, height)

    def begin(self, width: int, height: int) -> None:
        """Forget what was followed, and begin a video of another size; the networks stay."""
        self.width, self.height = width, height
        self.shot = 0
        self._shots = ShotDetector()
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._next_id = 0
        self._looked: int | None = None
        self._looked_far: int | None = None

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the networks; a second call does nothing."""
        self._mesh.close()
        self._detector.close()

    def update(self, index: int, small: Picture, crop: Crop | None = None) -> list[TrackedFace]:
        """Faces of frame ``index``, oldest track first. Frames must come in rising order.

        ``small`` (h, w, 3) uint8 is the whole picture at any size (see ``wanted_side``).
        ``crop(box)`` gives a rectangle of the full-resolution picture, (H, W, 3) uint8; with it,
        small faces are found and located as well as large ones.
        """
        view = View(small, self.width, self.height, crop)
        if self._shots.update(small):
            self.shot += 1
            self._tracks, self._lost = [], []
            self._looked = self._looked_far = None
        self._follow(index, view)
        self._lost = [track for track in self._lost if index - track.seen <= _GAP]
        if self._due(index):
            self._find(index, view)
        return [
            TrackedFace(track.id, self.shot, track.points, track.score, track.box)
            for track in self._tracks
        ]

    def _follow(self, index: int, view: View) -> None:
        """Locate every track where it was, or where it should be by now."""
        found: dict[int, Sight] = {}
        for track in self._tracks:
            roi = mesh_roi(track.points)
            x, y = track.expected(index)
            dx, dy = x - track.box.centre[0], y - track.box.centre[1]
            if np.hypot(dx, dy) > 0.08 * roi.side:  # less is noise
                roi = roi.shifted(dx, dy)
            sight = view.locate(self._mesh, roi)
            if sight.score >= _PRESENT and _plausible(sight.box, track.box):
                found[track.id] = sight
        _drop_impostors(index, self._tracks, found)
        self._lost += [track for track in self._tracks if track.id not in found]
        self._tracks = [track for track in self._tracks if track.id in found]
        for track in self._tracks:
            track.move(index, found[track.id])

    def _due(self, index: int) -> bool:
        if self._looked is None:
            return True
        wait = _NOBODY if not self._tracks else 2 if self._lost else _NEWCOMERS
        return index - self._looked >= wait

    def _find(self, index: int, view: View) -> None:
        """Look at the whole picture for faces that no track follows."""
        boxes = view.detect(self._detector, near=bool(self._lost) or not self._tracks)
        self._looked = index
        patience = _DISTANT if self._tracks else _DISTANT // 5
        if self._looked_far is None or index - self._looked_far >= patience:
            boxes += view.detect_small(self._detector)
            self._looked_far = index
        self._doubt(index, boxes, view)
        found: list[Sight] = []
        for box in sorted(boxes, key=lambda b: (-b.area, b.x0, b.y0)):
            known = [track.box for track in self._tracks] + [sight.box for sight in found]
            if any(box.same_face(other) for other in known):
                continue
            sight = view.locate(self._mesh, box.roi)
            sight = view.locate(self._mesh, sight.roi)  # now on the mesh's own terms
            if _believable(box, sight) and not any(sight.box.same_face(other) for other in known):
                found.append(sight)
        self._adopt(index, found)

    def _doubt(self, index: int, boxes: list[FaceBox], view: View) -> None:
        """Give up tracks that only the mesh network believes in: it can hang on to foliage."""
        for track in list(self._tracks):
            seen = any(box.same_face(track.box) for box in boxes)
            if seen or view.confirms(self._detector, mesh_roi(track.points)):
                track.confirmed = index
            elif index - track.confirmed >= _UNCONFIRMED:
                self._tracks.remove(track)

    def _adopt(self, index: int, found: list[Sight]) -> None:
        """Give new sights to the tracks that were lost near by; start tracks for the rest."""
        pairs = [
            (cost, track.id, i)
            for track in self._lost
            for i, sight in enumerate(found)
            if (cost := track.strangeness(index, sight)) < _SAME_PERSON
        ]
        taken: set[int] = set()
        for _, track_id, i in sorted(pairs):
            track = next((t for t in self._lost if t.id == track_id), None)
            if track is None or i in taken:
                continue
            taken.add(i)
            self._lost.remove(track)
            track.move(index, found[i])
            track.confirmed = index
            self._tracks.append(track)
        for i, sight in enumerate(found):
            if i not in taken and len(self._tracks) < self.max_faces:
                self._tracks.append(_Track(self._next_id, index, sight))
                self._next_id += 1
        self._tracks.sort(key=lambda t: t.id)


class _Track:
    """One face through the frames of a shot."""

    def __init__(self, track_id: int, index: int, sight: Sight) -> None:
        self.id = track_id
        self.seen = index  # the last frame in which it was seen
        self.look = sight.look
        self.confirmed = index  # the last frame in which a detector saw it too
        self._velocity = (0.0, 0.0)  # pixels a frame
        self._take(sight)

    def _take(self, sight: Sight) -> None:
        self.points, self.score, self.box = sight.points, sight.score, sight.box

    def expected(self, index: int) -> tuple[float, float]:
        """Where the centre should be in frame ``index`` if it went on as it did."""
        ahead = min(index - self.seen, _GAP // 2)
        (x, y), (vx, vy) = self.box.centre, self._velocity
        return x + vx * ahead, y + vy * ahead

    def move(self, index: int, sight: Sight) -> None:
        """Continue with what was seen in frame ``index``."""
        steps = max(index - self.seen, 1)
        (x0, y0), (x1, y1), (vx, vy) = self.box.centre, sight.box.centre, self._velocity
        self._velocity = 0.5 * (vx + (x1 - x0) / steps), 0.5 * (vy + (y1 - y0) / steps)
        look = 0.9 * self.look + 0.1 * sight.look
        self.look = (look / max(float(np.linalg.norm(look)), 1e-9)).astype(np.float32)
        self.seen = index
        self._take(sight)

    def strangeness(self, index: int, sight: Sight) -> float:
        """How unlike this track a sight in frame ``index`` is: place, size and colours."""
        x, y = self.expected(index)
        size, other = np.sqrt(self.box.area), np.sqrt(sight.box.area)
        away = float(np.hypot(sight.box.centre[0] - x, sight.box.centre[1] - y) / max(size, 1.0))
        # The longer it was lost, the less its place says.
        away /= 1.0 + 0.1 * (index - self.seen)
        grown = abs(float(np.log(max(other, 1.0) / max(size, 1.0))))
        colours = 1.0 - float(self.look @ sight.look)
        return away + grown + 3.0 * colours


def _believable(box: FaceBox, sight: Sight) -> bool:
    """True when detector and mesh network agree that, and where, there is a face.

    Either alone sees faces in foliage and curtains, but not with the eyes in the same places.
    """
    if sight.score < _PRESENT or not sight.box.same_face(box):
        return False
    if box.keypoints is None:
        return True
    seen = np.array([sight.points[list(group), :2].mean(axis=0) for group in KEYPOINTS])
    error = np.linalg.norm(seen - box.keypoints[: len(KEYPOINTS)], axis=1).mean()
    return bool(box.score - 2.0 * error / max(box.width, 1.0) > _BELIEF)


def _plausible(now: FaceBox, before: FaceBox) -> bool:
    """No face doubles or halves from one frame to the next."""
    return 0.25 < max(now.area, 1e-9) / max(before.area, 1e-9) < 4.0


def _drop_impostors(index: int, tracks: list[_Track], found: dict[int, Sight]) -> None:
    """Of tracks that see the same face, leave it to the one it is least strange to."""
    for i, a in enumerate(tracks):
        for b in tracks[i + 1 :]:
            if a.id in found and b.id in found and found[a.id].box.same_face(found[b.id].box):
                cost_a = a.strangeness(index, found[a.id])
                cost_b = b.strangeness(index, found[b.id])
                del found[(a if cost_a > cost_b else b).id]
