"""What shapes faces have: principal components of landmarks, and the fields that a network uses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.optimize import linear_sum_assignment

Doubles = NDArray[np.float64]
_FINE = 128  # side on which fields are drawn before they are averaged
_RING = 6  # still points along each side of the square


@dataclass(frozen=True)
class ShapeModel:
    """Landmarks in sides of the square: mean (478, 2), and modes (K, 478, 2) of unit spread."""

    mean: Doubles
    modes: Doubles

    @classmethod
    def fit(cls, points: NDArray[np.floating], weights: Doubles, count: int) -> ShapeModel:
        """To layouts (N, 478, 2) and their mirror images; ``weights`` (N,) make people equal."""
        flat = np.concatenate([points, mirrored(points)]).reshape(2 * len(points), -1)
        share = np.tile(weights / weights.sum() / 2, 2)
        mean = share @ flat
        _, spread, axes = np.linalg.svd(
            (flat - mean) * np.sqrt(share)[:, None], full_matrices=False
        )
        modes = axes[:count] * spread[:count, None]
        return cls(mean.reshape(-1, 2), modes.reshape(count, -1, 2))

    def coordinates(self, points: NDArray[np.floating]) -> Doubles:
        """Layouts (N, 478, 2) -> numbers (N, K), in standard deviations."""
        flat = self.modes.reshape(len(self.modes), -1)
        away = (points - self.mean).reshape(len(points), -1)
        return np.asarray(away @ flat.T / (flat**2).sum(axis=1))

    def points(self, coordinates: Doubles) -> Doubles:
        """Numbers (N, K) -> layouts (N, 478, 2)."""
        return np.asarray(self.mean + np.tensordot(coordinates, self.modes, 1))

    def mirror(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """1 or -1 for each mode, (K,): what a mirror makes of it, found on layouts (N, 478, 2).

        The mirror images were fitted too, so every mode is symmetric or the opposite.
        """
        own, other = (self.coordinates(each) for each in (points, mirrored(points)))
        return np.sign((own * other).sum(axis=0)).astype(np.float32)

    def fields(self, grid: int) -> NDArray[np.float32]:
        """Displacement of each mode over the square, (K, 2, G, G), in halves of a side."""
        edge = np.linspace(0, 1, _RING + 1)[:-1]
        ring = np.concatenate(
            [np.stack([edge, 0 * edge], 1), np.stack([1 - edge, 0 * edge + 1], 1),
             np.stack([0 * edge, 1 - edge], 1), np.stack([0 * edge + 1, edge], 1)]
        )  # fmt: skip
        still = np.zeros((len(ring), len(self.modes) * 2))
        values = np.concatenate([self.modes.transpose(1, 0, 2).reshape(len(self.mean), -1), still])
        draw = LinearNDInterpolator(np.concatenate([self.mean, ring]), values)
        places = (np.arange(_FINE) + 0.5) / _FINE
        fine = draw(*np.meshgrid(places, places))  # (F, F, K * 2)
        coarse = [
            cv2.resize(fine[..., i], (grid, grid), interpolation=cv2.INTER_AREA)
            for i in range(fine.shape[-1])
        ]
        return (2.0 * np.stack(coarse)).reshape(-1, 2, grid, grid).astype(np.float32)


def mirrored(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Layouts (N, 478, 2) as a mirror shows them, left points in the rows of left points."""
    mean = points.mean(axis=0)
    other = mean * (-1, 1) + (1, 0)
    distance = np.linalg.norm(mean[:, None] - other[None], axis=-1)
    _, twin = linear_sum_assignment(distance)
    return np.asarray((points * (-1, 1) + (1, 0))[:, twin])
