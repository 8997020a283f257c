"""The anomaly VAE: wavelets, likelihood, views of faces and voices, typicality."""

import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models.anomaly import (
    BANDS,
    AnomalyConfig,
    AnomalyVae,
    haar,
    negative_likelihood,
    pooled,
)
from avsynth.models.anomaly_scorer import AnomalyScorer, arranged, run
from avsynth.models.anomaly_views import (
    BINS,
    SOUND_WINDOW,
    STEPS,
    decibels,
    face_picture,
    sound_picture,
    spoken,
)
from avsynth.models.typicality import FACE_REGIONS, VOICE_REGIONS, Context, Density, features
from avsynth.training.steps import improve
from avsynth.weights import file as weights_file

TINY = AnomalyConfig(widths=(4, 6, 8), latent=2)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_wavelets_are_orthonormal_and_know_directions():
    picture = torch.randn(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    bands = haar(picture)
    assert [tuple(b.shape[-2:]) for b in bands] == [(16, 24)] * 3 + [(8, 12)] * 3 + [(4, 6)] * 4
    assert sum(float((b**2).sum()) for b in bands) == pytest.approx(float((picture**2).sum()))
    stripes = torch.ones(1, 1, 16, 16)
    stripes[..., ::2] = -1  # columns take turns: it changes along a row
    loud = {n: float((b**2).sum()) for n, b in zip(BANDS, haar(stripes), strict=True)}
    assert loud["1 across"] == pytest.approx(256) and sum(loud.values()) == pytest.approx(256)
    assert float(haar(stripes.mT)[1].abs().min()) == pytest.approx(2)


def test_the_likelihood_is_that_of_the_pixels_where_all_variances_are_equal():
    error = 0.3 * torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    variance = torch.full((3, 10, 4, 4), float(np.log(0.25)))
    found = negative_likelihood(pooled([b**2 for b in haar(error)]), variance)
    expected = (error**2 / 0.25 + np.log(0.25)).mean() / 2
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("config", [TINY, TINY.model_copy(update={"aligned": False})])
def test_what_the_network_says_has_its_shapes(config):
    torch.manual_seed(0)
    network = AnomalyVae(config).eval()
    out = network({"picture": torch.randn(3, 1, 64, 96)})
    assert out["picture"].shape == (3, 1, 64, 96)
    for name in ("energy", "size", "variance"):
        assert out[name].shape == (3, len(BANDS), 8, 12)
    assert out["divergence"].shape == (3, 2, 4, 6)
    assert (out["divergence"] >= 0).all() and (out["size"] ** 2 <= out["energy"] + 1e-6).all()
    assert sum(p.numel() for p in AnomalyVae(AnomalyConfig()).parameters()) < 300_000


def test_it_learns_what_is_common_and_calls_the_rest_noise():
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    network = AnomalyVae(TINY.model_copy(update={"widths": (8, 16, 16)}))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    ramp = torch.linspace(-1.5, 1.5, 64)

    def batch():
        return ramp + 0.1 * torch.randn(4, 1, 64, 64, generator=random)

    for step in range(90):
        noise = torch.randn(4, 2, 4, 4, generator=random)
        improve(optimizer, network.loss(batch(), noise, min(1.0, step / 60))["loss"])
    with torch.no_grad():
        out = network.eval()({"picture": batch()})
    assert float(out["energy"][:, -1].mean()) < 5  # the ramp's mean square there is 49
    assert float(out["variance"][:, :3].exp().mean()) == pytest.approx(0.01, rel=0.5)


def test_a_face_is_seen_without_its_light():
    crop = np.random.default_rng(0).integers(40, 120, (224, 224, 3)).astype(np.uint8)
    seen = face_picture(crop)
    assert seen.shape == (224, 224) and abs(seen.mean()) < 1e-4
    assert seen.std() == pytest.approx(1, abs=1e-3)
    assert np.allclose(face_picture(crop * 2), seen, atol=1e-3)
    assert np.isfinite(face_picture(np.zeros_like(crop))).all()


def speech(seconds=1.2, seed=0):
    """A buzz with formants that stops and goes, beside a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(int(16_000 * seconds)) / 16_000
    parts = np.arange(1, 50)[:, None]
    buzz = (np.sin(2 * np.pi * 130 * parts * time) / parts).sum(axis=0)
    loud = (np.sin(2 * np.pi * 2.3 * time) > -0.3) + 1e-3
    return (0.1 * buzz * loud + 1e-4 * random.normal(size=len(time))).astype(np.float32)


def test_a_voice_is_seen_without_its_loudness_and_colour():
    sound = speech()[:SOUND_WINDOW]
    seen = sound_picture(sound)
    assert seen.shape == (BINS, STEPS) == (256, 128)
    assert np.allclose(sound_picture(0.05 * sound), seen, atol=1e-3)
    tilted = np.convolve(sound, [1, -0.6])[:SOUND_WINDOW].astype(np.float32)
    assert np.abs(sound_picture(tilted) - seen).mean() < 0.4 * np.abs(seen).mean()
    assert np.isfinite(sound_picture(np.zeros(SOUND_WINDOW, np.float32))).all()
    assert np.isfinite(sound_picture(np.full(SOUND_WINDOW, np.nan, np.float32))).all()
    assert decibels(sound).shape == (BINS, STEPS) and float(decibels(sound).min()) > -60
    assert spoken(sound) and not spoken(np.zeros_like(sound))


def found_in(many, random):
    """What a network may say of pictures of faces."""
    return {
        "energy": random.uniform(1, 2, (many, 10, 28, 28)).astype(np.float32),
        "size": random.uniform(0.5, 1, (many, 10, 28, 28)).astype(np.float32),
        "variance": random.normal(size=(many, 10, 28, 28)).astype(np.float32),
        "divergence": random.uniform(1, 3, (many, 2, 14, 14)).astype(np.float32),
    }


def test_features_are_means_by_band_and_region():
    found = found_in(4, np.random.default_rng(0))
    seen = features(found, FACE_REGIONS)
    assert {k: v.shape for k, v in seen.items()} == {
        "error": (4, 20), "shape": (4, 20), "variance": (4, 20), "divergence": (4, 5),
        "context": (4, 13),
    }  # fmt: skip
    assert "context" not in features(found, VOICE_REGIONS)
    louder = features(found | {"energy": 9 * found["energy"]}, FACE_REGIONS)["error"]
    assert np.allclose(louder - seen["error"], np.log(9), atol=1e-4)
    mouth = found["energy"].copy()
    mouth[:, :, 17:21, 11:17] /= 4  # a smooth mouth in a real face
    smooth = features(found | {"energy": mouth}, FACE_REGIONS)
    change = (smooth["error"] - seen["error"]).reshape(4, 4, 5)
    assert change[..., 0].max() < -0.3 and np.abs(change[..., 1:]).max() < 0.3
    assert np.allclose(smooth["context"], seen["context"])  # it shows eyes and forehead alone


def test_what_a_camera_does_to_the_whole_face_is_explained_by_the_eyes():
    random = np.random.default_rng(0)
    found = found_in(60, random)
    found["energy"] *= np.exp(random.normal(0, 2, (60, 1, 1, 1))).astype(np.float32)
    seen = features(found, FACE_REGIONS)
    context = Context.fit(seen["error"], seen["context"], np.ones(60))
    left = context.without(seen["error"], seen["context"])
    assert seen["error"].std(axis=0).min() > 1.5 and left.std(axis=0).max() < 0.3
    # What is not known of the context explains nothing, and nothing becomes unknown by it.
    unknown = np.full_like(seen["context"], np.nan)
    assert np.allclose(context.without(seen["error"], unknown), seen["error"])


def test_the_density_is_two_sided_and_knows_recordings_from_windows():
    random = np.random.default_rng(0)
    size = 6

    def recordings(many):
        offsets = random.normal(0, 0.5, (many, 1, size))
        return list(3 + offsets + random.normal(0, 1, (many, 8, size)))

    density = Density.fit(recordings(2000), shrink=0.0)
    assert np.allclose(density.mean, 3, atol=0.1)
    assert np.allclose(np.diag(density.between), 0.25, atol=0.06)
    assert np.allclose(np.diag(density.within), 1, atol=0.06)
    distances = [density.distance(r.mean(axis=0), 8) for r in recordings(400)]
    assert abs(np.mean(distances)) < 0.25 and np.std(distances) == pytest.approx(1, abs=0.2)
    for away in (-3, 3):  # far below is as odd as far above
        assert density.distance(density.mean + away, 8) > 6
    # What is odd in all windows is odder than what is odd in one.
    assert density.distance(density.mean + 1, 50) > density.distance(density.mean + 1, 1) + 2
    part = np.array([3.9, np.nan, 2.0, np.nan, np.nan, np.nan])
    alone = Density(density.mean[:3:2], density.between[:3:2, :3:2], density.within[:3:2, :3:2])
    assert density.distance(part, 4) == pytest.approx(alone.distance(part[:3:2], 4))


def test_the_change_between_pictures_is_measured():
    torch.manual_seed(0)
    network = AnomalyVae(TINY).eval()
    still = np.random.default_rng(0).normal(size=(1, 1, 224, 224)).astype(np.float32)
    same = run(network, np.concatenate([still, still], axis=1))
    assert float(same["change"].max()) < 1e-9
    other = np.random.default_rng(1).normal(size=still.shape).astype(np.float32)
    moved = features(run(network, np.concatenate([still, other], axis=1)), VOICE_REGIONS)
    # Of errors that know nothing of each other all is new.
    assert np.median(moved["change"]) == pytest.approx(0, abs=0.1)
    assert "change" not in run(network, still)


def scorer_file(path, without=()):
    torch.manual_seed(0)
    network = AnomalyVae(TINY)
    layout = ["divergence"] * 5 + ["change"] * 2
    extras = {
        "density.mean": torch.zeros(7), "density.between": torch.eye(7),
        "density.within": torch.eye(7), "usual.mean": torch.zeros(10, 28, 28),
        "usual.spread": torch.ones(10, 28, 28), "context.mean": torch.zeros(17),
        "context.slopes": torch.zeros(17, 7),
    }  # fmt: skip
    metadata = {"data": ["made"], "layout": layout, "centre": 1.0, "spread": 2.0}
    kept = {k: v for k, v in extras.items() if k not in without}
    weights_file.write(path, "anomaly", network, TINY, kept, metadata)
    return path


def test_a_scorer_is_read_from_its_weights(tmp_path):
    scorer = AnomalyScorer(weights.load(scorer_file(tmp_path / "a.safetensors"), engine="torch"))
    assert scorer.data == ("made",) and scorer.density.spread == 2.0
    look = scorer.measure(np.random.default_rng(0).normal(size=(1, 224, 224)).astype(np.float32))
    assert look.features.shape == (7,)
    assert np.isfinite(look.features[:5]).all() and np.isnan(look.features[5:]).all()
    assert look.heat.shape == (28, 28) and 0 <= look.heat.min() <= look.heat.max() <= 1
    both = {"divergence": np.ones((1, 5), np.float32), "change": np.ones((1, 2), np.float32)}
    assert np.isfinite(arranged(both, scorer.layout)).all()


def test_weights_without_a_density_are_refused(tmp_path):
    path = scorer_file(tmp_path / "a.safetensors", without=("density.within",))
    with pytest.raises(WeightsError, match="density"):
        AnomalyScorer(weights.load(path, engine="torch"))
