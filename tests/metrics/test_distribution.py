"""Distances of distributions: equal ones, shifted ones, and small cases by hand."""

import numpy as np
import pytest

from avsynth.errors import InputError
from avsynth.metrics.distribution import density_coverage, frechet, kid
from avsynth.metrics.lite0 import Lite0


def normal(seed, count, size, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1.0, (count, size))


def test_the_kernel_distance_of_two_by_two_samples_is_what_a_pencil_says():
    # Twice the same block, so that its error is 0. With D = 1 the kernel is (x y + 1)^3:
    # made 0, 1: k(0, 1) = 1; real 1, 2: k(1, 2) = 27; both: k(0, 1) = k(0, 2) = 1, k(1, 1) = 8,
    # k(1, 2) = 27, mean 37 / 4. So 1 + 27 - 2 * 37 / 4 = 9.5.
    made, real = np.array([[0.0], [1.0]] * 2), np.array([[1.0], [2.0]] * 2)
    assert kid(made, real, block=2) == pytest.approx((9.5, 0.0))


def test_the_kernel_distance_of_equal_distributions_is_nought_within_its_error():
    draws = [kid(normal(2 * i, 600, 8), normal(2 * i + 1, 600, 8)) for i in range(40)]
    values = np.array([d.value for d in draws])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    # The error that each says of itself is how much they differ from one another.
    assert np.mean([d.error for d in draws]) == pytest.approx(values.std(), rel=0.35)


def test_the_kernel_distance_grows_with_a_shift():
    near, far = (kid(normal(0, 600, 8, shift), normal(1, 600, 8)) for shift in (0.4, 1.0))
    assert 3 * near.error < near.value < far.value - 3 * far.error


def test_frechet_is_that_of_the_gaussians():
    made = np.concatenate([normal(0, 4000, 3) * (2.0, 1.0, 1.0) + (0.0, 3.0, 0.0)])
    # |mean|^2 = 9, and (2 - 1)^2 of the spreads.
    assert frechet(made, normal(1, 4000, 3)) == pytest.approx(10.0, rel=0.03)
    assert frechet(made, made) == pytest.approx(0.0, abs=1e-9)


def test_frechet_turns_with_the_axes():
    turn = np.linalg.qr(normal(3, 4, 4))[0]
    a, b = normal(0, 2500, 4) * (1.0, 2.0, 3.0, 0.5), normal(1, 2500, 4)
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-6)


def test_frechet_wants_two_thousand_samples():
    with pytest.raises(InputError, match="1999 samples are too few"):
        frechet(normal(0, 1999, 4), normal(1, 3000, 4))
    assert frechet(normal(0, 2000, 4), normal(1, 2000, 4)) < 0.1


def test_density_and_coverage_of_a_line_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    # Radii to the nearest other: 1, 1, 1, 8. Made: 0.5 lies within 0 and 1; 2.5 within 2 and, 7.5
    # away, within 10. So 4 of 2 samples x 1 neighbour = 2; all four have one near.
    assert density_coverage([[0.5], [2.5]], real, neighbours=1) == pytest.approx((2.0, 1.0))
    assert density_coverage([[0.4], [0.5]], real, neighbours=1) == pytest.approx((2.0, 0.5))
    assert density_coverage([[30.0]], real, neighbours=1) == (0.0, 0.0)


def test_density_and_coverage_of_equal_distributions_are_high_and_of_one_mode_low():
    real = normal(0, 500, 6)
    equal, one = density_coverage(normal(1, 500, 6), real), density_coverage(real[:1] * 0.9, real)
    assert equal.density == pytest.approx(1.0, abs=0.15) and equal.coverage > 0.9
    assert one.coverage < 0.2


@pytest.mark.parametrize("metric", [kid, frechet, density_coverage])
def test_features_of_different_length_are_refused(metric):
    with pytest.raises(InputError, match="features"):
        metric(normal(0, 10, 3), normal(0, 10, 4))


def test_too_few_samples_are_refused():
    with pytest.raises(InputError, match="two blocks"):
        kid(normal(0, 199, 3), normal(1, 500, 3))
    with pytest.raises(InputError, match="neighbour"):
        density_coverage(normal(0, 9, 3), normal(1, 5, 3))


def test_features_of_pictures_do_not_depend_on_their_neighbours():
    pytest.importorskip("efficientnet_lite_pytorch")
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    together = Lite0().pooled(pictures)
    assert together.shape == (3, 1280)
    assert np.allclose(Lite0().pooled(pictures[1:2]), together[1:2], atol=1e-4)
    assert np.abs(together[0] - together[1]).max() > 0.1
