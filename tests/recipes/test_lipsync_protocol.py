"""The reconstruction protocol: what a frame is made of, and what its makers never saw."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from avsynth.face.lower_face import LIPS

RECIPE = Path(__file__).parents[2] / "recipes" / "lipsync"
OURS = ("evaluate", "footage", "cross", "looks", "sources")
HIDDEN = 40  # the frame that is watched


@pytest.fixture(scope="module")
def evaluate():
    """recipes/lipsync/evaluate.py, whose name other recipes use too."""
    pytest.importorskip("torchmetrics")
    hidden = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    path, threads = list(sys.path), torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.insert(0, str(RECIPE))
    yield importlib.import_module("evaluate")
    sys.path[:] = path
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(hidden)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def case(evaluate, tmp_path_factory):
    import os

    folder = os.environ.get("AVSYNTH_DATA")
    if not folder:
        pytest.skip("AVSYNTH_DATA does not point to the real media")
    import sources

    from avsynth.face.landmarks import open_detector

    item = next(i for i in sources.table(Path(folder) / "grid.csv") if i.split == "dev")
    cache = tmp_path_factory.mktemp("cache")
    with open_detector("mediapipe") as detector:
        sources.extract(item, cache / item.source / f"{item.name}.npz", detector)
    [found] = evaluate.case_of("grid", item, cache, {})
    return found


@pytest.mark.data
def test_a_frame_is_made_of_nothing_near_it(evaluate, case):
    film = evaluate.reconstruct(case, "oracle:classical")
    clip = case.clip
    kept = [picture.copy() for picture in clip.pictures]
    rng = np.random.default_rng(0)
    for number in range(HIDDEN - 12, HIDDEN + 13):
        box = clip.boxes[number]
        if number != HIDDEN:
            noise = rng.integers(0, 256, clip.pictures[number][box.slices].shape)
            clip.pictures[number][box.slices] = noise
    try:
        again = evaluate.reconstruct(case, "oracle:classical")
    finally:
        clip.pictures[:] = kept
    assert np.array_equal(again[HIDDEN], film[HIDDEN])
    others = [n for n in range(len(film)) if abs(n - HIDDEN) > 12]
    assert any(not np.array_equal(again[n], film[n]) for n in others)  # the noise could be taken


@pytest.mark.data
def test_a_frame_s_own_mouth_is_not_in_it(evaluate, case):
    clip = case.clip
    lips = clip.target(HIDDEN, clip.vertices[HIDDEN])
    kept = clip.pictures[HIDDEN].copy()
    film = evaluate.reconstruct(case, "oracle:classical")[HIDDEN]
    points = lips.wanted[LIPS] + np.array([lips.box.x0, lips.box.y0])
    (x0, y0), (x1, y1) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    clip.pictures[HIDDEN][y0:y1, x0:x1] = 0
    try:
        again = evaluate.reconstruct(case, "oracle:classical")[HIDDEN]
    finally:
        clip.pictures[HIDDEN][:] = kept
    moved = again[y0:y1, x0:x1].astype(int) - film[y0:y1, x0:x1]
    assert np.abs(moved).mean() < 2.0 < np.abs(film[y0:y1, x0:x1].astype(int)).mean()


@pytest.mark.data
def test_the_truth_scores_perfectly_and_a_frozen_mouth_does_not(evaluate, case):
    pytest.importorskip("efficientnet_lite_pytorch")
    judge = evaluate.Judge()
    clip = case.clip
    real = judge.row("real", case, clip.pictures)
    assert real["ssim"] == pytest.approx(1.0) and real["lmd_lag0"] < 1e-3
    assert real["lite0"] == 0.0 and real["flicker"] == pytest.approx(1.0)
    renderer = evaluate.make_renderer("classical", clip)
    still = clip.poses.to_image(np.repeat(clip.canonical[:1], len(clip), axis=0))[..., :2]
    wanted = [clip.wanted(t, mouth) for t, mouth in enumerate(still)]
    frozen = [clip.render(renderer, t, wanted[t], 0, [(0, 1.0)]) for t in range(len(clip))]
    held = judge.row("frozen", case, frozen)
    assert held["psnr"] < 40 and held["lmd"] > 0.005 and held["extent"] < 0.4


@pytest.mark.data
def test_rotated_sound_moves_the_mouth_later(evaluate, case):
    from avsynth.metrics import sync

    listener = evaluate.speech("motion-small-mel")
    plain = evaluate.units_of(listener, case.clip.samples, len(case.clip))[:, 0]
    turned = np.roll(case.clip.samples, 10 * 640)
    late = evaluate.units_of(listener, turned, len(case.clip))[:, 0]
    assert sync.best_lag(plain, late, 15)[1] in (9, 10, 11)
