"""avsynth adapt: what it refuses, and that footage comes onto one clock."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dub_helpers import (
    LINE,
    PERSON,
    command,
    consent_for,
    grey,
    leftovers,
    short_person,
    write_consent,
)

from avsynth.errors import UsageError
from avsynth.face.mouth_space import MouthSpace
from avsynth.media import Writer
from avsynth.media.writer import video_like
from avsynth.pipelines.adapt_inputs import adapt_options
from avsynth.pipelines.footage_sound import Heard, Mouth, in_sync, mouth_at, takes_of
from avsynth.provenance import consent as consents
from avsynth.weights import file as files
from avsynth.weights import manifest
from avsynth.weights.subject import write_parts


def refused(code: int, words: str, tmp_path: Path, *arguments: object) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    done = command("adapt", *arguments)
    assert done.code == code, done.err
    assert words in done.complaint
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_film_without_sound(tmp_path: Path) -> None:
    film = grey(tmp_path / "silent.mp4")
    record = write_consent(film, tmp_path / "c.json")
    refused(
        3, "holds no sound", tmp_path, film, "--consent", record, "-o", tmp_path / "s.safetensors"
    )


def test_a_film_without_a_face(tmp_path: Path) -> None:
    film = tmp_path / "wall.mp4"
    with Writer(film, video_like(128, 96, 25), audio_rate=16000) as writer:
        for number in range(12):
            writer.write(np.full((96, 128, 3), 60 + number, np.uint8))
        writer.write_audio(np.zeros(12 * 640, np.float32))
    record = write_consent(film, tmp_path / "c.json")
    refused(4, "no face", tmp_path, film, "--consent", record, "-o", tmp_path / "s.safetensors")


def test_too_little_speech(tmp_path: Path) -> None:
    film = short_person(frames=12)
    out = tmp_path / "s.safetensors"
    refused(4, "too little", tmp_path, film, "--consent", consent_for(film), "-o", out)


def test_not_a_film_and_no_film(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no film")
    record = consent_for(short_person(frames=12))
    out = tmp_path / "s.safetensors"
    refused(3, "notes.mp4", tmp_path, text, "--consent", record, "-o", out)
    refused(3, "missing.mp4", tmp_path, tmp_path / "missing.mp4", "--consent", record, "-o", out)


def test_consent_that_does_not_cover_the_film(tmp_path: Path) -> None:
    film, out = tmp_path / "other.mp4", tmp_path / "s.safetensors"
    shutil.copyfile(PERSON, film)
    record = consent_for(short_person(frames=12))
    refused(5, "does not cover", tmp_path, film, "--consent", record, "-o", out)
    refused(5, "", tmp_path, film, "--consent", tmp_path / "none.json", "-o", out)


def test_every_film_needs_consent(tmp_path: Path) -> None:
    film, out = tmp_path / "other.mp4", tmp_path / "s.safetensors"
    shutil.copyfile(PERSON, film)
    covered = short_person(frames=12)
    words = "does not cover"
    refused(5, words, tmp_path, covered, film, "--consent", consent_for(covered), "-o", out)


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    film = short_person(frames=12)
    record = consent_for(film)
    given = film, "--consent", record, "-o"
    refused(2, "weights file", tmp_path, *given, tmp_path / "s.pt")
    refused(7, "folder does not exist", tmp_path, *given, tmp_path / "no" / "s.safetensors")
    (tmp_path / "d.safetensors").mkdir()
    refused(7, "is a directory", tmp_path, *given, tmp_path / "d.safetensors")
    own = tmp_path / "own.safetensors"
    shutil.copyfile(record, own)
    refused(2, "overwrite an input", tmp_path, film, "--consent", own, "-o", own)


def test_research_weights_for_commercial_work(tmp_path: Path) -> None:
    film, out = short_person(frames=12), tmp_path / "s.safetensors"
    given = film, "--consent", consent_for(film), "-o", out
    refused(
        5, "excludes motion-small-research", tmp_path, *given, "--weights", "motion-small-research"
    )
    refused(6, "no weights are called", tmp_path, *given, "--weights", "nobody")


def subject_of(record: Path, path: Path) -> Path:
    """A person's weights that say they were made under ``record``."""
    motion = files.read(manifest.find("motion-small-mel").path)
    consent = {"record_sha256": consents.load(record).sha256}
    write_parts(path, {"motion": motion}, {"purpose": "commercial", "consent": consent})
    return path


