"""Pictures: colour conversion of boxes, blending back, small views, orientation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from hypothesis import given, settings
from hypothesis import strategies as st
from media_clips import make_clip, picture, raw_frame

from avsynth.media import Box, Frame, Orientation, read_frames
from avsynth.media.planes import native_format

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le",
           "yuv420p12le", "yuvj420p", "gbrp", "gbrp10le", "yuv440p", "yuva420p"]  # fmt: skip


def make(
    pix_fmt: str,
    width: int = 98,
    height: int = 74,
    index: int = 0,
    orientation: Orientation = Orientation(),
    colour: tuple[int, int] = (1, 1),
) -> Frame:
    raw = raw_frame(width, height, index, pix_fmt, colour)
    return Frame(raw, 0, Fraction(1, 25), orientation)


def exact(frame: Frame, space: int = 1) -> np.ndarray:
    """swscale's most careful conversion."""
    flags = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
    flags |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    return frame.raw.reformat(
        format="rgb24", interpolation=flags, src_colorspace=space,
        src_color_range=2 if frame._full() else 1, dst_color_range=2,
    ).to_ndarray()  # fmt: skip


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le",
                                     "yuv422p10le", "yuv444p10le"])  # fmt: skip
@pytest.mark.parametrize("space", [1, 5, 9])
def test_rgb_agrees_with_swscale(pix_fmt: str, space: int, tmp_path: Path) -> None:
    # Out of a file, because only the decoder tells swscale where the chroma samples lie.
    path = make_clip(tmp_path / "c.mkv", pix_fmt=pix_fmt, colour=(1, space, 1, 1), times=range(2))
    for frame in read_frames(path):
        error = np.abs(frame.rgb().astype(int) - exact(frame, space))
        assert error.max() <= 2, error.max()


@pytest.mark.parametrize("pix_fmt", ["gbrp", "gbrp10le", "yuv440p", "yuv444p12le"])
def test_rgb_agrees_with_swscale_where_siting_is_plain(pix_fmt: str) -> None:
    frame = make(pix_fmt)
    assert np.abs(frame.rgb().astype(int) - exact(frame)).max() <= 2


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le"])
def test_full_range_is_heeded(pix_fmt: str) -> None:
    frame = make(pix_fmt, colour=(1, 2))
    frame.raw.color_range = 2
    assert np.abs(frame.rgb().astype(int) - exact(frame)).max() <= 4


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_a_box_is_the_same_as_that_part_of_the_whole(pix_fmt: str) -> None:
    frame = make(pix_fmt, 97, 75) if "420" not in pix_fmt else make(pix_fmt)
    whole = frame.rgb()
    for box in (Box(0, 0, 1, 1), Box(3, 5, 40, 41), Box(10, 7, frame.width, frame.height)):
        assert np.array_equal(frame.rgb(box), whole[box.slices])


