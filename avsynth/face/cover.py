"""What covers a face: a hand, a microphone, anything that is not the skin that was there before.

While the video is read once, the colour of the picture at every landmark is kept (``colours``).
``Skin`` learns from a whole track what each place of the face looks like, light apart, and tells
for each frame which places look otherwise; where neighbours agree, and for more than a frame,
something covers the face.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avsynth.face.colours import ColourTable
from avsynth.face.lower_face import LIPS, MOVING, OUTER_RING, VERTICES
from avsynth.face.mesh import BORDER, MOUTH_JAW, RIGID, in_mouth, stored
from avsynth.face.track_info import TrackInfo

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Why a mouth cannot be dubbed, as reports say it.
OCCLUDED: Final = "occluded"
#: Frames before and after a range that ``Cover.read`` looks at.
CONTEXT: Final = 9

_SAMPLES = 192  # about so many frames of a track, twice at most, teach its skin
_FEWEST = 24  # of fewer nothing is learnt, and nothing is called covered
_BLOCK = 1024  # frames read at once where a whole track is gone through

_DARK = 8.0  # added to colours before the logarithm: the noise of black
_DENSE = 0.3  # the part of all samples, those most alike, that is taken for the skin's look
_LIKE_SKIN = 0.25  # how much a look that is nearer to the upper face's is preferred
_HUE = 2.5  # how much more a change of hue counts than one of light, which shading makes too
_LEAST = 0.15  # log colour difference below which nothing is strange
_MOST = 0.35  # and above which everything is
_SPREADS = 3.3  # between them, this many times a place's own spread
_REACH = 0.11  # eye distances over which neighbours are asked
_AGREE = (0.3, 0.6)  # part of the neighbourhood that must be strange: from, fully
_OCCLUDED = 0.25  # mean cover of the lips from which the mouth counts as hidden
_COVER_STEP = 0.02  # cover of a reference's lips that costs 1

_SKIN = np.setdiff1d(np.arange(MOVING + len(BORDER)), LIPS)
_AT = np.concatenate([stored(MOUTH_JAW), stored(BORDER)])
_UPPER = stored(RIGID)
# Places on the outline, where hair and background come and go as the head turns.
_OUTLINE = in_mouth((58, 138, 172, 213, 215, 288, 365, 367, 397, 433, 435))
_SIDES = np.array([MOVING + BORDER.index(i) for i in (123, 132, 147, 177, 352, 361, 376, 401)])
_CHEEKS = (MOVING + BORDER.index(50), MOVING + BORDER.index(280))
# Who is asked: the skin, and the outer lips, whose red goes when a hand comes. The inner ones
# show teeth and dark by turns.
_JUDGES = np.union1d(np.setdiff1d(_SKIN, np.concatenate([_OUTLINE, _SIDES])), OUTER_RING)


@dataclass(frozen=True)
class Skin:
    """How the skin of one track looks: log colours at each stored landmark.

    ``usual`` (P, 3) is what frames are compared with to take out their light; ``look`` (S, 3) and
    ``limit`` (S,) are the skin's colour at each judged vertex and how far from it is strange.
    """

    usual: Floats
    look: Floats
    limit: Floats

    @classmethod
    def learn(cls, colours: Bytes) -> Skin | None:
        """From colours (n, P, 3) of frames spread over the track; None where they are too few."""
        if len(colours) < _FEWEST:
            return None
        logs = _logs(colours)
        usual = np.median(logs, axis=0)
        evened = logs - _light(logs, usual)
        face = np.median(usual[_UPPER], axis=0)
        found = [_densest(evened[:, i], face) for i in _AT[_JUDGES]]
        spread = np.array([s for _, s in found], np.float32)
        look = np.stack([c for c, _ in found]).astype(np.float32)
        return cls(usual, look, np.clip(_SPREADS * spread, _LEAST, _MOST))

    def strange(self, colours: Bytes) -> Floats:
        """How strange each judged vertex looks, (n, S): 1 is the limit."""
        logs = _logs(colours)
        away = (logs - _light(logs, self.usual))[:, _AT[_JUDGES]] - self.look
        return np.asarray(np.sqrt((away**2).mean(axis=-1)) / self.limit, dtype=np.float32)


def _logs(colours: Bytes) -> Floats:
    """Logarithms in which a gain of light is a shift, and hue counts ``_HUE``-fold."""
    logs = np.log(colours.astype(np.float32) + _DARK)
    grey = logs.mean(axis=-1, keepdims=True)
    return np.asarray(grey + _HUE * (logs - grey))


def _light(logs: Floats, usual: Floats) -> Floats:
    """The light of each frame, (n, 1, 3), as the upper face shows it, which is seldom covered."""
    return np.asarray(np.median((logs - usual)[:, _UPPER], axis=1)[:, None])


def _densest(samples: Floats, face: Floats) -> tuple[Floats, float]:
    """Where samples (n, 3) lie thickest, and their spread there.

    A microphone may be before the chin for most of a shot: of two looks the one more like the
    rest of the face, ``face`` (3,), is preferred.
    """
    apart = np.sqrt(((samples[:, None] - samples[None]) ** 2).mean(axis=-1))
    near = max(2, int(_DENSE * len(samples)))
    radius = np.partition(apart, near, axis=1)[:, near]
    unlike = np.sqrt(((samples - face) ** 2).mean(axis=-1))
    best = int((radius + _LIKE_SKIN * unlike).argmin())
    centre = samples[np.argsort(apart[best])[: near + 1]].mean(axis=0)
    away = np.sqrt(((samples - centre) ** 2).mean(axis=-1))
    # Of a bell curve, 30 % lie within 0.39 standard deviations.
    return centre, float(np.partition(away, near)[near]) / 0.39


class Cover:
    """What covers one track's face, frame by frame: a pure function of the kept colours.

    Args:
        colours: what was kept of the video.
        track: the face.
        mean: float32 (V, 2), its mean vertices, any unit.
    """

    def __init__(self, colours: ColourTable, track: TrackInfo, mean: Floats) -> None:
        self._colours = colours
        self._track = track.id
        step = max(1, track.count // _SAMPLES)
        samples = []
        for first in range(track.first, track.last + 1, _BLOCK):
            seen, block = colours.read(first, min(first + _BLOCK, track.last + 1), track.id)
            samples.append(block[seen % step == 0])
        self._skin = Skin.learn(np.concatenate(samples))
        self._neighbours = _neighbours(mean)

    def read(self, frames: NDArray[np.int64]) -> Floats:
        """How much each vertex is covered, float32 (n, V) in 0..1, at rising ``frames`` (n,).

        It comes and goes within a few frames; frames without the face are as their neighbours.
        """
        nothing = np.zeros((len(frames), VERTICES), dtype=np.float32)
        if self._skin is None or not len(frames):
            return nothing
        low, high = int(frames[0]) - CONTEXT, int(frames[-1]) + CONTEXT + 1
        seen, colours = self._colours.read(low, high, self._track)
        if not len(seen):
            return nothing
        strange = np.clip((self._skin.strange(colours) - 0.8) / 0.4, 0.0, 1.0)
        local = np.clip((strange @ self._neighbours.T - _AGREE[0]) / np.ptp(_AGREE), 0.0, 1.0)
        return np.asarray(_steady(_everywhere(local, seen, low, high))[frames - low])


def hidden(cover: Floats) -> NDArray[np.float32]:
    """How much of the lips is covered, (n,) in 0..1, by ``cover`` (n, V)."""
    return np.asarray(cover[:, OUTER_RING].mean(axis=1))


def occluded(cover: Floats) -> NDArray[np.bool_]:
    """Whether so much of the mouth is covered, (n,), that it cannot be dubbed."""
    return np.asarray(hidden(cover) > _OCCLUDED)


def cover_costs(cover: Floats) -> NDArray[np.float64]:
    """What a reference picture costs for what covers it, (R,), beside ``retrieval.costs``."""
    return np.asarray(hidden(cover) / _COVER_STEP, dtype=np.float64)


class Covers:
    """The covers of all tracks of a video, each learnt once; shared by threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """``path``: what a ``ColourWriter`` wrote; InputError when it cannot be read."""
        self._colours = ColourTable(path)
        self._of: dict[int, Cover] = {}
        self._lock = threading.Lock()

    def of(self, track: TrackInfo, mean: Floats) -> Cover:
        """See ``Cover``."""
        with self._lock:
            if track.id not in self._of:
                self._of[track.id] = Cover(self._colours, track, mean)
            return self._of[track.id]