def test_a_persons_weights_are_for_one_consent_record(tmp_path: Path) -> None:
    film, words = short_person(frames=12), "made under another consent record"
    record, other = (write_consent(film, tmp_path / f"{n}.json") for n in ("own", "other"))
    weights = subject_of(record, tmp_path / "anna.safetensors")
    given = "dub", film, "--audio", LINE, "-o", tmp_path / "out.mp4", "--weights", weights
    done = command(*given, "--consent", other)
    assert done.code == 5 and words in done.complaint
    assert not (tmp_path / "out.mp4").exists()
    again = film, "--weights", weights, "--consent", other, "-o", tmp_path / "s.safetensors"
    refused(5, words, tmp_path, *again)
    assert command(*given, "--consent", record).code == 0


@pytest.mark.parametrize(
    "given", [{"minutes": 0}, {"steps": 0}, {"seed": -1}, {"face": "left"}, {"speed": 1}]
)
def test_options_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        adapt_options(**given)


@pytest.fixture(scope="module")
def space() -> MouthSpace:
    extras = files.read(manifest.find("motion-small").path).extras
    return MouthSpace.from_arrays({name: value.numpy() for name, value in extras.items()})


ROWS = 250


def heard_and_seen(space: MouthSpace, lag: int) -> tuple[Heard, Mouth]:
    """Sound that makes the network open the mouth, and a mouth that does so ``lag`` rows later."""
    random = np.random.default_rng(0)
    wave = np.convolve(random.standard_normal(ROWS + 30), np.hanning(7), "valid")
    motion = np.zeros((ROWS, space.size))
    motion[:, 0] = wave[10 : 10 + ROWS]
    coefficients = motion.copy()
    coefficients[:, 0] = wave[10 - lag : 10 - lag + ROWS] + 0.5 * random.standard_normal(ROWS)
    heard = Heard(np.zeros((ROWS, 4), np.float32), motion, np.ones(ROWS, bool))
    return heard, Mouth(coefficients, 0.1 + 0.01 * coefficients[:, 0])


@pytest.mark.parametrize("lag", [-6, 0, 5])
def test_the_lag_of_a_mouth_is_found(space: MouthSpace, lag: int) -> None:
    found = in_sync(*heard_and_seen(space, lag), space)
    assert found.clear and found.lag == lag and found.clarity > 0.7


def test_another_sound_is_told(space: MouthSpace) -> None:
    heard, mouth = heard_and_seen(space, 0)
    stranger = Mouth(np.roll(mouth.coefficients, 90, axis=0), np.roll(mouth.openings, 90))
    assert not in_sync(heard, stranger, space).clear


def test_a_mouth_between_frames_and_where_there_is_none(space: MouthSpace) -> None:
    frames = np.r_[0:50, 60:100]
    values = np.arange(100.0)[frames]
    face = SimpleNamespace(
        frames=frames, usable=frames != 80, openings=values,
        coefficients=values[:, None] * np.ones(space.size),
    )  # fmt: skip
    film = SimpleNamespace(times=np.arange(100) / 25)
    times = np.array([0.5, 10.5, 48.5, 55.0, 79.5, 90.0, 120.0]) / 25
    mouth = mouth_at(film, [face], times)  # type: ignore[arg-type, list-item]
    assert mouth.seen.tolist() == [True, True, True, False, False, True, False]
    assert np.allclose(mouth.openings[mouth.seen], [0.5, 10.5, 48.5, 90.0])
    assert np.allclose(mouth.coefficients[1], 10.5)


def test_takes_are_where_there_is_speech_and_a_mouth(space: MouthSpace) -> None:
    heard, mouth = heard_and_seen(space, 0)
    speaking = np.zeros(ROWS, bool)
    speaking[20:80] = speaking[150:240] = True
    openings = mouth.openings.copy()
    openings[200] = np.nan
    heard = dataclasses.replace(heard, speaking=speaking)
    takes = takes_of(heard, Mouth(mouth.coefficients, openings))
    # From half a second before to half a second after speech; split where the mouth is not seen.
    assert [len(take) for take in takes] == [84, 62, 49]
    assert takes[0].speaking.sum() == 60


def test_nothing_is_left_of_a_refusal_in_the_middle(tmp_path: Path) -> None:
    film = short_person(frames=12)
    out = tmp_path / "s.safetensors"
    command("adapt", film, "--consent", consent_for(film), "-o", out)
    assert leftovers(tmp_path) == []
