"""What the VAE makes of a face, blended back: a blurred mouth in a real face, as a kind of fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.models.anomaly_views import FACE_SIDE, face_picture, luma

Film = NDArray[np.uint8]
Floats = NDArray[np.float32]


def repaint(
    model: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]], film: Film, mask: Floats
) -> Film:
    """A film (T, 224, 224, 3), RGB, whose brightness is the VAE's where ``mask`` says so.

    Args:
        model: weights of kind "anomaly" for faces, as ``avsynth.weights.load`` gives them.
        film: aligned crops.
        mask: (224, 224) or (T, 224, 224), 0..1, with a soft edge: how much is replaced.

    Returns:
        uint8 of the same shape. The colours stay those of the film.
    """
    if film.shape[1:] != (FACE_SIDE, FACE_SIDE, 3):
        raise ValueError(f"crops of {FACE_SIDE} pixels are needed, not {film.shape}")
    seen = np.stack([face_picture(crop) for crop in film])
    with torch.inference_mode():
        made = model({"picture": torch.from_numpy(seen)[:, None]})["picture"][:, 0].numpy()
    grey = np.stack([luma(crop) for crop in film])
    # The inverse of ``face_picture``: what it took away is the line between the two.
    spread = grey.std(axis=(1, 2), keepdims=True) / seen.std(axis=(1, 2), keepdims=True).clip(1e-6)
    change = (made - seen) * spread * np.broadcast_to(mask, grey.shape)
    return np.asarray(np.clip(film + change[..., None] + 0.5, 0, 255), np.uint8)
