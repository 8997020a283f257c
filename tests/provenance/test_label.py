"""The label is there, legible, small, and inside the frame, from 64x64 to 4K."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from avsynth.media import read_frames
from avsynth.provenance.label import research_label

SIZES = [
    (64, 64),
    (96, 64),
    (360, 288),
    (288, 360),
    (641, 361),
    (1920, 1080),
    (1080, 1920),
    (3840, 2160),
]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_stands_in_the_lower_left_corner(width: int, height: int) -> None:
    box, rgb, mask = research_label(width, height)
    assert 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height
    assert all(edge % 2 == 0 for edge in (box.x0, box.y0, box.x1, box.y1))
    assert rgb.shape == (box.height, box.width, 3) and rgb.dtype == np.uint8
    assert mask.shape == rgb.shape[:2] and mask.dtype == np.float32
    assert mask.min() >= 0.4 and mask.max() <= 1
    assert box.x0 < 0.05 * width and height - box.y1 < 0.06 * height


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_is_unobtrusive_but_not_tiny(width: int, height: int) -> None:
    box, _, _ = research_label(width, height)
    share = box.area / (width * height)
    assert share < (0.14 if min(width, height) < 100 else 0.01)
    assert box.height >= max(11, 0.035 * min(width, height))


@pytest.mark.parametrize("background", [0, 90, 128, 255])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letters_stand_out_from_any_background(width: int, height: int, background: int) -> None:
    _, rgb, mask = research_label(width, height)
    seen = background * (1 - mask) + rgb[..., 0] * mask
    letters, plate = seen[rgb[..., 0] > 200], seen[rgb[..., 0] < 30]
    assert letters.min() - plate.max() > 60
    # Eight letters: at the height of the small ones, strokes and gaps take turns many times.
    row = rgb[int(rgb.shape[0] * 0.62), :, 0] > 120
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) >= 8


def test_the_word_can_be_read_in_the_smallest_frame() -> None:
    _, rgb, _ = research_label(64, 64)
    dots = rgb[..., 0] > 120
    shown = dots[np.ix_(dots.any(axis=1), np.arange(dots.shape[1]))]
    first = np.flatnonzero(shown.any(axis=0))[0]
    letter = ["".join(".#"[int(d)] for d in row) for row in shown[:, first : first + 4]]
    assert letter == ["....", "....", "#.##", "##..", "#...", "#...", "#..."]  # an r


def test_a_frame_too_small_for_any_label_is_refused() -> None:
    research_label(16, 16)
    with pytest.raises(ValueError, match="too small"):
        research_label(15, 200)


def test_it_is_burnt_into_a_real_frame_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    picture = next(iter(read_frames(path)))
    before = [plane.copy() for plane in picture.planes()]
    box, rgb, mask = research_label(64, 64)
    picture.put(box, rgb, mask)
    rows, columns = box.slices
    for plane, old, factor in zip(picture.planes(), before, (1, 2, 2), strict=True):
        inside = np.zeros(plane.shape[:2], bool)
        inside[
            rows.start // factor : rows.stop // factor,
            columns.start // factor : columns.stop // factor,
        ] = True
        assert (plane[~inside] == old[~inside]).all()
    luma = picture.planes()[0][rows, columns]
    assert luma[rgb[..., 0] > 200].mean() - luma[rgb[..., 0] < 30].mean() > 80


def test_the_arrays_are_shared_and_cannot_be_changed() -> None:
    assert research_label(360, 288)[1] is research_label(360, 288)[1]
    with pytest.raises(ValueError, match="read-only"):
        research_label(360, 288)[1][:] = 0
