"""The sync expert: contract, invariance, gradients, and the windows it is fed with."""

import pytest
import torch

from avsynth.models.discriminators import Judgement
from avsynth.models.sync import (
    STEPS,
    SyncConfig,
    SyncExpert,
    example_films,
    film_windows,
    sound_windows,
)
from avsynth.weights import file as weights_file

TINY = SyncConfig(looks=(4, 6), strides=(4, 2), hears=(6, 6), paces=(2, 2), embedding=8)


@pytest.fixture(params=[TINY, TINY.model_copy(update={"colour": True})])
def expert(request):
    torch.manual_seed(0)
    return SyncExpert(request.param).eval()


def pairs(count=3, size=64, config=TINY):
    generator = torch.Generator().manual_seed(1)
    film = torch.rand(count, config.frames, 3, size, size, generator=generator)
    return film, torch.rand(count, 80, config.steps, generator=generator)


def test_it_judges_as_a_discriminator(expert):
    film, mel = pairs()
    judged = expert(film, mel)
    assert isinstance(judged, Judgement)
    assert [tuple(logits.shape) for logits in judged.logits] == [(3, 1)]
    assert len(judged.features) == 1 and all(len(f) == 3 for f in judged.features[0])
    cosine = (expert.look(film) * expert.hear(mel)).sum(dim=1)
    torch.testing.assert_close(judged.logits[0][:, 0], expert.scale * cosine)
    torch.testing.assert_close(expert.look(film).norm(dim=1), torch.ones(3))
    torch.testing.assert_close(expert.hear(mel).norm(dim=1), torch.ones(3))


def test_its_gradient_reaches_the_mouth_and_nothing_else(expert):
    film, mel = pairs()
    film.requires_grad_()
    expert(film, mel).logits[0].sum().backward()
    assert film.grad is not None and torch.isfinite(film.grad).all()
    assert film.grad[..., 12:52, 12:52].abs().mean() > 0
    assert film.grad[..., :12, :].abs().max() == 0 and film.grad[..., 52:].abs().max() == 0


def test_light_and_contrast_of_a_film_do_not_matter(expert):
    film, _ = pairs()
    torch.testing.assert_close(expert.look(0.6 * film + 0.2), expert.look(film), rtol=0, atol=0.06)
    still = film[:, :1].expand_as(film)
    assert (expert.look(film) - expert.look(still)).abs().max() > 0.01  # what moves does


def test_larger_squares_are_seen_alike(expert):
    film, _ = pairs(size=16)
    big, small = (
        torch.nn.functional.interpolate(film.flatten(0, 1), (s, s), mode="bilinear")
        .unflatten(0, film.shape[:2]) for s in (128, 64)
    )  # fmt: skip
    torch.testing.assert_close(expert.look(big), expert.look(small), rtol=0, atol=0.03)


def test_what_does_not_fit_is_refused(expert):
    film, mel = pairs()
    with pytest.raises(ValueError, match="condition"):
        expert(film)
    with pytest.raises(ValueError, match="film"):
        expert(film[:, :4], mel)
    with pytest.raises(ValueError, match="sound"):
        expert(film, mel[..., 1:])


def test_layers_without_strides_are_refused():
    with pytest.raises(ValueError, match="strides"):
        SyncConfig(looks=(4, 6))
    with pytest.raises(ValueError, match="crop"):
        SyncConfig(crop=80)


def test_windows_of_picture_and_sound_are_of_the_same_moment():
    film = torch.arange(12.0).reshape(12, 1, 1, 1).expand(12, 3, 2, 2)
    mel = torch.arange(12.0 * STEPS).expand(80, -1)
    films = film_windows(film, TINY.frames)
    sounds = sound_windows(mel, len(films), TINY)
    assert films.shape == (8, 5, 3, 2, 2) and sounds.shape == (8, 80, TINY.steps)
    for k in range(8):
        assert films[k, :, 0, 0, 0].tolist() == list(range(k, k + 5))
        inside = sounds[k, 0, TINY.context : TINY.context + STEPS * TINY.frames]
        assert inside.tolist() == [float(s) for s in range(STEPS * k, STEPS * (k + 5))]
    assert sounds[0, 0, 0] == 0 and sounds[-1, 0, -1] == 12 * STEPS - 1  # the ends are held


def test_it_is_stored_and_read_back(tmp_path, expert):
    path = tmp_path / "sync.safetensors"
    weights_file.write(path, "sync", expert, expert.config, {}, {"name": "sync"})
    read = weights_file.read(path)
    assert read.config == expert.config
    film, mel = pairs()
    torch.testing.assert_close(read.network(film, mel), expert(film, mel), rtol=0.02, atol=0.02)


def test_the_default_is_small_and_takes_its_example():
    config = SyncConfig()
    expert = SyncExpert(config)
    assert sum(p.numel() for p in expert.parameters()) < 1_000_000
    assert expert(**example_films(config)).logits[0].shape == (2, 1)
