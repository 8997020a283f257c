"""What every renderer keeps to, and what the lip-sync renderer adds to the classical one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from test_renderer import open_mouth, person
from torch import Tensor

from avsynth.errors import ResourceError
from avsynth.face.lower_face import face_box
from avsynth.face.render import ClassicalRenderer, Patch, Picture, Renderer, Source, Target
from avsynth.face.warp import Floats
from avsynth.media import Box
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork, compose
from avsynth.models.lipsync_renderer import LipsyncRenderer, correct
from avsynth.weights.engine import TorchEngine

SIDE = 64


@functools.cache
def network(lively: bool = True) -> TorchEngine:
    """Untrained; ``lively`` with heads that change much."""
    torch.manual_seed(0)
    made = LipsyncNetwork(LipsyncConfig(size=SIDE, widths=(8, 8, 8, 8), depth=1))
    if lively:
        for head in (made.coarse, made.fine):
            torch.nn.init.normal_(head.weight, std=0.5)
    return TorchEngine(made.eval(), torch.device("cpu"))


def make(name: str, mean: Floats) -> Renderer:
    return ClassicalRenderer(mean) if name == "classical" else LipsyncRenderer(
        mean, network(), SIDE
    )  # fmt: skip


@pytest.fixture(params=["classical", "gan"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def scene(
    pixels: float = 6.0, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[Floats, Target, Source]:
    """The demo person at a size and a place, asked to open the mouth: mean, target, source."""
    rgb, own = person()
    height, width = rgb.shape[:2]
    size = round(width * scale), round(height * scale)
    picture = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    move = np.array(shift, np.float32)
    own, wanted = own * np.float32(scale) + move, open_mouth(pixels) * np.float32(scale) + move
    picture = cv2.warpAffine(picture, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), size)
    box = face_box(own, wanted).clip(*size)
    offset = np.array([box.x0, box.y0], np.float32)
    here = Picture(np.ascontiguousarray(picture[box.slices]), own - offset)
    return own, Target(here, box, wanted - offset), Source(here, [(here, 1.0)])


def keeps_to_the_contract(patch: Patch, box: Box) -> None:
    assert patch.box == box and patch.rgb.shape == (box.height, box.width, 3)
    assert patch.rgb.dtype == np.uint8 and patch.mask.dtype == np.float32
    assert patch.mask.shape == (box.height, box.width)
    assert patch.mask.min() >= 0.0 and patch.mask.max() <= 1.0


@pytest.mark.parametrize("scale", [0.15, 1.0, 3.1])
def test_any_size_of_face_in_boxes_of_any_size(name: str, scale: float) -> None:
    mean, target, source = scene(scale=scale)
    [patch] = make(name, mean).render([target], [source])
    keeps_to_the_contract(patch, target.box)
    assert patch.mask.any()
    edge = [patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]]
    assert max(float(side.max()) for side in edge) == 0.0


@pytest.mark.parametrize("shift", [(-101.0, 3.0), (60.0, 88.0), (150.0, 0.0)])
def test_a_face_that_leaves_the_picture(name: str, shift: tuple[float, float]) -> None:
    mean, target, source = scene(shift=shift)
    assert target.box.area > 0
    [patch] = make(name, mean).render([target], [source])
    keeps_to_the_contract(patch, target.box)


def test_equal_arguments_give_equal_patches_and_stay_as_they_are(name: str) -> None:
    mean, target, source = scene()
    before = target.frame.rgb.copy(), target.frame.vertices.copy(), target.wanted.copy()
    [a] = make(name, mean).render([target], [source])
    [b] = make(name, mean).render([target], [source])
    assert np.array_equal(a.rgb, b.rgb) and np.array_equal(a.mask, b.mask)
    after = target.frame.rgb, target.frame.vertices, target.wanted
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_many_at_once_are_as_one_by_one(name: str) -> None:
    scenes = [scene(pixels) for pixels in (0.0, 3.0, 8.0)]
    targets, sources = [target for _, target, _ in scenes], [source for *_, source in scenes]
    renderer = make(name, scenes[0][0])
    together = renderer.render(targets, sources)
    for target, source, patch in zip(targets, sources, together, strict=True):
        [alone] = renderer.render([target], [source])
        assert np.array_equal(alone.mask, patch.mask)
        assert np.abs(alone.rgb.astype(int) - patch.rgb).max() <= 1  # sums in another order
    assert renderer.render([], []) == []


def test_what_covers_the_face_is_left_alone(name: str) -> None:
    mean, target, source = scene()
    covered = replace(target, spare=np.ones(len(mean), np.float32))
    [patch] = make(name, mean).render([covered], [source])
    assert not patch.mask.any()


def test_the_network_changes_what_the_mask_shows_and_nothing_else() -> None:
    mean, target, source = scene()
    [classical] = make("classical", mean).render([target], [source])
    [gan] = make("gan", mean).render([target], [source])
    assert np.array_equal(classical.mask, gan.mask)
    away = np.abs(classical.rgb.astype(int) - gan.rgb).max(axis=2)
    assert away[gan.mask > 0.5].mean() > 5
    outside = away[cv2.dilate((gan.mask > 0).astype(np.uint8), np.ones((3, 3))) == 0]
    x, y, width, height = cv2.boundingRect((gan.mask > 0).view(np.uint8))
    away[y : y + height, x : x + width] = 0
    assert len(outside) and not away.any()


def test_an_untrained_network_begins_near_the_classical_patch() -> None:
    mean, target, source = scene()
    [classical] = make("classical", mean).render([target], [source])
    [gan] = LipsyncRenderer(mean, network(lively=False), SIDE).render([target], [source])
    away = np.abs(classical.rgb.astype(int) - gan.rgb)[gan.mask > 0]
    assert 0.0 < away.mean() < 3.0


@pytest.mark.parametrize(("times", "mean", "most"), [(1, 0.6, 2.0), (3, 0.8, 8.0)])
def test_the_patch_is_what_training_composes(times: int, mean: float, most: float) -> None:
    """On the square itself, and on a finer picture of the same square.

    There shares and paint are multiplied before they are interpolated, not after: where both
    change from pixel to pixel, as here, that is a few levels.
    """
    torch.manual_seed(1)
    side = SIDE * times
    random = np.random.default_rng(0)
    rough = random.integers(0, 256, (side, side, 3)).astype(np.uint8)
    rgb = cv2.GaussianBlur(rough, (0, 0), 2.0 * times)
    rgb = cv2.normalize(rgb, None, 0, 255, cv2.NORM_MINMAX)
    lively = network()
    square = torch.from_numpy(cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    picture = square.permute(2, 0, 1)[None].float() / 255.0
    made = lively({"picture": picture, "maps": torch.rand(1, 3, SIDE, SIDE)})
    whole = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255.0
    expected = compose(whole, whole, torch.ones(1, 1, side, side), made)[0].permute(1, 2, 0) * 255.0
    matrix = np.array([[1 / times, 0, 0.5 / times - 0.5], [0, 1 / times, 0.5 / times - 0.5]])
    patch = Patch(Box(0, 0, side, side), rgb, np.ones((side, side), np.float32))
    result = correct(patch, matrix, {key: value[0].numpy() for key, value in made.items()})
    away = np.abs(result.rgb - expected.numpy())
    assert np.abs(rgb - expected.numpy()).mean() > 5.0  # much was to be done
    assert away.mean() <= mean and np.percentile(away, 99.9) <= most


def test_too_little_memory_is_met_with_halves() -> None:
    sizes: list[int] = []

    def small(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        sizes.append(len(batch["picture"]))
        if sizes[-1] > 2:
            raise ResourceError("out of memory on the GPU")
        return network()(batch)

    mean, target, source = scene()
    renderer = LipsyncRenderer(mean, small, SIDE)
    patches = renderer.render([target] * 5, [source] * 5)
    [alone] = renderer.render([target], [source])
    assert sizes == [5, 2, 3, 1, 2, 1]
    assert all(np.abs(alone.rgb.astype(int) - patch.rgb).max() <= 1 for patch in patches)

    def none(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        raise ResourceError("out of memory on the GPU")

    with pytest.raises(ResourceError):
        LipsyncRenderer(mean, none, SIDE).render([target], [source])
