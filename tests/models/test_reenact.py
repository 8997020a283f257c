"""The reenactment network and its renderer: calm at first, silent where nothing moves."""

import cv2
import numpy as np
import portrait_helpers as made
import pytest
import torch

from avsynth.errors import ResourceError, UsageError, WeightsError
from avsynth.face.hollow import Hollow
from avsynth.face.portrait import MeshPortrait, Portrait, region_mask
from avsynth.media import Box
from avsynth.models.reenact import ReenactConfig, ReenactNetwork, compose, example_batch
from avsynth.models.reenact_renderer import ReenactPortrait, squares, to_batch
from avsynth.weights import file as weights_file
from avsynth.weights.reenacting import reenact_models

CONFIG = ReenactConfig(size=96, widths=(8, 8, 16, 16))


def network(excited=0.0, config=CONFIG):
    """A network that answers as if it were trained, the more so the more ``excited``."""
    torch.manual_seed(3)
    result = ReenactNetwork(config).eval()
    if excited:
        for head in (result.coarse, result.fine):
            torch.nn.init.normal_(head.weight, std=excited)
            torch.nn.init.normal_(head.bias, std=excited)
    return result


def running(net):
    return torch.inference_mode()(net)


def random_batch(config=CONFIG, flow=3.0):
    generator = torch.Generator().manual_seed(5)
    batch = {
        name: torch.rand(2, *value.shape[1:], generator=generator)
        for name, value in example_batch(config).items()
    }
    batch["flow"] = (batch["flow"] - 0.5) * flow
    batch["hollow"] *= 0.1
    return batch


def test_shapes_and_size():
    made_of = network()(random_batch())
    shapes = {name: tuple(value.shape) for name, value in made_of.items()}
    assert shapes == {
        "flow": (2, 2, 24, 24), "added": (2, 3, 96, 96),
    }  # fmt: skip
    small = ReenactNetwork(ReenactConfig())
    assert sum(p.numel() for p in small.parameters()) <= 500_000


def test_untrained_it_is_the_mesh():
    portrait, wanted = made.portrait(), list(made.wanted()[4:6])
    ours = ReenactPortrait(portrait, running(network()), CONFIG.size).render(wanted)
    mesh = MeshPortrait(portrait).render(wanted)
    for a, b in zip(ours, mesh, strict=True):
        assert a.box == b.box
        assert np.array_equal(a.mask, b.mask)
        assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 0.7


@pytest.mark.parametrize("excited", [0.0, 0.5])
def test_identity_is_the_source_whatever_was_learned(excited):
    portrait = made.portrait()
    renderer = ReenactPortrait(portrait, running(network(excited)), CONFIG.size)
    [patch] = renderer.render([portrait.points])
    assert np.abs(patch.rgb.astype(int) - portrait.rgb).max() <= 1


def test_an_excited_network_has_its_say_where_something_moves():
    portrait, wanted = made.portrait(), [made.wanted()[5]]
    calm, wild = (
        ReenactPortrait(portrait, running(network(x)), CONFIG.size).render(wanted)[0].rgb
        for x in (0.0, 0.3)
    )
    assert np.abs(calm.astype(int) - wild).mean() > 2


def test_no_motion_no_say():
    batch = random_batch(flow=0.0)
    answer = network(0.5)(batch)
    assert not answer["flow"].any()
    assert torch.equal(answer["added"], batch["hollow"])


