"""How near a made mouth is to the real one, as a picture.

All on the mouth box of the real frame, RGB in 0..1; one number a frame.
"""

from __future__ import annotations

import warnings

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face.mesh import EYE_OUTER, LIPS_INNER, LIPS_OUTER, rows
from avsynth.media import Box

Bytes = NDArray[np.uint8]

_WIDE, _ABOVE, _BELOW = 1.1, 0.44, 0.5  # eye distances


def mouth_box(points: ArrayLike) -> Box:
    """The mouth box of a face, ``points`` (P, 2 or 3), full mesh or ``STORED``, pixels.

    Centred on the lip landmarks' mean; 1.1 outer-eye-corner distances wide, from 0.44 above to 0.5
    below. May leave the picture.
    """
    flat = np.asarray(points, dtype=np.float64)[:, :2]
    right, left = flat[rows(EYE_OUTER, len(flat))]
    unit = float(np.linalg.norm(left - right))
    x, y = flat[rows(LIPS_OUTER + LIPS_INNER, len(flat))].mean(axis=0)
    return Box(
        round(x - _WIDE / 2 * unit), round(y - _ABOVE * unit),
        round(x + _WIDE / 2 * unit), round(y + _BELOW * unit),
    )  # fmt: skip


def l1(made: Bytes, real: Bytes) -> float:
    """Mean absolute difference of two pictures (h, w, 3), on 0..1."""
    return float(np.abs(made.astype(np.float64) - real).mean() / 255.0)


def psnr(made: Bytes, real: Bytes) -> float:
    """Peak signal-to-noise ratio in dB of two pictures (h, w, 3); infinite when they are equal."""
    error = float(((made.astype(np.float64) - real) ** 2).mean()) / 255.0**2
    return float("inf") if error == 0.0 else -10.0 * float(np.log10(error))


def ssim(made: Bytes, real: Bytes) -> float:
    """Structural similarity (Wang et al. 2004), 11 x 11 Gaussian of 1.5 px, as torchmetrics."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of its own imports
        from torchmetrics.functional.image import structural_similarity_index_measure

    a, b = (
        torch.from_numpy(x.astype(np.float32) / 255.0).permute(2, 0, 1)[None] for x in (made, real)
    )
    value = structural_similarity_index_measure(a, b, data_range=1.0)
    assert isinstance(value, torch.Tensor)
    return float(value)


def sharpness(made: Bytes, real: Bytes) -> float:
    """Variance of the Laplacian of the luma, relative to that of the real picture."""
    own, other = (
        float(cv2.Laplacian(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
        for x in (made, real)
    )
    return own / max(other, 1e-9)


def flicker(film: NDArray[np.floating]) -> float:
    """How restless a film (T, h, w) of luma is: mean size of its second difference in time.

    What moves evenly counts for nothing; what jumps there and back counts most. In the film's unit.
    """
    frames = np.asarray(film, dtype=np.float64)
    return float(np.abs(frames[2:] - 2.0 * frames[1:-1] + frames[:-2]).mean())
