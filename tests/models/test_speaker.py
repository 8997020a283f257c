"""The speaker encoder, its losses, and the embedder: shapes, invariances, bad input."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from avsynth.errors import NothingToDoError, WeightsError
from avsynth.media import read_audio
from avsynth.models import speaker_embedder
from avsynth.models.speaker import SpeakerConfig, SpeakerEncoder, example_batch
from avsynth.models.speaker_embedder import SpeakerEmbedder
from avsynth.training.speaker import MarginSoftmax, Prototypical
from avsynth.weights import file as weights_file
from avsynth.weights import load

RATE = 16_000
TINY = SpeakerConfig(channels=16, dilations=(2, 3), gathered=24, squeezed=8, embedding=12)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SpeakerEncoder(TINY).eval()


@pytest.fixture
def embedder(encoder, tmp_path):
    path = tmp_path / "made.safetensors"
    extras = {"speakers": normalize(torch.randn(5, TINY.embedding), dim=1).half()}
    metadata = {"threshold_eer": 0.5, "threshold_far1": 0.7}
    weights_file.write(path, "speaker", encoder, TINY, extras, metadata)
    return SpeakerEmbedder(load(path, "torch"))


def speech(seconds, seed=0):
    """Syllables: a buzz of harmonics that comes and goes four times a second."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 110 + 60 * random.random()
    buzz = sum(np.sin(2 * np.pi * pitch * k * time + k) / k for k in range(1, 20))
    loud = np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2
    return (0.1 * buzz * loud + 1e-4 * random.normal(size=len(time))).astype(np.float32)


def test_embeddings_are_unit_vectors_of_each_spectrum_alone(encoder):
    mel = torch.randn(3, 80, 170) - 6
    together = encoder({"mel": mel})["embedding"]
    assert together.shape == (3, 12)
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-5)
    alone = encoder({"mel": mel[1:2]})["embedding"]
    assert torch.allclose(together[1:2], alone, atol=1e-5)
    assert encoder(example_batch(TINY))["embedding"].isfinite().all()
    with pytest.raises(ValueError, match="80"):
        encoder({"mel": mel[:, :40]})


def test_a_still_spectrum_has_gradients(encoder):
    mel = torch.full((2, 80, 120), -11.5, requires_grad=True)
    encoder.train()({"mel": mel})["embedding"].sum().backward()
    assert mel.grad.isfinite().all()


def test_a_centred_encoder_does_not_hear_the_channel():
    torch.manual_seed(0)
    mel, channel = torch.randn(2, 80, 150) - 6, torch.randn(2, 80, 1)
    for centred in (True, False):
        encoder = SpeakerEncoder(TINY.model_copy(update={"centred": centred})).eval()
        with torch.no_grad():
            one, other = (encoder({"mel": m})["embedding"] for m in (mel, mel + channel))
        assert (float((one - other).abs().max()) < 1e-5) == centred


def test_scales_must_part_the_channels():
    with pytest.raises(ValueError, match="scales"):
        SpeakerConfig(channels=30, scales=4)


def test_the_margin_widens_the_angle_to_the_right_centre():
    torch.manual_seed(0)
    loss = MarginSoftmax(6, 5, scale=8.0)
    points, voices = normalize(torch.randn(7, 6), dim=1), torch.arange(7) % 5
    cosine = points @ normalize(loss.centres, dim=1).T
    plain = loss(points, voices, 0.0)
    assert plain.item() == pytest.approx(cross_entropy(8 * cosine, voices).item(), rel=1e-5)
    cosine = cosine.detach()
    wider = cosine.clone()
    for row, voice in enumerate(voices):
        wider[row, voice] = math.cos(math.acos(float(cosine[row, voice])) + 0.2)
    handicapped = loss(points, voices, 0.2)
    assert handicapped.item() == pytest.approx(cross_entropy(8 * wider, voices).item(), rel=1e-5)


