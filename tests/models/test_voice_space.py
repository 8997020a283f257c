"""The distribution of voices."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pytest
import torch
from voice_helpers import people, small_space

from avsynth.models.voice_space import VoiceSpace, VoiceSpaceConfig, draws, fit, vector
from avsynth.weights import load


def test_a_centre_and_a_shape() -> None:
    voices = people()
    space = fit(voices, 4, 0.0)
    vectors = np.stack([vector(voice) for voice in voices])
    np.testing.assert_allclose(space.mean.numpy(), vectors.mean(axis=0), rtol=1e-4, atol=1e-5)
    random = torch.Generator().manual_seed(0)
    made = space({"latent": torch.randn(4000, 4, generator=random)})
    torch.testing.assert_close(made["embedding"].norm(dim=1), torch.ones(4000))
    assert made["spectrum_mean"].shape == made["spectrum_std"].shape == (4000, 80)
    assert float(made["spectrum_std"].min()) > 0
    pitch = np.array([voice.pitch.mean for voice in voices])
    assert float(made["pitch"][:, 0].mean()) == pytest.approx(pitch.mean(), abs=0.02)
    assert float(made["pitch"][:, 0].std()) == pytest.approx(pitch.std(), rel=0.15)


def test_what_goes_together_in_people_goes_together_in_draws() -> None:
    voices = people()
    space = fit(voices, 4, 0.0)
    drawn = list(islice(draws(space, space.config, 0, ""), 400))
    pitch = np.array([voice.pitch.mean for voice in voices])
    bands = np.stack([voice.spectrum_mean for voice in voices])
    band = int(np.abs([np.corrcoef(pitch, b)[0, 1] for b in bands.T]).argmax())
    real = np.corrcoef(pitch, bands[:, band])[0, 1]
    made = np.corrcoef(
        [voice.pitch.mean for voice in drawn], [voice.spectrum_mean[band] for voice in drawn]
    )[0, 1]
    assert abs(real) > 0.5 and made == pytest.approx(real, abs=0.25)


def test_a_seed_names_its_voices() -> None:
    model = load(str(small_space()), "torch")
    assert isinstance(model.config, VoiceSpaceConfig)
    first, again = (list(islice(draws(model, model.config, 7, "e"), 3)) for _ in range(2))
    other = next(draws(model, model.config, 8, "e"))
    for one, two in zip(first, again, strict=True):
        for field in dataclasses.fields(one):
            assert np.array_equal(getattr(one, field.name), getattr(two, field.name))
    assert not np.array_equal(first[0].embedding, first[1].embedding)
    assert not np.array_equal(first[0].embedding, other.embedding)
    assert first[0].synthetic and first[0].encoder == "e"


def test_shrinkage_makes_the_variances_alike() -> None:
    def spread(shrinkage: float) -> float:
        basis = fit(people(), 4, shrinkage).basis
        scaled = basis.norm(dim=0)
        return float(scaled.max() / scaled.min())

    assert spread(0.5) < spread(0.0)


def test_untrained_it_is_a_module_like_the_others() -> None:
    config = VoiceSpaceConfig(embedding=8, bands=4, components=3)
    made = VoiceSpace(config)({"latent": torch.zeros(2, 3)})
    assert {name: tuple(value.shape) for name, value in made.items()} == {
        "embedding": (2, 8), "spectrum_mean": (2, 4), "spectrum_std": (2, 4), "pitch": (2, 3),
    }  # fmt: skip
