"""avsynth voice imagine: voices of nobody, far enough from everybody, and their records."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from dub_helpers import LINE, command, leftovers, write_consent
from voice_helpers import small_encoder, small_space, subject

from avsynth.errors import ConsentError, UsageError, WeightsError
from avsynth.pipelines.imagine_voice import draw, imagine
from avsynth.pipelines.voice_target import find_target
from avsynth.provenance import consent as consents
from avsynth.weights import load
from avsynth.weights.voices import read_voice, write_voice


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The space of the tests in the place of the one that ships."""
    monkeypatch.setattr("avsynth.pipelines.imagine_voice.imagine.__kwdefaults__", {
        **imagine.__kwdefaults__, "space": str(small_space()),
    })  # fmt: skip


def refused(code: int, words: str, folder: Path, *arguments: object) -> None:
    before = {path.name for path in folder.iterdir()}
    done = command("voice", "imagine", *arguments)
    assert done.code == code, done.err
    assert words in done.complaint
    assert {path.name for path in folder.iterdir()} == before


def test_a_voice_of_nobody_with_its_record(tmp_path: Path) -> None:
    out = tmp_path / "nobody.safetensors"
    done = command("voice", "imagine", "-o", out, "--seed", 3)
    assert done.code == 0, done.err
    voice, metadata = read_voice(out)
    assert voice.synthetic and voice.seconds == 0
    assert f"{metadata['imagined']['distance']:.2f} from the nearest of 40 training" in done.out
    record = tmp_path / "nobody.safetensors.consent.json"
    found = find_target([out], record)
    assert found.allowed[0].kind == "synthetic" and found.allowed[0].identity == "listed"
    assert found.allowed[0].commercial and found.allowed[0].label is None
    report = json.loads((tmp_path / "nobody.safetensors.report.json").read_text())
    assert report["imagined"]["record"]["sha256"] == consents.load(record).sha256
    assert report["imagined"]["distance"] > report["imagined"]["threshold"]
    expected = out, record, tmp_path / "nobody.safetensors.report.json"
    assert leftovers(tmp_path, *expected) == []
    shown = command("voice", "show", out)
    assert "of nobody: seed 3" in shown.out


def test_the_record_covers_this_voice_and_no_other(tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    record = tmp_path / "mine.json"
    imagine(one, 1, record=record, purposes=["art"])
    imagine(two, 2)
    assert find_target([one], record).allowed[0].purposes == ("art",)
    with pytest.raises(ConsentError, match="does not cover"):
        find_target([two], record)
    voice, metadata = read_voice(one)
    write_voice(one, voice, metadata | {"name": "changed"})
    with pytest.raises(ConsentError, match="does not cover"):
        find_target([one], record)


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name / "v.safetensors" for name in "abc")
    for path, seed in ((first, 5), (again, 5), (other, 6)):
        path.parent.mkdir()
        imagine(path, seed)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


def test_the_distance_is_that_to_the_nearest_speaker() -> None:
    model = load(str(small_space()), "torch")
    found = draw(model, 0)
    known = model.extras["speakers"].float().numpy()
    nearest = min(float(np.linalg.norm(found.voice.embedding - each)) for each in known)
    assert found.distance == pytest.approx(nearest, abs=1e-3)
    assert found.compared == 40


def test_too_near_goes_on_to_the_next(tmp_path: Path) -> None:
    model = load(str(small_space()), "torch")
    plain = [draw(model, seed) for seed in range(30)]
    far = sorted(found.distance for found in plain)[-3]
    stricter = [draw(model, seed, min_distance=far) for seed in range(30)]
    assert all(found.distance > far for found in stricter)
    refused_before = next(found for found in stricter if found.too_near)
    assert refused_before.draws == refused_before.too_near + 1
    report = imagine(tmp_path / "v.safetensors", refused_before.seed, min_distance=far)
    assert f"{refused_before.too_near} draw(s) before it were too near" in report.notes[0]


def test_a_space_in_which_everybody_is_somebody(tmp_path: Path) -> None:
    model = load(str(small_space(1.9, "space-crowded")), "torch")
    with pytest.raises(UsageError, match=r"none of 20000 voices .* 1\.90 .*farthest is"):
        draw(model, 0)


def test_pitch(tmp_path: Path) -> None:
    model = load(str(small_space()), "torch")
    hertz = {
        word: [math.exp(draw(model, seed, word).voice.pitch.mean) for seed in range(8)]
        for word in ("low", "middle", "high")
    }
    assert max(hertz["low"]) <= 135.01 and min(hertz["high"]) >= 166.99
    assert all(134.99 <= hz <= 167.01 for hz in hertz["middle"])
    for wanted in ("180", "180 Hz", "180.0hz"):
        assert math.exp(draw(model, 1, wanted).voice.pitch.mean) == pytest.approx(180, abs=0.01)
    out = tmp_path / "v.safetensors"
    for wrong in ("deep", "30", "700", "-100", "nan", "1e2"):
        refused(2, "--pitch", tmp_path, "-o", out, "--seed", 0, f"--pitch={wrong}")
    refused(2, "has a pitch of 599", tmp_path, "-o", out, "--seed", 0, "--pitch", "599")


def test_options_that_cannot_be(tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    refused(2, "--seed", tmp_path, "-o", out, "--seed", -1)
    refused(2, "--seed", tmp_path, "-o", out, "--seed", 2**63)
    for wrong in ("0.05", "2.5", "nan", "-1"):
        refused(2, "--min-distance", tmp_path, "-o", out, "--seed", 0, f"--min-distance={wrong}")
    refused(2, "voice file", tmp_path, "-o", tmp_path / "v.wav", "--seed", 0)
    refused(
        7, "folder does not exist", tmp_path, "-o", tmp_path / "n" / "v.safetensors", "--seed", 0
    )
    refused(2, "overwrite", tmp_path, "-o", out, "--seed", 0, "--consent-out", out)
    refused(5, "purposes", tmp_path, "-o", out, "--seed", 0, "--purpose", "No Such Purpose!")
    with pytest.raises(WeightsError, match="not of a space"):
        draw(load(str(small_encoder()), "torch"), 0)


def test_a_persons_record_does_not_cover_a_voice_of_nobody(tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    imagine(out, 4)
    with pytest.raises(ConsentError, match="does not cover a voice of nobody"):
        find_target([out], subject([LINE], tmp_path / "jane.json"))


def test_a_real_person_is_not_made_nobody_by_a_record_of_another_file(tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    imagine(out, 4)
    with pytest.raises(ConsentError, match="does not cover"):
        find_target([out], write_consent(small_space(), tmp_path / "other.json"))
