"""Shipped motion weights on real clips of people they never saw; figures in the recipe's README."""

from types import SimpleNamespace

import numpy as np
import pytest

from avsynth.face import mesh
from avsynth.face.landmarks import open_detector
from avsynth.face.mouth_space import PersonStyle, align, opening
from avsynth.media import read_audio, read_frames
from avsynth.metrics import sync
from avsynth.speech.whisper import find_weights
from avsynth.weights import list_weights
from avsynth.weights.motion import load_motion

pytestmark = pytest.mark.data

#: Clip -> least correlation of mouth opening at the best lag, by weights; loose on purpose.
EXPECTED = {
    "grid/u10_unk032621.mp4": {"motion-small": 0.8, "motion-small-mel": 0.65},
    "external_dev/video/RD_Radio22_real_real.mp4": {
        "motion-small": 0.5,
        "motion-small-mel": 0.35,
        "motion-small-research": 0.6,
    },
}


@pytest.fixture(scope="module", params=sorted(EXPECTED))
def clip(request, data_dir):
    path = data_dir / request.param
    sound = list(read_audio(path, 16000))
    frames = list(read_frames(path))
    with open_detector("mediapipe") as detector:
        points = np.stack([detector.detect(frame.rgb())[0].points for frame in frames])
    times = np.array([float(frame.time) for frame in frames])
    return SimpleNamespace(name=request.param, sound=sound, points=points, times=times)


@pytest.mark.parametrize("name", [entry.name for entry in list_weights()])
def test_the_mouth_follows_the_speech(clip, name):
    if name not in EXPECTED[clip.name]:
        pytest.skip("no figure for these weights on this clip")
    if not name.endswith("-mel") and find_weights() is None:
        pytest.skip("Whisper-tiny is not installed")
    speech = load_motion(name, engine="torch")[1]
    canonical, poses = align(clip.points)
    gaps = opening(clip.points)
    style = PersonStyle.from_coefficients(
        speech.space.encode(canonical), gaps, speech.space.deviation
    )
    curve = speech.predict(clip.sound)
    target = speech.targets(curve.at(clip.times + 0.02), style, canonical, poses)
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    made = np.linalg.norm(target[:, top] - target[:, bottom], axis=1)
    score, lag = sync.best_lag(made, gaps)
    print(f"{name} {clip.name}: opening {score:.3f} at lag {lag}")
    assert score > EXPECTED[clip.name][name]
    shuffled = np.roll(made, len(made) // 2)
    assert sync.correlation(shuffled, gaps) < score - 0.2


def test_silence_closes_a_real_mouth(clip):
    speech = load_motion("motion-small-mel", engine="torch")[1]
    canonical, poses = align(clip.points)
    gaps = opening(clip.points)
    style = PersonStyle.from_coefficients(
        speech.space.encode(canonical), gaps, speech.space.deviation
    )
    length = round(clip.times[-1] * 16000) + 640
    quiet = np.random.default_rng(0).normal(0, 1e-4, length).astype(np.float32)
    curve = speech.predict([SimpleNamespace(time=clip.sound[0].time, rate=16000, samples=quiet)])
    target = speech.targets(curve.at(clip.times + 0.02), style, canonical, poses)
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    eyes = np.linalg.norm(np.diff(clip.points[:, mesh.EYE_OUTER, :2], axis=1)[:, 0], axis=1)
    made = np.linalg.norm(target[:, top] - target[:, bottom], axis=1) / eyes
    assert made.mean() <= np.quantile(gaps, 0.25)