def test_the_renderer_does_what_compose_does():
    """The renderer's arithmetic in pixels against the one that training differentiates."""
    side = 128
    config = CONFIG.model_copy(update={"size": side})
    portrait = made.portrait()
    rgb = cv2.resize(portrait.rgb[: min(portrait.rgb.shape[:2]), : min(portrait.rgb.shape[:2])],
                     (side, side), interpolation=cv2.INTER_AREA)  # fmt: skip
    scale = np.float32(side / min(portrait.rgb.shape[:2]))
    small = Portrait(np.ascontiguousarray(rgb), Box(0, 0, side, side), portrait.points * scale)
    net = network(0.1, config)
    seen = {}

    def spy(batch):
        answer = running(net)(batch)
        seen.update(batch=batch, answer=answer)
        return answer

    [patch] = ReenactPortrait(small, spy, side).render([made.wanted()[5] * scale])
    mask = torch.from_numpy(region_mask(side, side))[None, None]
    batch = seen["batch"]
    whole = compose(batch["source"], batch["flow"], torch.ones_like(mask), seen["answer"])
    expected = whole[0].permute(1, 2, 0).numpy() * 255
    inside = patch.mask > 0
    assert np.abs(expected - patch.rgb)[inside].max() < 8  # cubic kernels differ a little
    assert np.abs(expected - patch.rgb)[inside].mean() < 0.8
    assert np.abs(expected - small.rgb)[inside].mean() > 3
    masked = compose(batch["source"], batch["flow"], mask, seen["answer"])
    assert torch.equal(masked[..., 0, :], batch["source"][..., 0, :])


def test_compose_works_at_any_resolution_of_the_square():
    batch = random_batch()
    smooth = torch.nn.functional.interpolate(
        torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(1)), size=(192, 192),
        mode="bicubic",
    ).clamp(0, 1)  # fmt: skip
    flow = torch.full_like(batch["flow"], 2.0)
    small_source = torch.nn.functional.avg_pool2d(smooth, 2)
    batch |= {"flow": flow, "source": small_source, "warped": small_source}
    answer = network(0.05)(batch)
    # Grain of single pixels cannot be the same at half the size.
    answer["added"] = torch.nn.functional.avg_pool2d(answer["added"], 9, 1, 4)
    mask = torch.ones(1, 1, 192, 192)
    large = compose(smooth, flow, mask, answer)
    small = compose(small_source, flow, mask[..., ::2, ::2], answer)
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 0.02


def test_batches_do_not_matter_and_memory_may_be_short():
    portrait, wanted = made.portrait(), list(made.wanted()[:10])
    net = running(network(0.2))

    def short(batch):
        if len(batch["flow"]) > 1:
            raise ResourceError("too little memory")
        return net(batch)

    together = ReenactPortrait(portrait, net, CONFIG.size).render(wanted)
    alone = ReenactPortrait(portrait, short, CONFIG.size).render(wanted)
    assert len(together) == len(wanted)
    for a, b in zip(together, alone, strict=True):
        assert np.abs(a.rgb.astype(int) - b.rgb).max() <= 4  # flows are rounded to 1/32 of a pixel
        assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 0.01
    assert ReenactPortrait(portrait, net, CONFIG.size).render([]) == []


def test_a_batch_may_have_a_source_each():
    rng = np.random.default_rng(0)
    sources = [rng.integers(0, 256, (96, 96, 3), dtype=np.uint8) for _ in range(2)]
    still, points = np.zeros((96, 96, 2), np.float32), made.wanted()[0] / 4
    seen = [squares(source, Hollow(source, points), still, points) for source in sources]
    batch = to_batch(sources, seen)
    assert {k: tuple(v.shape[1:]) for k, v in batch.items()} == {
        k: tuple(v.shape[1:]) for k, v in example_batch(CONFIG).items()
    }
    assert torch.equal(batch["source"], batch["warped"])
    assert not torch.equal(batch["source"][0], batch["source"][1])


def test_weights_are_chosen_and_checked(tmp_path):
    statement = {"name": "r", "purpose": "research", "licence": "none"}
    path = tmp_path / "r.safetensors"
    weights_file.write(path, "reenact", network(0.1), CONFIG, {}, statement)
    models = reenact_models(weights=str(path), engine="torch")
    assert models.research is not None
    assert len(models.loaded) == 1
    portrait = made.portrait()
    renderer = models.renderer(portrait)
    assert renderer.name == "gan"
    [patch] = renderer.render([made.wanted()[3]])
    assert patch.rgb.shape == portrait.rgb.shape
    fast = reenact_models("fast")
    assert fast.loaded == ()
    assert fast.research is None
    assert fast.renderer(portrait).name == "mesh"
    with pytest.raises(UsageError, match="fast"):
        reenact_models("fast", str(path))
    with pytest.raises(WeightsError, match="do not move portraits"):
        reenact_models(weights="lipsync-small")
