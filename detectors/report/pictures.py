"""Marked frames and sounds -> pictures as data URIs, with heat maps laid over them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.base import MarkedFrame, MarkedSound

Picture = NDArray[np.uint8]

#: Side of a face on the page, and size of a spectrogram (width, height), in pixels.
FACE = 224
STRIP = (880, 150)

_QUALITY = 88
_LOUDEST_PERCENTILE = 99.5
_RANGE_DB = 70.0
#: Viridis: lightness rises evenly, so that it reads without colour vision and in grey print.
_COLOURS = cv2.COLORMAP_VIRIDIS


@dataclass(frozen=True, slots=True)
class Shown:
    """Data URIs of a picture, and of the same with the heat map; None where there is no map."""

    plain: str
    heated: str | None


def face(frame: MarkedFrame) -> Shown:
    """A marked face, at most ``FACE`` pixels wide, and its heat map over the same in grey."""
    picture = _fit(np.ascontiguousarray(frame.picture[..., :3], np.uint8))
    return Shown(_jpeg(picture), None if frame.heat is None else _jpeg(heated(picture, frame.heat)))


def sound(marked: MarkedSound) -> Shown:
    """A spectrogram, dark where loud, high bands on top, and its heat map over it."""
    level = np.nan_to_num(marked.spectrogram.astype(np.float32), nan=-200.0, posinf=0, neginf=-200)
    top = float(np.percentile(level, _LOUDEST_PERCENTILE))
    share = np.clip((level - top) / _RANGE_DB + 1, 0, 1)
    grey = (255 * (1 - share)).astype(np.uint8)[::-1]
    picture = np.repeat(cv2.resize(grey, STRIP, interpolation=cv2.INTER_AREA)[..., None], 3, -1)
    if marked.heat is None:
        return Shown(_jpeg(picture), None)
    return Shown(_jpeg(picture), _jpeg(heated(picture, marked.heat[::-1])))


def heated(picture: Picture, heat: NDArray[np.float32]) -> Picture:
    """A heat map over a picture (H, W, 3), which is turned grey so that only the map has colour.

    ``heat`` float32 (h, w) of any size, 0..1; where it is 0 the grey picture shows as it is.
    """
    height, width = picture.shape[:2]
    smooth = cv2.resize(
        np.ascontiguousarray(np.nan_to_num(heat, nan=0.0), np.float32),
        (width, height),
        interpolation=cv2.INTER_LINEAR,
    )
    strength = np.clip(smooth, 0, 1)
    coloured = cv2.applyColorMap((255 * strength).astype(np.uint8), _COLOURS)[..., ::-1]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    cover = np.minimum(1.5 * strength, 0.75)[..., None]
    return np.asarray(grey * (1 - cover) + coloured * cover, np.uint8)


def colours(steps: int = 17) -> list[tuple[float, str]]:
    """The scale as it appears over a middle grey, low to high: (percent, "#rrggbb")."""
    grey = np.full((1, steps, 3), 128, np.uint8)
    row = heated(grey, np.linspace(0, 1, steps, dtype=np.float32)[None])[0]
    return [
        (round(100 * place / (steps - 1), 1), "#{:02x}{:02x}{:02x}".format(*map(int, colour)))
        for place, colour in enumerate(row)
    ]


def _fit(picture: Picture) -> Picture:
    largest = max(picture.shape[:2])
    if largest <= FACE:
        return picture
    size = [max(round(side * FACE / largest), 1) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(picture: Picture) -> str:
    flags = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), flags)
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
