"""Dubbing real clips: portrait HD, variable frame rate, two faces, silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from dub_helpers import command, leftovers, times_of, write_consent
from numpy.typing import NDArray

import avsynth.pipelines.casting as casting
from avsynth.face.landmarks import MediapipeLandmarks
from avsynth.face.mouth_space import canonical_opening, opening
from avsynth.media import read_frames
from avsynth.metrics.sync import best_lag
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.pipelines.acting import Actor
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.weights import load

pytestmark = pytest.mark.data


@pytest.fixture
def speech(data_dir: Path) -> Path:
    return next((data_dir / "speech").rglob("27-123349-0000.flac"))


def consent(film: Path, folder: Path) -> Path:
    return write_consent(film, folder / "consent.json", "dataset")


def other(data_dir: Path, number: int) -> Path:
    return sorted((data_dir / "speech").rglob("*.flac"))[number]


@pytest.mark.parametrize(
    "name", ["portrait1080x1920_woman_25fps.mp4", "portrait352x640_phone_selfie_beard_vfr.mp4"]
)
def test_the_command_on_a_real_clip(
    name: str, data_dir: Path, speech: Path, tmp_path: Path
) -> None:
    film, out = data_dir / "clips" / name, tmp_path / "out.mp4"
    record = consent(film, tmp_path)
    done = command("dub", film, "--audio", speech, "--consent", record, "-o", out, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    wanted = times_of(film)
    assert times_of(out) == wanted and report["frames"] == len(wanted)
    share = report["outcomes"].get("dubbed", 0) / sum(report["outcomes"].values())
    print(f"\n{name}: {report['outcomes']}, {report['frames_per_second']:.0f} frames/s, "
          f"{report['peak_memory_mb']:.0f} MB")  # fmt: skip
    assert share > 0.8
    assert command("verify", out).code == 0
    assert leftovers(tmp_path, out, record) == ["out.mp4.report.json"]


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> list[Actor]:
    """The actors of the jobs that a test runs, in the order of the cast."""
    met: list[Actor] = []
    meet: Callable[..., Actor] = casting.meet

    def noting(*arguments: Any) -> Actor:
        met.append(meet(*arguments))
        return met[-1]

    monkeypatch.setattr(casting, "meet", noting)
    return met


def tracked(film: Path, centre: float | None = None, width: float = 0.0) -> NDArray[np.float64]:
    """Opening of the mouth, found anew in every frame of a film, of the face near ``centre``."""
    found = []
    with read_frames(film) as frames, MediapipeLandmarks() as detector:
        for frame in frames:
            near = [
                face
                for face in detector.detect(frame.rgb())
                if centre is None or abs(float(face.points[:, 0].mean()) - centre) < width
            ]
            found.append(float(opening(near[0].points[None])[0]) if near else np.nan)
    return np.array(found)


def test_the_speaking_face_of_two_is_the_left_one(
    data_dir: Path, speech: Path, tmp_path: Path, actors: list[Actor]
) -> None:
    film = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    dub(film, [("speaking", speech)], consent(film, tmp_path), tmp_path / "out.mp4")
    assert actors and all(actor.track.centre[0] < 360 for actor in actors)


def test_each_of_a_cast_follows_its_own_sound(
    data_dir: Path, tmp_path: Path, actors: list[Actor]
) -> None:
    film = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    voices = [other(data_dir, 40), other(data_dir, 90)]
    out = tmp_path / "out.mp4"
    cast = [("0", voices[0]), ("1", voices[1])]
    report = dub(film, cast, consent(film, tmp_path), out)
    assert len(actors) == 2 and actors[0].track.centre[0] < 360 < actors[1].track.centre[0]
    times = np.array([float(t) for t in times_of(out)])
    space = SpeechToMotion(load(report.weights[0].name)).space
    asked = [
        canonical_opening(space.shape(a.style.from_units(a.curve.at(times - times[0]))))
        for a in actors
    ]
    seen = [tracked(out, a.track.centre[0], 120.0) for a in actors]
    table = [[best_lag(want, got, 2)[0] for want in asked] for got in seen]
    print(f"\ncorrelation of rendered (rows) and asked (columns) openings: {np.round(table, 2)}")
    assert table[0][0] > table[0][1] + 0.2 and table[1][1] > table[1][0] + 0.2
    assert min(table[0][0], table[1][1]) > 0.6


def test_silence_closes_the_mouth(data_dir: Path, tmp_path: Path) -> None:
    film = sorted((data_dir / "grid").rglob("s26*.mp4"))[0]
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(3 * 16000, "f4"), 16000)
    out = tmp_path / "out.mp4"
    report = dub(film, [("largest", silence)], consent(film, tmp_path), out, DubOptions(crf=10))
    before, after = tracked(film), tracked(out)
    pauses = np.nanpercentile(before, 20)  # GRID speakers are silent at both ends of a clip
    print(f"\nopening: pauses {pauses:.4f}, in silence {np.nanmean(after):.4f}, "
          f"speech {np.nanmean(before):.4f}")  # fmt: skip
    assert np.nanmean(after) <= pauses
    assert any("no voice" in note for note in report.notes)
