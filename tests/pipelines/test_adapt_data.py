"""Adapting to a real person: the file, the report, and the film whose sound is another's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from dub_helpers import command, leftovers, write_consent

from avsynth.media import EncoderSettings, Writer, probe, read_audio, read_frames, sha256_file
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.provenance import consent as consents
from avsynth.weights import file as files
from avsynth.weights import manifest
from avsynth.weights.subject import read_parts

pytestmark = [pytest.mark.data, pytest.mark.slow]

CLIPS = ("grid/s31_bgiq6p.mp4", "grid/s31_lgbj5a.mp4")


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained generator, small enough for a test."""
    torch.manual_seed(0)
    config = LipsyncConfig(size=32, widths=(4, 4, 8, 8), depth=1)
    path = tmp_path_factory.mktemp("generator") / "tiny.safetensors"
    metadata = {"purpose": "commercial", "name": "tiny"}
    files.write(path, "lipsync", LipsyncNetwork(config), config, {}, metadata)
    return path


def test_a_person_is_learnt(data_dir: Path, generator: Path, tmp_path: Path) -> None:
    films = [data_dir / name for name in CLIPS]
    record = consents.sign(consents.new_dataset("tests", "CC-BY-4.0", films))
    consents.save(record, tmp_path / "c.json")
    out = tmp_path / "s31.safetensors"
    done = command(
        "adapt", *films, "--consent", tmp_path / "c.json", "-o", out, "--json", "--minutes", 30,
        "--weights", "motion-small", "--generator", generator, "--steps", 4,
    )  # fmt: skip
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report == json.loads((tmp_path / "s31.safetensors.report.json").read_text())
    assert report["output"]["sha256"] == sha256_file(out)
    assert [film["heard"] for film in report["footage"]] == [True, True]
    assert [film["file"]["sha256"] for film in report["footage"]] == [sha256_file(f) for f in films]
    assert all(abs(film["lag"]) <= 2 for film in report["footage"])  # GRID is in sync
    motion, lipsync = report["motion"], report["lipsync"]
    assert motion["figures"]["after"]["lmd"] <= motion["figures"]["before"]["lmd"]
    assert lipsync["figures"]["after"]["l1"] <= lipsync["figures"]["before"]["l1"]
    assert lipsync["steps"] == 4 and motion["steps"] > 100
    parts = read_parts(out)
    assert set(parts) == {"motion", "lipsync"}
    metadata = parts["motion"].metadata
    # A data set's record: the label would be lost on weights that may be used for anything.
    assert metadata["purpose"] == report["purpose"] == "research"
    assert metadata["bases"]["motion"]["sha256"] == manifest.find("motion-small").sha256
    assert metadata["consent"]["record_sha256"] == report["consent"][0]["record_sha256"]
    assert leftovers(tmp_path, out) == ["c.json", "s31.safetensors.report.json"]


def test_anothers_voice_teaches_no_motion(data_dir: Path, tmp_path: Path) -> None:
    pictures, sound = (data_dir / name for name in CLIPS)
    film, out = tmp_path / "dubbed.mp4", tmp_path / "s.safetensors"
    like = probe(pictures).video
    assert like is not None
    settings = EncoderSettings.for_source(like, crf=12, out=film)
    with Writer(film, like, settings, audio_rate=16000) as writer:
        for _ in range(2):
            for frame in read_frames(pictures):
                writer.write(frame.rgb())
        voice = np.concatenate([chunk.samples for chunk in read_audio(sound, 16000)])
        writer.write_audio(np.concatenate([voice[24000:], voice, voice[:24000]])[: 150 * 640])
    record = write_consent(film, tmp_path / "c.json", "dataset")
    done = command(
        "adapt", film, "--consent", record, "-o", out, "--generator", "none",
        "--weights", "motion-small",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "does not go with the sound" in done.out
    base = files.read(manifest.find("motion-small").path).network.state_dict()
    kept = read_parts(out)["motion"].network.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in base.items())
