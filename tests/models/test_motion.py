"""Speech to motion: the network, curves over time, streaming, silence."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avsynth.errors import NothingToDoError
from avsynth.face import mesh
from avsynth.face.alignment import Poses
from avsynth.face.mouth_space import PersonStyle
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.weights.motion import load_motion


def chunks(samples, size=4000, start=Fraction(0)):
    return [
        SimpleNamespace(time=start + Fraction(i, 16000), rate=16000, samples=samples[i : i + size])
        for i in range(0, len(samples), size)
    ]


def babble(seconds, seed=0):
    """Sound that rises and falls like speech."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 16000)
    time = np.arange(count) / 16000
    voice = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 20))
    beats = np.arange(0, seconds + 1, 0.12)
    loud = np.interp(time, beats, rng.random(len(beats)))
    return (0.1 * voice * loud + rng.normal(0, 1e-3, count)).astype(np.float32)


@pytest.fixture(scope="module")
def speech():
    return load_motion("motion-small-mel", engine="torch")[1]


def test_the_network_sees_as_far_as_it_says():
    torch.manual_seed(0)
    config = MotionConfig(features=8, projected=8, hidden=16)
    network = MotionNetwork(config).eval()
    network.directions.copy_(torch.eye(8))
    features = torch.randn(1, 101, 8)
    changed = features.clone()
    changed[0, 50] += 1
    difference = (
        network({"features": features})["motion"] - network({"features": changed})["motion"]
    )
    touched = difference[0].abs().amax(dim=1).nonzero().flatten()
    assert touched.min() == 50 - config.reach and touched.max() == 50 + config.reach


def curve(values, start=Fraction(1, 2)):
    values = np.asarray(values, np.float32).reshape(-1, 1)
    ones = np.ones(len(values), np.float32)
    return MotionCurve(Fraction(25), start, values, ones, ones)


def test_a_curve_passes_through_its_steps_and_closes_outside():
    made = curve([0.5, 1.0, -1.0, 2.0, 0.0])
    assert np.allclose(made.at(made.times)[:, 0], [0.5, 1.0, -1.0, 2.0, 0.0], atol=1e-6)
    outside = made.at([0.0, 0.4, 0.8, 100.0])
    assert np.array_equal(outside[:, 1], [0, 0, 0, 0])


def test_a_curve_of_a_slow_wave_is_accurate_between_steps():
    times = 0.5 + (np.arange(100) + 0.5) / 25
    made = curve(np.sin(times * 10))
    between = np.linspace(0.7, 4.3, 500)
    assert np.abs(made.at(between)[:, 0] - np.sin(between * 10)).max() < 0.01
    presence = made.at(between)[:, 1]
    assert presence.min() == presence.max() == 1


def test_motion_does_not_depend_on_how_the_sound_is_cut(speech):
    sound = babble(25)
    whole = speech.predict(chunks(sound, len(sound)))
    pieces = speech.predict(chunks(sound, 777))
    assert len(whole.coefficients) == 625
    assert np.abs(whole.coefficients - pieces.coefficients).max() < 1e-4


def test_windows_join_without_a_seam(speech):
    sound = babble(25)
    made = speech.predict(chunks(sound)).coefficients
    # The same sound, started 3 s later, has its windows elsewhere.
    late = speech.predict(chunks(sound[3 * 16000 :])).coefficients
    middle = slice(100, 500)
    error = np.abs(made[75:][middle] - late[middle]).mean()
    assert error < 0.1 * np.abs(made).mean()


def test_the_curve_starts_where_the_sound_starts(speech):
    made = speech.predict(chunks(babble(2), start=Fraction(7, 3)))
    assert made.start == Fraction(7, 3) and len(made.coefficients) == 50


def test_silence_closes_the_mouth(speech):
    rng = np.random.default_rng(0)
    quiet = rng.normal(0, 1e-4, 3 * 16000).astype(np.float32)
    sound = np.concatenate([babble(3), quiet, babble(3)])
    made = speech.predict(chunks(sound))
    assert made.presence[95:130].max() == 0 and made.presence[10:65].min() == 1
    style = PersonStyle(np.full(16, 0.3), np.zeros(16), np.ones(16))
    closed = style.from_units(made.at(made.times[95:130]))
    assert np.array_equal(closed, np.full((35, 16), 0.3))


def test_no_sound_at_all_is_nothing_to_do(speech):
    with pytest.raises(NothingToDoError):
        speech.predict([])


def test_targets_lie_in_the_frames_poses_with_lips_apart(speech):
    rng = np.random.default_rng(1)
    count = len(mesh.MOUTH_JAW)
    space = speech.space
    own = space.mean + rng.normal(0, 0.01, (30, count, 3))
    style = PersonStyle.from_coefficients(space.encode(own), np.ones(30), space.deviation)
    poses = Poses(
        np.tile(np.eye(3) * 100, (8, 1, 1)), np.tile([320.0, 240.0, 0.0], (8, 1)), np.zeros((45, 3))
    )
    units = np.concatenate([rng.normal(0, 3, (8, 16)), np.ones((8, 1))], axis=1)
    points = speech.targets(units, style, own, poses)
    assert points.shape == (8, count, 2)
    upper, lower = mesh.in_mouth(mesh.INNER_UPPER), mesh.in_mouth(mesh.INNER_LOWER)
    assert (points[:, lower, 1] >= points[:, upper, 1] - 1e-9).all()
    assert (
        np.abs(points.mean(axis=(0, 1)) - (space.mean.mean(axis=0)[:2] * 100 + [320, 240])).max()
        < 30
    )
