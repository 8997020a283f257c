"""Cuts are found; light, motion and stillness are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avsynth.face.roi import Picture
from avsynth.face.shots import ShotDetector
from avsynth.media import read_frames


def scene(seed: int, width: int = 640, height: int = 360) -> Picture:
    """A picture with structure at several sizes."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3))
    for size in (90, 40, 12):
        coarse = rng.uniform(0, 255, (height // size + 2, width // size + 2, 3))
        out += np.kron(coarse, np.ones((size, size, 1)))[:height, :width] / 3
    return out.astype(np.uint8)


def cuts(pictures: list[Picture]) -> list[int]:
    detector = ShotDetector()
    return [i for i, picture in enumerate(pictures) if detector.update(picture)]


def test_every_cut_is_found() -> None:
    pictures = [scene(i // 6) for i in range(60)]
    assert cuts(pictures) == list(range(6, 60, 6))


@pytest.mark.parametrize("gain, lift", [(1.6, 40), (4.0, 120), (0.2, 0), (0.0, 255), (0.0, 0)])
def test_flash_and_darkness_are_no_cuts(gain: float, lift: float) -> None:
    still = scene(1)
    struck = np.clip(still * gain + lift, 0, 255).astype(np.uint8)
    assert cuts([still] * 4 + [struck] * 2 + [still] * 4) == []


def test_a_cut_through_black_is_found_when_the_picture_returns() -> None:
    black = np.zeros_like(scene(1))
    assert cuts([scene(1)] * 3 + [black] * 3 + [scene(2)] * 3) == [6]


@pytest.mark.parametrize("pixels", [5, 20, 40])
def test_a_fast_pan_is_no_cut(pixels: int) -> None:
    wide = scene(3, width=640 + 12 * 40)
    assert cuts([wide[:, i * pixels : i * pixels + 640] for i in range(12)]) == []


def test_a_new_bright_scene_after_a_flash_is_a_cut() -> None:
    bright = np.clip(scene(2).astype(int) + 150, 0, 255).astype(np.uint8)
    assert len(cuts([scene(1)] * 4 + [bright] * 6)) == 1


@pytest.mark.data
def test_the_one_cut_of_a_real_scene(data_dir: Path) -> None:
    clip = data_dir / "clips" / "640x360_multiface_profile_cuts_noaudio.mp4"
    assert cuts([frame.small(640) for frame in read_frames(clip)]) == [86]


@pytest.mark.data
def test_no_cut_in_a_moving_camera(data_dir: Path) -> None:
    clip = data_dir / "clips" / "1280x720_woman_threequarter_30fps_noaudio.mp4"
    assert cuts([frame.small(640) for frame in read_frames(clip)]) == []
