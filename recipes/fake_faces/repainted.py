"""Family ``inpaint``: the lower face repainted by ``inpainter.py``, pasted back as peers do it."""

from __future__ import annotations

from pathlib import Path

import cv2
import inpainter
import numpy as np
import torch
from numpy.typing import NDArray
from shots import Made, Shot

from avsynth.face import mesh
from avsynth.models.lipsync_renderer import blend
from avsynth.training.self_blend import Region, soft_mask

Floats = NDArray[np.float32]
_MOVING = mesh.stored(mesh.MOUTH_JAW)


class InpaintMaker:
    """``files`` are stages that ``inpainter.py`` kept."""

    family = "inpaint"

    def __init__(self, files: list[str]) -> None:
        self._networks = {Path(file).stem: inpainter.load(Path(file)) for file in files}

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A film whose face box the network painted, at a size between 64 and 128 pixels."""
        name = str(generator.choice(list(self._networks)))
        side = int(generator.choice([64, 80, 96, 96, 112, 128]))
        film, points = shot.film, shot.points[..., :2]
        clip = shot.clip
        away = np.abs(np.arange(len(clip)) - shot.first - 4)
        reference_number = int(generator.choice(np.flatnonzero(away >= min(8, away.max()))))
        own = generator.random() < 0.5
        wanted = points if own else mouths_of_another_moment(shot, points, generator)
        reference = cut(
            clip.pictures[reference_number], clip.points[reference_number, :, :2], side
        )[0]
        inputs, matrices = [], []
        for picture, layout, lips in zip(film, points, wanted, strict=True):
            box, matrix = cut(picture, layout, side)
            inputs.append(inpainter.given(box, reference, _apply(matrix, lips)))
            matrices.append(matrix)
        with torch.inference_mode():
            painted = self._networks[name](torch.from_numpy(np.stack(inputs)))
        boxes = (painted.permute(0, 2, 3, 1).numpy() * 255.0 + 0.5).astype(np.uint8)
        # Whole boxes with hard edges, as Wav2Lip pastes; or the lower face, through a soft mask.
        whole = generator.random() < 0.4
        regions: list[Region] = ["lower", "lower-box", "mouth"]
        region = regions[int(generator.choice(3, p=[0.5, 0.3, 0.2]))]
        soft = soft_mask(film.shape[1:3], points, region, generator)
        way = int(generator.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        made, masks = [], []
        for number, (picture, matrix) in enumerate(zip(film, matrices, strict=True)):
            size = picture.shape[1], picture.shape[0]
            flags = way | cv2.WARP_INVERSE_MAP
            pasted = cv2.warpAffine(
                boxes[number], matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
            inside = cv2.warpAffine(np.ones((side, side), np.float32), matrix, size, flags=flags)
            mask = np.clip(inside, 0.0, 1.0) * (1.0 if whole else soft[number])
            made.append(blend(picture, np.asarray(pasted, np.uint8), mask))
            masks.append(mask)
        system = f"{name}:{side}:{'box' if whole else region}"
        return Made(np.stack(made), np.stack(masks).astype(np.float32), system)


def cut(picture: NDArray[np.uint8], points: Floats, side: int) -> tuple[Floats, Floats]:
    """The face box (S, S, 3), 0..1, and the affine to it."""
    matrix = inpainter.box_matrix(points, side)
    shrink = max(1.0, 1.0 / float(matrix[0, 0]))
    if shrink > 1.0:  # average what would be left out
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * shrink), np.uint8)
    box = cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return (box / np.float32(255.0)).astype(np.float32), matrix.astype(np.float32)


def mouths_of_another_moment(shot: Shot, points: Floats, generator: np.random.Generator) -> Floats:
    """The landmarks, with mouth and jaw as they are at another time in the clip."""
    clip = shot.clip
    start = int(generator.integers(len(clip) - len(points) + 1))
    shape = clip.canonical[start : start + len(points)]
    moved = points.copy()
    moved[:, _MOVING] = clip.poses[shot.frames].to_image(shape)[..., :2]
    return moved


def _apply(matrix: Floats, points: Floats) -> Floats:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)
