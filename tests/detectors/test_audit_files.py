"""Audits of small collections: what is found in files, what overlaps, what is equalised."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from avsynth.cli.main import app
from avsynth.errors import InputError, UsageError
from avsynth.face.detect import FaceDetector
from avsynth.media import Writer, read_audio, video_like
from detectors.audit.collection import collection
from detectors.audit.equalise import equalise, equalised_sound
from detectors.audit.fingerprints import alike_pictures, alike_sounds, picture_hash, sound_hash
from detectors.audit.gather import CACHE, gather
from detectors.audit.judge import judge
from detectors.audit.media_properties import record
from detectors.audit.results import as_dict
from detectors.audit.text import conclusions, describe
from detectors.corruptions import Corruption, corrupt_film, corrupt_sound

RATE = 16_000


def speech(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Syllables of random pitch and colour, with pauses."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(0.2 * RATE)) / RATE
    parts = []
    for _ in range(round(seconds / 0.25)):
        pitch = rng.uniform(90, 220)
        tones = [rng.uniform(0.05, 1) * np.sin(2 * np.pi * pitch * k * time) for k in range(1, 16)]
        parts += [0.03 * np.sum(tones, axis=0), rng.normal(0, 1e-3, RATE // 20)]
    return np.concatenate(parts).astype(np.float32)


def picture(seed: int, size: int = 96) -> np.ndarray:
    import cv2

    rough = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_sound(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(path, audio_rate=rate) as writer:
        writer.write_audio(samples)


def write_film(path: Path, seed: int, tags: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(path, video_like(96, 96), metadata=tags) as writer:
        for number in range(8):
            writer.write(np.roll(picture(seed), number, axis=1))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings and fakes with an offset; one copied, one cut and sent through a codec."""
    root = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for n in range(12):
        gain = float(rng.uniform(0.5, 1.0))
        write_sound(root / f"real/r{n}.wav", gain * speech(n))
        write_sound(root / f"fake/gan/f{n}.wav", gain * speech(100 + n) + 0.02)
    (root / "real/copy.wav").write_bytes((root / "real/r0.wav").read_bytes())
    coded = corrupt_sound(speech(101), RATE, Corruption("mp3", 2))
    write_sound(root / "fake/gan/again.wav", coded[RATE // 5 :] * 0.5)
    (root / "fake/gan/broken.wav").write_bytes(b"RIFF nothing")
    (root / "real/.hidden").write_bytes(b"x")
    return root


def test_a_shortcut_is_named_and_copies_are_found(sounds: Path) -> None:
    found = collection(sounds)
    assert [t.group for t in found.trials if t.synthetic][:1] == ["gan"]
    judged = judge(found, gather(found, None, jobs=1, faces=False), rounds=100)
    assert (judged.real, judged.fake) == (13, 13)
    assert list(judged.unreadable) == ["fake/gan/broken.wav"]
    best = {each.name: each for each in judged.pooled.alone}
    assert best["dc_offset"].auc > 0.9 and best["dc_offset"].telling
    assert judged.pooled.together.auc > 0.85
    assert judged.exact == (("real/copy.wav", "real/r0.wav"),)
    pairs = {(pair.first, pair.second) for pair in judged.near}
    assert pairs == {("fake/gan/again.wav", "fake/gan/f1.wav")}
    words = " ".join(conclusions(judged))
    assert "compared with that, not with 0.5" in words
    assert "1 files are copies" in words
    assert any("near-duplicates" in str(part) for part in describe(judged))
    json.dumps(as_dict(judged), allow_nan=False)


def test_an_audit_goes_on_where_it_was_stopped(sounds: Path, tmp_path: Path) -> None:
    found = collection(sounds)
    first = gather(found, tmp_path, jobs=1, faces=False)
    lines = (tmp_path / CACHE).read_text().splitlines()
    (tmp_path / CACHE).write_text("\n".join(lines[:5]) + "\n" + lines[5][:50])
    again = gather(found, tmp_path, jobs=1, faces=False)
    assert again == first
    assert len((tmp_path / CACHE).read_text().splitlines()) >= len(lines)


def test_a_worker_that_dies_costs_one_file(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from detectors.audit import gather as module

    monkeypatch.setattr(module, "_look", _dies_at_r5)
    found = collection(sounds).limited(8)
    assert any(trial.path == "real/r5.wav" for trial in found.trials)
    records = gather(found, None, jobs=2, faces=False)
    errors = {each.path: each.error for each in records if each.error and "died" in each.error}
    assert list(errors) == ["real/r5.wav"]
    assert len(records) == len(found.trials)


def _dies_at_r5(path: Path, name: str, faces: bool) -> object:
    import os

    from detectors.audit.media_properties import Record

    if path.name == "r5.wav":
        os._exit(9)
    return Record(path=name, size=0, modified_ns=0, faces=faces)


def test_films_their_codec_tags_and_people_in_two_splits(tmp_path: Path) -> None:
    rows = [("file", "label", "group", "person", "split", "source", "original")]
    for n in range(6):
        write_film(tmp_path / f"r{n}.mp4", n)
        write_film(tmp_path / f"f{n}.mp4", n, {"title": "made"})
        rows += [(f"r{n}.mp4", "real", "", f"p{n}", "test", f"s{n}", ""),
                 (f"f{n}.mp4", "fake", "x", f"p{n}", "test", f"s{n}", f"r{n}.mp4")]  # fmt: skip
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    found = collection(tmp_path)
    records = gather(found, None, jobs=1, faces=False)
    judged = judge(found, records, rounds=50)
    by_path = {each.path: each for each in records}
    real, fake = by_path["r0.mp4"], by_path["f0.mp4"]
    assert real.properties["width"] == 96 and real.properties["frame_rate"] == 25
    assert fake.properties["metadata_tags"] == real.properties["metadata_tags"] + 1
    assert real.kinds["video codec"].startswith("h264")
    assert judged.pooled.alone[0].name in ("metadata_tags", "file_bytes", "file_kbps")
    assert judged.within["metadata_tags"].value == 1.0
    assert {"width", "height"} <= set(judged.constant)
    assert len(judged.near) == 6 and all(pair.related for pair in judged.near)
    assert judged.groups_are == "people"


def test_the_size_of_a_face() -> None:
    import avsynth

    person = Path(avsynth.__file__).parent / "pipelines/demo/person.mp4"
    with FaceDetector() as faces:
        found = record(person, "person.mp4", faces)
    assert 0.2 < found.properties["face_share"] < 0.9
    assert found.properties["face_height"] == pytest.approx(
        found.properties["face_share"] * found.properties["height"]
    )


def test_pictures_survive_jpeg_and_scaling_and_differ_from_others() -> None:
    import cv2

    films = [picture(n)[None] for n in range(20)]
    hashes = [[picture_hash(film[0])] for film in films]
    coded = corrupt_film(films[3], Corruption("jpeg", 4))[0]
    hashes.append([picture_hash(cv2.resize(coded, (61, 70)))])
    pairs = alike_pictures(hashes)
    assert [(pair.first, pair.second) for pair in pairs] == [(3, 20)]
    assert pairs[0].likeness > 0.9
    assert picture_hash(np.full((50, 50, 3), 7, np.uint8)) == ""
    assert alike_pictures([[""], [""], []]) == []


def test_sound_survives_codecs_levels_and_shifts_and_differs_from_others() -> None:
    hashes = [sound_hash(speech(n), RATE) for n in range(12)]
    shifted = corrupt_sound(speech(5), RATE, Corruption("mp3", 3))[RATE // 3 :] * 0.3
    hashes.append(sound_hash(shifted, RATE))
    pairs = alike_sounds(hashes)
    assert [(pair.first, pair.second) for pair in pairs] == [(5, 12)]
    assert sound_hash(np.zeros(RATE, np.float32), RATE) == ""
    assert alike_sounds([]) == []


def test_equalised_copies_are_as_loud_and_without_offset(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "equal"
    found = collection(sounds)
    assert equalise(found, out, jobs=1) == 26
    judged = judge(collection(out), gather(collection(out), None, 1, faces=False), rounds=50)
    alone = {each.name: each for each in judged.pooled.alone}
    for name in ("dc_offset", "loudness_lufs", "leading_silence_s"):
        assert name in judged.constant or not alone[name].telling or alone[name].separation < 0.8
    samples = np.concatenate([c.samples for c in read_audio(out / "fake/gan/f0.wav.wav", RATE)])
    assert abs(float(samples.mean())) < 1e-4
    with pytest.raises(UsageError, match="among the originals"):
        equalise(found, sounds / "inside")


def test_equalised_sound_is_dithered_and_cut() -> None:
    padded = np.concatenate([np.zeros(RATE), speech(1), np.zeros(RATE)]).astype(np.float32)
    made = equalised_sound(padded)
    assert len(speech(1)) <= len(made) <= len(speech(1)) + round(0.13 * RATE)
    assert float((made == 0).mean()) < 0.01
    assert len(equalised_sound(np.zeros(100, np.float32))) >= 1
    assert len(equalised_sound(padded, trimmed=False)) == len(padded)


def test_an_equalised_film_keeps_its_pictures(tmp_path: Path) -> None:
    from avsynth.media import read_frames

    write_film(tmp_path / "in/real/a.mp4", 1)
    write_film(tmp_path / "in/fake/b.mp4", 2)
    assert equalise(collection(tmp_path / "in"), tmp_path / "out", jobs=1) == 2
    shown = [frame.rgb() for frame in read_frames(tmp_path / "out/real/a.mp4.mkv")]
    assert len(shown) == 8 and shown[0].shape == (96, 96, 3)
    assert np.abs(shown[0].astype(int) - picture(1).astype(int)).mean() < 8


def test_folders_that_are_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither labelled nor sorted"):
        collection(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    with pytest.raises(InputError, match="empty"):
        collection(tmp_path)
    (tmp_path / "real/a.wav").write_bytes(b"x")
    (tmp_path / "fake/b.wav").write_bytes(b"x")
    unreadable = collection(tmp_path)
    with pytest.raises(InputError, match="two readable files"):
        judge(unreadable, gather(unreadable, None, jobs=1, faces=False))
    with pytest.raises(InputError, match="no such folder"):
        collection(tmp_path / "absent")


def test_the_command(sounds: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(
        app,
        ["bench", "audit", str(sounds), "--no-faces", "--jobs", "1", "--draws", "20", "--json",
         "--out", str(tmp_path / "out")],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["format"] == "avsynth-audit/1"
    assert found["pooled"]["together"]["auc"] > 0.8
    assert json.loads((tmp_path / "out/audit.json").read_text()) == found


@pytest.mark.data
def test_the_external_clips_are_told_apart_by_their_offset(data_dir: Path) -> None:
    """What was measured of them before any detector: DC offset alone reaches about 0.70."""
    import soundfile

    from detectors.audit import shortcut_auc, sound_properties

    with (data_dir / "external_dev_audio.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::2]
    table = []
    for row in rows:
        samples, rate = soundfile.read(data_dir / row["file"], dtype="float32")
        table.append(sound_properties(samples, rate))
    found = shortcut_auc(table, [row["label"] == "fake" for row in rows], rounds=100)
    alone = {each.name: each.auc for each in found.alone}
    assert 0.55 < alone["dc_offset_db"] < 0.85
