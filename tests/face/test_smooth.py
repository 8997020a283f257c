"""Smoothing takes noise away from what is still and nothing from what moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.smooth import CONTEXT, smooth

EYES = 120.0
NOISE = 0.0015 * EYES  # of the landmarks on a still face, measured on real clips
Floats = NDArray[np.float64]


def face(seed: int = 0) -> Floats:
    """A still face of STORED points: the generic upper face, the rest at random below it."""
    rng = np.random.default_rng(seed)
    points = rng.uniform((-0.5, 0.5, -0.3), (0.5, 1.2, 0.3), (len(mesh.STORED), 3))
    points[mesh.stored(mesh.RIGID)] = GENERIC_TEMPLATE
    return points * EYES


def noisy(clean: Floats, seed: int = 1) -> Floats:
    return clean + np.random.default_rng(seed).normal(0, NOISE, clean.shape)


def rms(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))


def test_a_still_face_becomes_stiller() -> None:
    clean = np.repeat(face()[None], 80, axis=0)
    measured = noisy(clean)
    rigid = mesh.stored(mesh.RIGID)
    result = smooth(measured, np.arange(80))
    before, after = (np.diff(x[:, rigid, :2], axis=0) for x in (measured, result))
    assert rms(after) < 0.5 * rms(before)


@pytest.mark.parametrize("step", [0.02, 0.1, 0.3])
def test_a_head_that_starts_and_stops_is_not_late(step: float) -> None:
    """A head at rest, then moving ``step`` eye distances a frame, then at rest."""
    along = np.clip(np.arange(60) - 20, 0, 20) * step * EYES
    clean = face()[None] + along[:, None, None] * np.array([1.0, 0.3, 0.0])
    result = smooth(noisy(clean), np.arange(60))
    error = (result - clean)[:, mesh.stored(mesh.RIGID), :2].mean(axis=1)
    assert np.abs(error).max() < 0.006 * EYES
    moving = slice(24, 36)  # neither late nor early on average
    assert abs(error[moving, 0].mean()) < 0.002 * EYES


def test_lips_keep_a_closure_of_two_frames() -> None:
    """An open mouth that closes for two frames, as for a p, closes in the result too."""
    clean = np.repeat(face()[None], 40, axis=0)
    top, bottom = mesh.stored(mesh.LIP_TOP_BOTTOM)
    clean[:, top], clean[:, bottom] = (0, 60, 0), (0, 60, 0)
    clean[:, bottom, 1] += 0.1 * EYES
    clean[20:22, bottom, 1] = 60
    # the other lip points follow, as they do in a face
    lips = np.setdiff1d(mesh.stored(mesh.LIPS_OUTER + mesh.LIPS_INNER), [top, bottom])
    clean[20:22, lips, 1] -= 0.06 * EYES
    result = smooth(noisy(clean), np.arange(40))
    opening = (result[:, bottom, 1] - result[:, top, 1]) / EYES
    assert opening[20:22].max() < 0.02
    assert opening[10:15].min() > 0.09


def test_segments_with_context_equal_the_whole() -> None:
    rng = np.random.default_rng(5)
    path = np.cumsum(rng.normal(0, 1, (90, 1, 3)), axis=0)
    points = noisy(face()[None] + path).astype(np.float32)
    frames = np.delete(np.arange(95), [30, 31, 60, 61, 62])  # gaps
    whole = smooth(points, frames)
    for first, last in ((0, 40), (40, 70), (70, 90)):
        low, high = frames[first] - CONTEXT, frames[last - 1] + CONTEXT
        rows = np.flatnonzero((frames >= low) & (frames <= high))
        part = smooth(points[rows], frames[rows])
        kept = (rows >= first) & (rows < last)
        np.testing.assert_array_equal(part[kept], whole[first:last])


def test_nothing_is_smoothed_across_a_long_gap() -> None:
    points = noisy(np.repeat(face()[None], 40, axis=0))
    points[20:] += 500.0
    frames = np.concatenate([np.arange(20), np.arange(20) + 20 + CONTEXT])
    both = smooth(points, frames)
    np.testing.assert_array_equal(both[:20], smooth(points[:20], frames[:20]))


def test_one_frame_passes_through() -> None:
    points = face()[None].astype(np.float32)
    np.testing.assert_array_equal(smooth(points, [7]), points)