def _neighbours(places: Floats) -> Floats:
    """Weights (V, S) with which each vertex asks the judged ones; rows add up to 1, or are 0."""
    # The cheeks are about as far apart as the outer eye corners.
    unit = max(float(np.linalg.norm(places[_CHEEKS[0]] - places[_CHEEKS[1]])), 1e-6)
    apart = np.linalg.norm(places[:, None] - places[_JUDGES][None], axis=-1) / unit
    weights = np.exp(-0.5 * (apart / _REACH) ** 2) + 1e-9
    weights /= weights.sum(axis=1, keepdims=True)
    weights[MOVING + len(BORDER) :] = 0.0  # the helper ring has no pixels of its own
    return np.asarray(weights, dtype=np.float32)


def _everywhere(values: Floats, seen: NDArray[np.int64], low: int, high: int) -> Floats:
    """Rows for every frame from ``low`` to ``high``: the nearest seen within 3 frames, else 0."""
    wanted = np.arange(low, high)
    after = np.clip(np.searchsorted(seen, wanted), 0, len(seen) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(abs(seen[before] - wanted) <= abs(seen[after] - wanted), before, after)
    known = abs(seen[nearest] - wanted) <= 3
    return np.where(known[:, None], values[nearest], np.float32(0.0))


def _steady(values: Floats) -> Floats:
    """What lasts at least two frames, begun and ended two frames early and late, and softly."""
    lasting = np.median(_windows(values, 1), axis=-1)
    wider = _windows(np.asarray(lasting), 2).max(axis=-1)
    return np.asarray(_windows(wider, 2) @ np.array([0.1, 0.2, 0.4, 0.2, 0.1]), dtype=np.float32)


def _windows(values: Floats, radius: int) -> Floats:
    """Each row with its neighbours in time, (n, V, 2 radius + 1); ends are repeated."""
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=0))
