"""Portraits from numbers: a generator that three trainings share, shape apart from texture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from avsynth.models.face_shape import ShapeWarp
from avsynth.models.face_vae import FacesConfig, FaceVae, example_batch

SMALL = {"size": 32, "latent": 6, "encoder": (4, 6, 8), "decoder": (8, 8, 6, 4)}


def network(**changes: object) -> FaceVae:
    torch.manual_seed(0)
    return FaceVae(FacesConfig.model_validate(SMALL | changes)).eval()


def smooth(modes: int = 2, grid: int = 8) -> ShapeWarp:
    """Fields as faces have them: in the middle up to 3 % of the side, still at the border."""
    warp = ShapeWarp(modes, grid)
    hill = torch.hann_window(grid, periodic=False)
    warp.fields.copy_(0.06 * hill[:, None] * hill * torch.randn(modes, 2, 1, 1))
    return warp


def ramps(side: int) -> Tensor:
    """A picture on which each place can be told from the others."""
    line = (torch.arange(side) + 0.5) / side
    return torch.stack([line.expand(side, side), line[:, None].expand(side, side)])[None]


def test_pictures_have_their_size_and_range_and_differ() -> None:
    made = network()({"latent": torch.randn(3, 6) * 4})["picture"]
    assert made.shape == (3, 3, 32, 32) and made.dtype == torch.float32
    assert made.min() >= 0 and made.max() <= 1
    assert (made[0] - made[1]).abs().max() > 0.01


def test_the_encoder_says_mean_and_variance_of_each_latent() -> None:
    mean, variance = network().encode(torch.rand(2, 3, 32, 32))
    assert mean.shape == variance.shape == (2, 6)
    with pytest.raises(ValueError, match="no encoder"):
        network(encoder=()).encode(torch.rand(2, 3, 32, 32))


def test_with_and_without_encoder_the_generator_is_the_same() -> None:
    vae, gan = network(), network(encoder=())
    sizes = [{n: p.shape for n, p in x.decoder.named_parameters()} for x in (vae, gan)]
    assert sizes[0] == sizes[1]


def test_sizes_are_those_that_can_be_halved() -> None:
    assert network(size=24)({"latent": torch.zeros(1, 6)})["picture"].shape == (1, 3, 24, 24)
    with pytest.raises(ValueError, match="36 px"):
        network(size=36)


def test_drawn_latents_follow_what_was_settled() -> None:
    faces = network()
    normal = torch.randn(4000, 6, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = faces({"latent": normal[:2]})["picture"]
        assert torch.equal(before, faces.decode(normal[:2])[0])
        mixing = torch.eye(6) + 0.3 * torch.ones(6, 6)
        faces.settle(torch.arange(6.0), mixing)
        seen: list[Tensor] = []
        faces.decoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        faces({"latent": normal})
    assert torch.allclose(seen[0].mean(dim=0), torch.arange(6.0), atol=0.1)
    assert torch.allclose(torch.cov(seen[0].T), mixing, atol=0.15)


def test_the_mean_shape_leaves_pixels_where_they_are() -> None:
    picture = torch.rand(2, 3, 16, 16)
    still = torch.zeros(2, 2)
    assert torch.allclose(smooth().to_texture(picture, still), picture, atol=1e-5)
    assert torch.allclose(smooth().to_portrait(picture, still), picture, atol=1e-5)


def test_a_texture_shows_at_x_what_the_portrait_has_at_x_plus_the_field() -> None:
    torch.manual_seed(2)
    warp, shape = smooth(), torch.tensor([[1.0, -0.5]])
    moved = warp.to_texture(ramps(32), shape)
    field = warp.displacement(shape, 32) / 2  # halves of a side -> sides
    assert field.abs().max() > 0.01
    assert torch.allclose((moved - ramps(32))[..., 3:-3, 3:-3], field[..., 3:-3, 3:-3], atol=1e-4)


def test_the_way_back_ends_where_it_began_to_a_tenth_of_a_pixel() -> None:
    torch.manual_seed(2)
    warp, shape = smooth(), torch.tensor([[1.5, -1.0]])
    back = warp.to_portrait(warp.to_texture(ramps(64), shape), shape)
    away = (back - ramps(64))[..., 4:-4, 4:-4].abs().max() * 64
    there = (warp.to_texture(ramps(64), shape) - ramps(64)).abs().max() * 64
    assert away < 0.1 and there > 1.0


def test_the_shape_is_learned_through_the_warp() -> None:
    torch.manual_seed(2)
    warp = smooth()
    wanted = warp.to_portrait(ramps(32), torch.tensor([[1.0, 0.5]]))
    shape = torch.zeros(1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([shape], 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        (warp.to_portrait(ramps(32), shape) - wanted).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert torch.allclose(shape.detach(), torch.tensor([[1.0, 0.5]]), atol=0.1)


def test_shapes_stay_within_three_deviations() -> None:
    faces = network(modes=2, grid=8)
    assert faces.warp is not None
    _, shape = faces.decode(torch.randn(8, 6) * 1000)
    assert shape.shape == (8, 2) and 0.5 < shape.abs().max() <= 3.0


def test_a_batch_of_typical_size_runs() -> None:
    config = FacesConfig.model_validate(SMALL)
    assert FaceVae(config)(example_batch(config))["picture"].shape[0] == 2