def test_prototypes_are_found_where_crops_agree():
    loss = Prototypical()
    corners = torch.eye(6)[:, None].expand(-1, 3, -1)
    assert loss(corners).item() < 0.01
    others = torch.stack([corners[:, 0], corners.roll(1, 0)[:, 0]], dim=1)
    assert loss(others).item() > 5


@pytest.mark.parametrize(
    ("seconds", "windows"), [(0.1, 1), (1.0, 1), (3.0, 1), (4.5, 2), (7.0, 4), (400, 200)]
)
def test_windows_of_three_seconds_every_one_and_a_half(embedder, seconds, windows):
    found = embedder.windows(speech(seconds))
    assert found.shape == (windows, 12) and found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_level_offset_and_holes_do_not_matter(embedder):
    sound = speech(5)
    expected = embedder.embed(sound)
    assert np.linalg.norm(expected) == pytest.approx(1, abs=1e-5)
    assert embedder.embed(0.05 * sound + 0.2) @ expected > 0.999
    holes = sound.copy()
    holes[[5, 40_000]], holes[90] = np.nan, np.inf
    assert embedder.embed(holes) @ expected > 0.99


def test_pauses_are_not_heard(embedder):
    pause = np.random.default_rng(1).normal(0, 1e-4, 10 * RATE).astype(np.float32)
    with_pause = np.concatenate([speech(6), pause, speech(6)])
    starts = speaker_embedder._starts(with_pause) / RATE
    assert {0.0, 3.0} <= set(starts) and max(starts) == 19.0
    assert not any(6 < start < 14 for start in starts)


def test_silence_is_nobody_and_noise_is_heard(embedder):
    for silent in (np.zeros(0), np.zeros(RATE), np.full(2 * RATE, 0.3), np.full(RATE, np.nan)):
        assert embedder.windows(silent).shape == (0, 12)
        with pytest.raises(NothingToDoError):
            embedder.embed(silent)
    noise = np.random.default_rng(0).normal(0, 0.1, 6 * RATE)
    assert len(embedder.windows(noise)) == 3


def test_spread_is_the_mean_distance_to_the_mean(embedder):
    same = np.tile(np.eye(4, dtype=np.float32)[:1], (3, 1))
    assert embedder.spread(same) == pytest.approx(0, abs=1e-6)
    assert embedder.spread(np.eye(4, dtype=np.float32)) == pytest.approx(0.5)


def test_weights_without_thresholds_or_of_another_kind_are_refused(encoder, tmp_path):
    path = tmp_path / "bare.safetensors"
    weights_file.write(path, "speaker", encoder, TINY, {}, {})
    with pytest.raises(WeightsError, match="thresholds"):
        SpeakerEmbedder(load(path, "torch"))
    with pytest.raises(WeightsError, match="speaker encoder"):
        SpeakerEmbedder(load("motion-small-mel", "torch"))


@pytest.mark.data
def test_the_shipped_encoder_knows_speakers_it_never_heard(data_dir):
    embedder = SpeakerEmbedder(load("speaker-small", "torch"))
    assert embedder.speakers.shape == (210, 128)
    assert 0 < embedder.threshold_eer < embedder.threshold_far1 < 1

    def heard(name):
        folder = data_dir / "speech" / name
        return [
            embedder.embed(np.concatenate([chunk.samples for chunk in read_audio(path, RATE)]))
            for path in sorted(folder.parent.glob(folder.name))[:3]
        ]

    voices = [heard(f"vctk_parallel/p{number}_*.flac") for number in (225, 226, 227, 228)]
    points = np.array(voices)  # (4, 3, 128)
    table = np.einsum("aid,bjd->abij", points, points)
    same = [table[a, a][~np.eye(3, dtype=bool)].mean() for a in range(4)]
    other = [table[a, b].mean() for a in range(4) for b in range(4) if a != b]
    print(f"same {np.round(same, 2)}, others {np.round(other, 2)}")
    assert min(same) > max(other)
