"""Image scores of the mouth, by hand-made pictures and published definitions."""

import numpy as np
import pytest
import torch

from avsynth.face import mesh
from avsynth.media import Box
from avsynth.metrics import image


def picture(seed=0, side=64):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def test_the_mouth_box_is_measured_in_eye_distances():
    points = np.zeros((478, 3))
    points[mesh.EYE_OUTER[0]], points[mesh.EYE_OUTER[1]] = (100, 50, 0), (200, 50, 0)
    points[list(mesh.LIPS_OUTER + mesh.LIPS_INNER)] = (150, 150, 7)
    assert image.mouth_box(points) == Box(95, 106, 205, 200)
    assert image.mouth_box(points[list(mesh.STORED)]) == Box(95, 106, 205, 200)


def test_psnr_and_l1_of_a_known_error():
    real = np.full((10, 10, 3), 100, np.uint8)
    made = np.full((10, 10, 3), 110, np.uint8)
    assert image.l1(made, real) == pytest.approx(10 / 255)
    assert image.psnr(made, real) == pytest.approx(20 * np.log10(255 / 10))
    assert image.psnr(real, real) == np.inf


def test_ssim_is_that_of_torchmetrics():
    metrics = pytest.importorskip("torchmetrics.functional.image")
    a, b = picture(0), picture(1)
    blend = (a * 0.8 + b * 0.2).astype(np.uint8)
    x, y = (torch.from_numpy(v / 255.0).permute(2, 0, 1)[None].float() for v in (blend, a))
    wanted = metrics.structural_similarity_index_measure(x, y, data_range=1.0)
    assert image.ssim(blend, a) == pytest.approx(float(wanted), abs=1e-5)
    assert image.ssim(a, a) == pytest.approx(1.0)


def test_sharpness_falls_with_blur():
    import cv2

    real = picture()
    assert image.sharpness(real, real) == pytest.approx(1.0)
    assert image.sharpness(cv2.GaussianBlur(real, (0, 0), 1.0), real) < 0.3


def test_flicker_counts_jumps_and_not_even_movement():
    even = np.arange(10.0)[:, None, None] * np.ones((1, 4, 4))
    jumping = np.array([0.0, 1.0] * 5)[:, None, None] * np.ones((1, 4, 4))
    assert image.flicker(even) == 0.0
    assert image.flicker(jumping) == pytest.approx(2.0)


def test_the_perceptual_distance_grows_with_the_damage():
    pytest.importorskip("efficientnet_lite_pytorch")
    import cv2

    from avsynth.metrics.perceptual import Lite0Distance

    y, x = np.indices((80, 90))
    real = np.dstack([128 + 100 * np.sin(x / 9), 128 + 90 * np.cos(y / 7), x + y]).astype(np.uint8)
    soft = [cv2.GaussianBlur(real, (0, 0), sigma) for sigma in (1.0, 4.0)]
    none, little, much = Lite0Distance()([real, *soft], [real] * 3)
    assert none == 0.0 and 0.0 < little < much
