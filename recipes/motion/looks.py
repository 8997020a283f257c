"""What a model may know of a person's mouth, frame by frame: style and identity.

The reconstruction protocol: of the lower face of a scored clip nothing within ``UNSEEN`` frames of
a frame may say how that frame looks. ``Looks.elsewhere`` keeps it to the letter, each frame with a
style of its own, read off the frames that are further away.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face.alignment import Poses
from avsynth.face.mouth_space import MouthSpace, PersonStyle, keep_lips_apart
from avsynth.metrics import sync
from avsynth.models.speech_to_motion import Accent

Floats = NDArray[np.float64]
UNSEEN = 12  # frames to each side whose lower face may not be used


@dataclasses.dataclass(frozen=True)
class Looks:
    """For each of T frames a style, an accent, and a mean residual (T, M, 3): what the space cannot
    say. The accent is None where nothing was heard of the person."""

    styles: tuple[PersonStyle, ...]
    accents: tuple[Accent | None, ...]
    identity: Floats

    @classmethod
    def same(
        cls,
        space: MouthSpace,
        canonical: ArrayLike,
        openings: ArrayLike,
        frames: int,
        made: ArrayLike | None = None,
    ) -> Looks:
        """From mouths (N, M, 3) and openings (N,) of the person, the same for ``frames`` frames.

        ``made`` (N, K) is what the network makes of the sound of those mouths; see ``elsewhere``.
        """
        style, accent, identity = _read(space, canonical, openings, made)
        everywhere = np.broadcast_to(identity, (frames, *identity.shape))
        return cls((style,) * frames, (accent,) * frames, everywhere)

    @classmethod
    def elsewhere(
        cls,
        space: MouthSpace,
        canonical: ArrayLike,
        openings: ArrayLike,
        made: ArrayLike | None = None,
        unseen: int = UNSEEN,
        blocks: int | None = None,
    ) -> Looks:
        """For each frame of a clip from the frames more than ``unseen`` away from it.

        ``canonical`` (T, M, 3) as ``align`` gives them, ``openings`` (T,); frames with NaN tell
        nothing. ``made`` (T, K), in the person's units, is what the network makes of the clip's own
        sound: with it an accent is read as well, at the lag that fits those frames best. With
        ``blocks`` the clip is cut into so many stretches, and each stretch is told by what lies far
        from all of it. ValueError when nothing is left of a clip so short.
        """
        mouths, gaps = np.asarray(canonical, np.float64), np.asarray(openings, np.float64)
        frames = np.arange(len(mouths))
        styles: list[PersonStyle] = []
        accents: list[Accent | None] = []
        identity = np.empty_like(mouths)
        for block in np.array_split(frames, blocks or len(frames)):
            near = (frames >= block[0] - unseen) & (frames <= block[-1] + unseen)
            hidden = np.where(near[:, None, None], np.nan, mouths)
            style, accent, identity[block] = _read(space, hidden, gaps, made)
            styles += [style] * len(block)
            accents += [accent] * len(block)
        return cls(tuple(styles), tuple(accents), identity)

    def coefficients(self, units: ArrayLike) -> Floats:
        """Motion (T, K), or with the presence (T, K + 1), in person's units -> (T, K)."""
        rows = zip(self.styles, self.accents, np.asarray(units, np.float64), strict=True)
        return np.array(
            [
                style.from_units(accent.apply(unit) if accent else unit)
                for style, accent, unit in rows
            ]
        )

    def units(self, coefficients: ArrayLike) -> Floats:
        """Coefficients (T, K) -> motion (T, K) in the units of each frame's style."""
        pairs = zip(self.styles, np.asarray(coefficients, np.float64), strict=True)
        return np.array([style.to_units(row) for style, row in pairs])

    def points(self, space: MouthSpace, units: ArrayLike, poses: Poses) -> Floats:
        """Motion -> MOUTH_JAW image points (T, M, 2) in the frames' poses, lips not crossing."""
        shape = space.shape(self.coefficients(units)) + self.identity
        return poses.to_image(keep_lips_apart(shape))[..., :2]


def _read(
    space: MouthSpace, canonical: ArrayLike, openings: ArrayLike, made: ArrayLike | None
) -> tuple[PersonStyle, Accent | None, Floats]:
    mouths = np.asarray(canonical, np.float64)
    good = np.isfinite(mouths).all(axis=(1, 2))
    if not good.any():
        raise ValueError("no frame with a face lies far enough away")
    coefficients = space.encode(mouths)
    style = PersonStyle.from_coefficients(coefficients, openings, space.deviation)
    accent = None
    if made is not None:
        motion, real = np.asarray(made, np.float64), style.to_units(coefficients)
        _, lag = sync.best_lag(motion[:, 0], real[:, 0])
        accent = Accent.fit(*sync.lagged(motion, real, lag))
    return style, accent, (mouths[good] - space.shape(coefficients[good])).mean(axis=0)
