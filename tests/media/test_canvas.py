"""A canvas does what ``Frame.put`` does, only quicker."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from avsynth.media import Box, Frame, Orientation
from avsynth.media.canvas import Canvas

BOXES = [Box(16, 8, 80, 56), Box(15, 7, 78, 55), Box(0, 0, 96, 64), Box(3, 2, 96, 64)]


def frame(pix_fmt: str = "yuv420p", turned: Orientation | None = None) -> Frame:
    rng = np.random.default_rng(0)
    soft = np.kron(rng.integers(30, 220, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    soft = cv2.GaussianBlur(soft, (0, 0), 6)
    raw = VideoFrame.from_ndarray(soft, "rgb24").reformat(format=pix_fmt)
    return Frame(raw, 0, Fraction(1, 25), turned or Orientation())


def change(box: Box) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A smooth picture, and a mask that falls to 0 at its edges."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[: box.height, : box.width] / 64.0
    rgb = np.stack([100 + 80 * np.sin(x + k) * np.cos(y - k) for k in range(3)], axis=-1)
    mask = rng.random((box.height, box.width)).astype(np.float32)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = 0.0
    mask[6:-6, 6:-6] = 1.0
    mask = cv2.GaussianBlur(mask, (0, 0), 1.5) * (mask > 0)
    return rgb.astype(np.uint8), mask


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("turned", [Orientation(), Orientation(90), Orientation(180, True)])
def test_it_gives_what_put_gives(box: Box, turned: Orientation) -> None:
    still = frame(turned=turned)
    box = box if turned.rotation != 90 else Box(box.y0, box.x0, box.y1, box.x1)
    rgb, mask = change(box)
    expected = still.copy()
    expected.put(box, rgb, mask)
    found = Canvas(still, box).put(rgb, mask)
    luma, *chroma = (
        np.abs(a.astype(int) - b) for a, b in zip(expected.planes(), found.planes(), strict=True)
    )
    assert luma.max() <= 2 and luma.mean() < 0.1
    # Chroma is averaged in a simpler way.
    assert max(part.mean() for part in chroma) < 0.7
    assert (found.width, found.height) == (still.width, still.height)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p", "gbrp"])
def test_what_stays_keeps_its_last_bit(pix_fmt: str) -> None:
    still = frame(pix_fmt)
    box = BOXES[1]
    rgb, mask = change(box)
    before = still.planes()
    canvas = Canvas(still, box)
    same = canvas.put(still.rgb(box), mask)
    assert all(np.array_equal(a, b) for a, b in zip(same.planes(), before, strict=True))
    moved = canvas.put(rgb, mask)
    inside = np.zeros((64, 96), bool)
    inside[box.slices] = mask > 0
    luma = moved.planes()[0] if pix_fmt != "gbrp" else moved.planes()[2]
    old = before[0] if pix_fmt != "gbrp" else before[2]
    assert np.array_equal(luma[~inside], old[~inside])
    assert not np.array_equal(luma[inside], old[inside])
    if pix_fmt.startswith("yuv") and "420" in pix_fmt:
        blocks = inside.reshape(32, 2, 48, 2).any(axis=(1, 3))
        for plane, its in zip(moved.planes()[1:], before[1:], strict=True):
            assert np.array_equal(plane[~blocks], its[~blocks])
    assert all(np.array_equal(a, b) for a, b in zip(still.planes(), before, strict=True))


def test_another_mask_counts() -> None:
    still, box = frame(), BOXES[0]
    rgb, mask = change(box)
    canvas = Canvas(still, box)
    canvas.put(rgb, mask)
    nothing = canvas.put(rgb, np.zeros_like(mask))
    assert all(np.array_equal(a, b) for a, b in zip(nothing.planes(), still.planes(), strict=True))
