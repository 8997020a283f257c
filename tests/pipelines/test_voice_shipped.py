"""Voices with the weights that ship: nobody's are far from everybody's, people's are told apart."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from voice_helpers import RATE, line, noise, recording, small_space, subject

from avsynth.errors import ConsentError
from avsynth.media.excerpts import sound_excerpts
from avsynth.pipelines.imagine_voice import SPACE, draw, imagine
from avsynth.pipelines.voice_target import find_target
from avsynth.weights import load, manifest
from avsynth.weights.speakers import NAME, load_speaker


def test_the_space_is_of_the_encoder_that_ships() -> None:
    space = load(SPACE, "torch")
    assert space.metadata["speaker"] == {"name": NAME, "sha256": manifest.find(NAME).sha256}
    assert space.metadata["threshold"] == pytest.approx(load_speaker().threshold, abs=1e-3)
    assert space.extras["speakers"].shape == load_speaker().embedder.speakers.shape


def test_voices_of_nobody() -> None:
    space = load(SPACE, "torch")
    known = load_speaker().embedder.speakers
    for word, seed in ((None, 0), ("low", 1), ("high", 2), ("120", 3)):
        found = draw(space, seed, word)
        nearest = float(np.linalg.norm(known - found.voice.embedding, axis=1).min())
        # The encoder's own list is of whole utterances, this one of windows of them.
        assert nearest > load_speaker().threshold - 0.1
        assert found.distance > load_speaker().threshold - 1e-3
        assert 60 < math.exp(found.voice.pitch.mean) < 350
        assert 0.2 < found.voice.pitch.voiced < 0.95
        assert found.voice.spectrum_std.min() > 0.3
        assert found.voice.encoder == load_speaker().embedder.sha256


def test_imagined_with_the_weights_that_ship(tmp_path: Path) -> None:
    out = tmp_path / "nobody.safetensors"
    report = imagine(out, 11)
    assert report.imagined is not None and report.imagined.compared == 210
    found = find_target([out], tmp_path / "nobody.safetensors.consent.json")
    assert found.voice.synthetic and found.notes == ()


def test_a_voice_of_another_encoder_is_told(tmp_path: Path) -> None:
    out = tmp_path / "nobody.safetensors"
    imagine(out, 11, space=str(small_space()))
    found = find_target([out], tmp_path / "nobody.safetensors.consent.json")
    assert "another speaker encoder" in found.notes[0]


def test_one_voice_is_not_warned_of_and_noise_is(tmp_path: Path) -> None:
    def notes(name: str, samples: np.ndarray) -> tuple[str, ...]:
        wav = recording(tmp_path / f"{name}.wav", samples)
        return find_target([wav], subject([wav], tmp_path / f"{name}.json")).notes

    assert notes("line", line()) == ()
    assert "it sounds like a noise (spread 0." in notes("noise", noise(6.0))[0]


@pytest.mark.data
def test_people_are_told_apart_by_their_voices(data_dir: Path, tmp_path: Path) -> None:
    with (data_dir / "speech.csv").open(encoding="utf-8", newline="") as file:
        people: dict[str, list[Path]] = defaultdict(list)
        for row in csv.DictReader(file):
            if row["corpus"] == "LibriSpeech test-other":
                people[row["speaker"]].append(data_dir / row["file"])
    matched, refused, trials = 0, 0, 0
    for (who, own), (_, others) in zip(
        people.items(), [*list(people.items())[1:], next(iter(people.items()))], strict=True
    ):
        reference = tmp_path / who / own[0].name
        reference.parent.mkdir()
        reference.write_bytes(own[0].read_bytes())
        record = subject([reference], tmp_path / who / "c.json", name=who)
        trials += 1
        try:
            found = find_target([own[1]], record)
            assert found.allowed[0].identity == "matched"
            matched += 1
        except ConsentError as error:
            assert f"the person is not {who}" in str(error)
        try:
            find_target([others[1]], record)
        except ConsentError as error:
            assert f"the person is not {who}" in str(error)
            refused += 1
    print(f"{matched} of {trials} matched, {refused} of {trials} strangers refused")
    assert trials == 8 and matched >= 6 and refused >= 7


@pytest.mark.data
def test_two_people_in_one_reference_are_told(data_dir: Path, tmp_path: Path) -> None:
    woman, man = (
        np.concatenate(sound_excerpts(data_dir / "speech" / name, RATE, 60))
        for name in _one_of_each(data_dir)
    )
    both = recording(tmp_path / "both.wav", np.concatenate([woman, man]))
    found = find_target([both], subject([both], tmp_path / "both.json"))
    assert found.voice.spread > load_speaker().spread
    assert any("several people seem to speak" in note for note in found.notes)
    alone = recording(tmp_path / "alone.wav", woman)
    assert find_target([alone], subject([alone], tmp_path / "alone.json")).notes == ()


def _one_of_each(data_dir: Path) -> tuple[str, str]:
    """A woman's and a man's file of VCTK, below the folder ``speech``."""
    with (data_dir / "speech.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"].startswith("VCTK")]
    woman, man = (next(row["file"] for row in rows if row["sex"] == sex) for sex in "FM")
    return woman.removeprefix("speech/"), man.removeprefix("speech/")
