"""From what a VAE misses to how unusual that is: region by region, and as a whole.

A likelihood alone does not tell fakes: what is smoother than real is *more* likely. So every
quantity that the network gives is compared with its values on real pictures, in both directions:
a Gaussian of region features with two covariances, between recordings and within one, so that what
is odd in every window of a file weighs more than what is odd once. Only real material is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: What is measured of a picture: ``error`` the log of the error's mean square over the expected
#: one; ``shape`` how unevenly the error is spread; ``variance`` what the decoder expects;
#: ``divergence`` how unusual the content is; ``change`` how much of the error is new in the next
#: picture.
KINDS = ("error", "shape", "variance", "divergence", "change")
_LEAST = 1e-8
_RIDGE = 1e-2  # variance that is added to a context's own


@dataclass(frozen=True)
class Regions:
    """Rectangles (top, left, bottom, right) in fractions of the picture.

    Bands of a group of ``bands`` count together. What a ``reference`` rectangle shows is the
    ``Context`` of all the others: it knows of the camera and the codec, not of the mouth.
    """

    names: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    bands: tuple[tuple[int, ...], ...]
    reference: tuple[float, float, float, float] | None = None

    def means(self, values: Floats | Doubles) -> Doubles:
        """Mean over each rectangle: (..., h, w) -> (..., regions)."""
        return np.stack([_mean(values, box) for box in self.boxes], axis=-1)


#: In the aligned crop of ``avsynth.face.crops``: the mouth, the chin, and the cheeks, against the
#: eyes and the forehead.
FACE_REGIONS = Regions(
    ("mouth", "chin", "left cheek", "right cheek", "nose"),
    (
        (0.60, 0.36, 0.76, 0.64), (0.76, 0.36, 0.90, 0.64), (0.54, 0.18, 0.80, 0.36),
        (0.54, 0.64, 0.80, 0.82), (0.42, 0.40, 0.60, 0.60),
    ),
    ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9,)),
    (0.20, 0.25, 0.44, 0.75),
)  # fmt: skip
#: Eight bands of 1 kHz.
VOICE_REGIONS = Regions(
    tuple(f"{low} to {low + 1} kHz" for low in range(8)),
    tuple((low / 8, 0.0, (low + 1) / 8, 1.0) for low in range(8)),
    ((0,), (1,), (2,), (3, 4, 5), (6, 7, 8), (9,)),
)


def features(found: Mapping[str, Floats], regions: Regions) -> dict[str, Floats]:
    """What ``AnomalyVae`` found in N pictures -> kind -> features (N, F), bands within regions.

    ``found`` holds arrays as ``AnomalyVae.forward`` names them, and may hold ``change``, (N, 10,
    h, w), half the mean square of the difference of two pictures' errors. Where the regions have a
    reference, ``context`` (N, R) holds all the kinds of it.
    """
    measured = _measured(found, regions)
    if regions.reference is not None:
        beside = Regions(("reference",), (regions.reference,), regions.bands)
        own = _measured(found, beside)
        measured["context"] = np.concatenate([own[k] for k in KINDS if k in own], axis=1)
    return measured


def _measured(found: Mapping[str, Floats], regions: Regions) -> dict[str, Floats]:
    expected = np.exp(found["variance"])
    error = _together(found["energy"] / expected, regions)
    size = _together(found["size"] / np.sqrt(expected), regions)
    divergence = found["divergence"].sum(axis=1, keepdims=True)
    measured = {
        "error": _log(error, regions),
        "shape": _log(size**2 / (error + _LEAST), regions),
        "variance": regions.means(_together(found["variance"], regions)),
        "divergence": _log(divergence, regions),
    }
    if "change" in found:
        change = _log(_together(found["change"] / expected, regions), regions)
        measured["change"] = change - measured["error"]
    return {k: v.reshape(len(v), -1).astype(np.float32) for k, v in measured.items()}


def _together(values: Floats | Doubles, regions: Regions) -> Doubles:
    """Means over groups of bands: (N, 10, h, w) -> (N, groups, h, w)."""
    groups = [values[:, list(group)].mean(axis=1, dtype=np.float64) for group in regions.bands]
    return np.stack(groups, axis=1)


def _log(values: Doubles | Floats, regions: Regions) -> Doubles:
    """Logarithm of the mean over each rectangle."""
    return np.asarray(np.log(regions.means(values) + _LEAST))


def _mean(values: Floats | Doubles, box: tuple[float, float, float, float]) -> Doubles:
    height, width = values.shape[-2:]
    top, left, bottom, right = (round(b * s) for b, s in zip(box, (height, width) * 2, strict=True))
    part = values[..., top : max(bottom, top + 1), left : max(right, left + 1)]
    return np.asarray(part.mean(axis=(-2, -1), dtype=np.float64))


@dataclass(frozen=True)
class Context:
    """What the reference of a picture lets expect of the rest of it: a linear regression.

    ``mean`` (R,) of the context, ``slopes`` (R, F).
    """

    mean: Doubles
    slopes: Doubles

    @classmethod
    def fit(cls, features: Floats, context: Floats, weights: Doubles) -> Context:
        """Of real pictures, features (N, F) and contexts (N, R) that count by ``weights`` (N,)."""
        share = weights / weights.sum()
        mean = share @ context
        away, own = context - mean, features - share @ features
        inside = (away * share[:, None]).T @ away + _RIDGE * np.eye(len(mean))
        return cls(mean, np.linalg.solve(inside, (away * share[:, None]).T @ own))

    def without(self, features: Floats, context: Floats) -> Doubles:
        """Features (..., F) less what the context (..., R) explains; NaN in it explains nothing."""
        return np.asarray(features - np.nan_to_num(context - self.mean) @ self.slopes)


@dataclass(frozen=True)
class Density:
    """A Gaussian of features: a recording has a mean of its own, around which its windows vary.

    ``mean`` (F,), ``between`` and ``within`` (F, F) covariances; ``centre`` and ``spread`` of the
    distances of real recordings of people that were not fitted, to which scores are scaled.
    """

    mean: Doubles
    between: Doubles
    within: Doubles
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def fit(
        cls, recordings: Sequence[Floats], weights: Doubles | None = None, shrink: float = 0.1
    ) -> Density:
        """Of real recordings, features (N_i, F) each, which count by ``weights``.

        ``shrink`` 0..1 draws both covariances towards a diagonal.
        """
        share = np.ones(len(recordings)) if weights is None else np.asarray(weights, np.float64)
        share = share / share.sum()
        means = np.stack([r.mean(axis=0, dtype=np.float64) for r in recordings])
        mean = share @ means
        inside, degrees = np.zeros((len(mean), len(mean))), 0.0
        for own, weight in zip(recordings, share, strict=True):
            away = own - own.mean(axis=0, dtype=np.float64)
            inside += weight * away.T @ away
            degrees += weight * (len(own) - 1)
        within = _shrunk(inside / max(degrees, 1e-9), shrink)
        rate = float(share @ [1 / len(r) for r in recordings])
        spread = (means - mean).T @ ((means - mean) * share[:, None])
        between = _shrunk(_positive(spread - rate * within), shrink)
        return cls(mean, between, within)

    def distance(self, feature: Floats | Doubles, windows: int = 1) -> float:
        """How unusual the mean ``feature`` (F,) of so many windows is: about N(0, 1) where typical.

        NaN features do not count. Fisher's approximation of the chi-square distribution.
        """
        square, _, known = self._away(feature, windows)
        return float(np.sqrt(2 * square) - np.sqrt(max(2 * known - 1, 1)))

    def log_likelihood(self, feature: Floats | Doubles, windows: int = 1) -> float:
        """Of the mean ``feature`` (F,) of so many windows, nats."""
        square, volume, known = self._away(feature, windows)
        return float(-(square + volume + known * np.log(2 * np.pi)) / 2)

    def _away(self, feature: Floats | Doubles, windows: int) -> tuple[float, float, int]:
        """Squared Mahalanobis distance, log determinant, and how many features are known."""
        known = np.isfinite(feature)
        away = (feature - self.mean)[known]
        spread = (self.between + self.within / windows)[np.ix_(known, known)]
        square = float(away @ np.linalg.solve(spread, away))
        return square, float(np.linalg.slogdet(spread)[1]), int(known.sum())

    def score(self, feature: Floats | Doubles, windows: int = 1) -> float:
        """``distance`` in units of the spread among real recordings."""
        return (self.distance(feature, windows) - self.centre) / self.spread


def _shrunk(covariance: Doubles, amount: float) -> Doubles:
    return (1 - amount) * covariance + amount * np.diag(np.diag(covariance) + 1e-6)


def _positive(covariance: Doubles) -> Doubles:
    """The nearest covariance: no variance is negative."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray((vectors * values.clip(0)) @ vectors.T)
