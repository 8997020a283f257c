"""Corpora of faces, their disturbances, and self-blended faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.mesh import EYE_OUTER, LIPS_OUTER, MOUTH_JAW, STORED, stored
from avsynth.training.face_corpus import FRAMES, MASK, SIZE, FaceWriter, open_faces
from avsynth.training.film_disturbance import Chances, degrade, disturb
from avsynth.training.self_blend import REGIONS, eye_distance, self_blend, soft_mask

Film = NDArray[np.uint8]
QUIET = dict.fromkeys(Chances.__slots__, 0.0)


def film(seed: int = 0, frames: int = 3, side: int = 96) -> Film:
    """Smooth colours with some grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    soft = 90 + 80 * np.sin(4 * x[..., None] + random.uniform(0, 6, 3)) * np.cos(5 * y[..., None])
    return np.clip(soft + random.normal(0, 8, (frames, side, side, 3)), 0, 255).astype(np.uint8)


def points(frames: int = 3, side: int = 96) -> NDArray[np.float32]:
    """Landmarks on an oval, with lips and eyes where they belong."""
    angles = np.linspace(0, 2 * np.pi, len(STORED), endpoint=False)
    face = np.stack([0.5 + 0.3 * np.cos(angles), 0.52 + 0.38 * np.sin(angles)], axis=1)
    jaw = stored(MOUTH_JAW)
    face[jaw, 1] = 0.6 + np.abs(face[jaw, 1] - 0.6)
    face[stored((2, 98, 327))] = [[0.5, 0.58], [0.46, 0.57], [0.54, 0.57]]  # below the nose
    ring = np.linspace(0, 2 * np.pi, len(LIPS_OUTER), endpoint=False)
    face[stored(LIPS_OUTER)] = np.stack([0.5 + 0.1 * np.cos(ring), 0.7 + 0.04 * np.sin(ring)], 1)
    face[stored(EYE_OUTER)] = [[0.32, 0.4], [0.68, 0.4]]
    return np.repeat((face * side)[None], frames, axis=0).astype(np.float32)


def about(name: str, **more: Any) -> dict[str, Any]:
    given = {
        "name": name, "label": "real", "family": "real", "system": "", "person": "a",
        "source": "grid", "split": "train", "original": "", "purpose": "commercial",
        "zoom": 1.5, "codec": "x1.00 h264:20",
    }  # fmt: skip
    return given | more


def add(writer: FaceWriter, name: str, seed: int = 0, **more: Any) -> None:
    masks = np.full((FRAMES, MASK, MASK), 0.5 if more.get("label") == "fake" else 0.0, np.float32)
    writer.add(film(seed, FRAMES, SIZE), points(FRAMES, SIZE), masks, **about(name, **more))


def test_a_corpus_gives_back_what_was_put_in(tmp_path: Path) -> None:
    with FaceWriter(tmp_path) as writer:
        add(writer, "one", 1)
    with FaceWriter(tmp_path, append=True) as writer:
        add(writer, "one-warp", 2, label="fake", family="warp", original="one")
    corpus = open_faces(tmp_path)
    assert [item.name for item in corpus.items] == ["one", "one-warp"]
    for item, seed in zip(corpus.items, (1, 2), strict=True):
        kept = corpus.film(item)
        assert kept.shape == (FRAMES, SIZE, SIZE, 3)
        assert np.abs(kept.astype(int) - film(seed, FRAMES, SIZE)).mean() < 3.0
        assert (corpus.film(item, 5, 6)[0] == kept[5]).all()
        assert (corpus.points(item) == points(FRAMES, SIZE)).all()
        assert abs(corpus.masks(item).mean() - (0.5 if item.label == "fake" else 0.0)) < 0.01


def test_nobody_stands_in_two_splits(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="a is in train and in dev"),
        FaceWriter(tmp_path) as writer,
    ):
        add(writer, "one")
        add(writer, "two", split="dev")
    with pytest.raises(InputError, match="not a corpus"):
        open_faces(tmp_path / "nothing")


def test_equal_draws_treat_a_fake_as_its_original() -> None:
    real = film()
    fake = real.copy()
    fake[:, 60:80, 30:60] += 7
    uncoded = Chances(jpeg=0.0, encoded=0.0)  # encoders let a little of it through elsewhere
    for seed in range(12):
        worn = [degrade(f, np.random.default_rng(seed), uncoded) for f in (real, fake)]
        far = np.abs(worn[0].astype(int) - worn[1]).max(axis=(0, 3))
        assert far[:40].max() == 0 and far[60:80, 30:60].mean() > 1


def test_only_disturb_mirrors() -> None:
    still = Chances(**QUIET | {"mirrored": 1.0})  # type: ignore[arg-type]
    assert (disturb(film(), np.random.default_rng(0), still) == film()[:, :, ::-1]).all()
    assert (degrade(film(), np.random.default_rng(0), still) == film()).all()


@pytest.mark.parametrize("name", [n for n in Chances.__slots__ if n not in ("mirrored", "twice")])
def test_every_disturbance_does_something(name: str) -> None:
    alone = Chances(**QUIET | {name: 1.0})  # type: ignore[arg-type]
    assert (degrade(film(), np.random.default_rng(1), alone) != film()).mean() > 0.2


@pytest.mark.parametrize("region", REGIONS)
def test_a_blend_changes_its_region_and_nothing_else(region: Any) -> None:
    made, mask, named = self_blend(film(), points(), np.random.default_rng(3), region)
    changed = np.abs(made.astype(int) - film()).max(axis=-1)
    assert named == region and mask.shape == changed.shape
    assert mask.min() >= 0 and mask.max() <= 1
    assert changed[mask == 0].max() == 0
    assert changed[mask > 0.4].mean() > 1.0
    top = np.nonzero(mask > 0.5 * mask.max())[1].min() / mask.shape[1]
    assert (top < 0.4) == region.startswith("face")  # where the eyes are


def test_masks_follow_the_face() -> None:
    moved = points() + np.arange(3, dtype=np.float32)[:, None, None] * (6.0, 0.0)
    mask = soft_mask((96, 120), moved.astype(np.float32), "mouth", np.random.default_rng(0))
    middles = [np.average(np.nonzero(m > 0.5)[1]) for m in mask]
    assert np.allclose(np.diff(middles), 6.0, atol=0.5)
    assert eye_distance(points()) == pytest.approx(0.36 * 96)