@pytest.mark.parametrize("pix_fmt", [*FORMATS, "gray", "gray10le", "yuv411p", "yuv410p"])
def test_writing_back_what_was_read_changes_no_bit(pix_fmt: str) -> None:
    frame = make(pix_fmt, 97, 75)
    before = frame.planes()
    box = Box(5, 3, 88, 60)
    frame.put(box, frame.rgb(box), np.ones((57, 83), np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(before, frame.planes(), strict=True))


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_another_picture_comes_back_within_two_levels(pix_fmt: str) -> None:
    frame, other = make(pix_fmt), make(pix_fmt, index=7)
    box = Box(4, 6, 84, 66)
    wanted = other.rgb(box)
    frame.put(box, wanted, np.ones((60, 80), np.float32))
    # One chroma sample of margin: at the rim chroma is interpolated with what lies outside.
    error = np.abs(frame.rgb(box).astype(int) - wanted)[2:-2, 2:-2]
    assert error.max() <= 2, error.max()


@pytest.mark.parametrize("pix_fmt", [*FORMATS, "gray10le"])
def test_outside_the_mask_every_bit_stays(pix_fmt: str) -> None:
    frame = make(pix_fmt, 99, 77)
    before = frame.planes()
    box = Box(11, 9, 72, 64)
    mask = np.zeros((55, 61), np.float32)
    cv2.ellipse(mask, (30, 27), (20, 15), 10, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (7, 7), 0)
    frame.put(box, picture(61, 55, 3), mask)
    full = np.zeros((77, 99), bool)
    full[box.slices] = mask > 0
    after = frame.planes()
    for old, new in zip(before, after, strict=True):
        step_y, step_x = round(77 / old.shape[0]), round(99 / old.shape[1])
        padded = np.pad(full, ((0, step_y), (0, step_x)))
        touched = np.zeros(old.shape, bool)
        for dy in range(step_y):
            for dx in range(step_x):
                touched |= padded[dy::step_y, dx::step_x][: old.shape[0], : old.shape[1]]
        assert np.array_equal(old[~touched], new[~touched])
    assert not np.array_equal(before[0], after[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 50), st.integers(1, 30), st.integers(1, 24),
       st.sampled_from(["yuv420p", "yuv422p10le", "yuv444p"]),
       st.sampled_from([0, 90, 180, 270]), st.booleans())  # fmt: skip
def test_any_box_in_any_orientation(
    x: int, y: int, width: int, height: int, pix_fmt: str, rotation: int, mirrored: bool
) -> None:
    frame = make(pix_fmt, 97, 81, orientation=Orientation(rotation, mirrored))
    box = Box(x, y, x + width, y + height).clip(frame.width, frame.height)
    if box.area == 0:
        return
    whole = frame.rgb()
    assert np.array_equal(frame.rgb(box), whole[box.slices])
    frame.put(box, 255 - whole[box.slices], np.full((box.height, box.width), 0.5, np.float32))
    after = frame.rgb().astype(int)
    inside = np.zeros(whole.shape[:2], bool)
    inside[box.expand(3).clip(frame.width, frame.height).slices] = True
    assert np.array_equal(after[~inside], whole[~inside])
    if min(box.width, box.height) > 8:
        middle = after[box.expand(-3).slices].mean()
        assert abs(middle - 127.5) < 6


def test_deep_planes_keep_their_low_bits_where_the_picture_stays() -> None:
    frame = make("yuv420p10le")
    before = frame.planes()
    rgb = frame.rgb()
    rgb[:, 60:] = 255 - rgb[:, 60:]
    frame.put(Box(0, 0, frame.width, frame.height), rgb, np.ones(rgb.shape[:2], np.float32))
    after = frame.planes()
    assert np.array_equal(before[0][:, :60], after[0][:, :60])
    assert len(np.unique(after[0][:, 60:] & 3)) == 4


def test_interlaced_chroma_belongs_to_its_field(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "i.mkv", interlaced=True, options={"preset": "ultrafast", "qp": "0"}
    )
    frame = next(read_frames(path))
    assert frame.interlaced
    # Top field red, bottom field blue, in 4:2:0.
    planes = [np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)
              for p in frame.raw.planes]  # fmt: skip
    for plane, top, bottom in zip(planes, (63, 102, 240), (32, 240, 118), strict=True):
        plane[0::2], plane[1::2] = top, bottom
    rgb = frame.rgb(Box(3, 3, 41, 42)).astype(int)
    assert rgb[1::2, :, 0].min() > 240 and rgb[1::2, :, 2].max() < 15
    assert rgb[0::2, :, 2].min() > 240 and rgb[0::2, :, 0].max() < 15
    before = frame.planes()
    box = Box(3, 3, 41, 42)
    frame.put(box, frame.rgb(box), np.ones((39, 38), np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(before, frame.planes(), strict=True))
    assert frame.interlaced


def test_put_does_not_reach_the_decoder(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "p.mp4", gop=100)
    untouched = [frame.planes() for frame in read_frames(path)]
    for frame, planes in zip(read_frames(path), untouched, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(frame.planes(), planes, strict=True))
        rgb = np.zeros((frame.height, frame.width, 3), np.uint8)
        frame.put(Box(0, 0, frame.width, frame.height), rgb, np.ones(rgb.shape[:2], np.float32))


def test_frames_stay_valid_when_the_reader_is_gone(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "k.mp4")
    kept = list(read_frames(path))
    again = [frame.rgb() for frame in read_frames(path)]
    assert all(np.array_equal(a.rgb(), b) for a, b in zip(kept, again, strict=True))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gbrp", "gray"])
@pytest.mark.parametrize("side", [30, 64, 400])
def test_small_is_the_picture_scaled_down(pix_fmt: str, side: int) -> None:
    frame = make(pix_fmt, 320, 180)
    small = frame.small(side)
    assert max(small.shape[:2]) == min(side, 320)
    wanted = cv2.resize(frame.rgb(), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - wanted).mean() < 1


def test_small_is_turned_like_the_picture() -> None:
    frame = make("yuv420p", 320, 180, orientation=Orientation(90))
    small = frame.small(160)
    assert small.shape == (160, 90, 3) and small.flags.c_contiguous
    wanted = cv2.resize(frame.rgb(), (90, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - wanted).mean() < 1


def test_boxes_outside_and_wrong_shapes_are_refused() -> None:
    frame = make("yuv420p")
    for box in (Box(-1, 0, 5, 5), Box(0, 0, 99, 5), Box(5, 5, 5, 9)):
        with pytest.raises(ValueError, match="not inside"):
            frame.rgb(box)
    with pytest.raises(ValueError, match="needs uint8"):
        frame.put(Box(0, 0, 4, 4), np.zeros((4, 5, 3), np.uint8), np.ones((4, 4), np.float32))


@pytest.mark.parametrize(
    ("packed", "planar"),
    [("nv12", "yuv420p"), ("p010le", "yuv420p10le"), ("yuyv422", "yuv422p"), ("bgr0", "gbrp"),
     ("rgb24", "gbrp"), ("pal8", "gbrp"), ("yuv420p10be", "yuv420p10le"), ("nv24", "yuv444p"),
     ("y210le", "yuv422p10le"), ("rgb48le", "gbrp16le"), ("gray16be", "gray16le")],
)  # fmt: skip
def test_packed_formats_unpack_without_loss(packed: str, planar: str) -> None:
    assert native_format(packed) == planar


def test_unpacking_is_exact() -> None:
    frame = raw_frame(96, 64, 0, "yuv420p")
    back = frame.reformat(format="nv12").reformat(format=native_format("nv12"))
    for one, two in zip(frame.planes, back.planes, strict=True):
        assert bytes(one)[: one.line_size] == bytes(two)[: two.line_size]
    rgb = picture(96, 64, 0)
    planar = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=native_format("rgb24"))
    assert np.array_equal(Frame(planar, 0, Fraction(1)).rgb(), rgb)
