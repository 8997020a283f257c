"""Files of voices: back as they were, and nothing else gets in."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from voice_helpers import people, small_space

from avsynth.errors import WeightsError
from avsynth.weights.file import sha256
from avsynth.weights.voices import read_voice, write_voice

VOICE = people(1)[0]
METADATA = {"name": "jane", "consent": {"record_sha256": "ab" * 32}, "references": ["cd" * 32]}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "jane.safetensors"
    write_voice(path, VOICE, METADATA)
    return path


def changed(path: Path, header: dict[str, Any] | None = None, **tensors: Any) -> Path:
    """The file with other numbers or another header; None takes a tensor away."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        said = json.loads(file.metadata()["avsynth-voice-1"])
    kept = {k: v for k, v in (load_file(path) | tensors).items() if v is not None}
    said = {k: v for k, v in (said | (header or {})).items() if v is not None}
    save_file(kept, path, {"avsynth-voice-1": json.dumps(said)})
    return path


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as error:
        read_voice(path)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


def test_round_trip(stored: Path) -> None:
    voice, metadata = read_voice(stored)
    assert metadata == METADATA
    for name in ("embedding", "spectrum_mean", "spectrum_std", "pitch"):
        np.testing.assert_allclose(getattr(voice, name), getattr(VOICE, name), rtol=1e-6)
    for name in ("seconds", "spread", "synthetic", "encoder"):
        assert getattr(voice, name) == getattr(VOICE, name)


def test_equal_voices_are_equal_files(stored: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    assert write_voice(again, VOICE, METADATA) == sha256(stored)
    assert again.stat().st_size < 10_000


def test_a_persons_voice_needs_the_record_it_was_enrolled_under(stored: Path) -> None:
    write_voice(stored, VOICE, {"name": "jane"})
    assert "without the consent" in refused(stored)
    write_voice(stored, dataclasses.replace(VOICE, synthetic=True), {"name": "nobody"})
    assert read_voice(stored)[0].synthetic


def test_not_a_voice(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    assert "no such voice" in refused(path)
    path.mkdir()
    assert "no such voice" in refused(path)
    path.rmdir()
    path.write_bytes(b"")
    assert "damaged" in refused(path)
    path.write_bytes(b"\xff" * 5000)
    assert "damaged" in refused(path)
    assert "safetensors, but not a voice" in refused(small_space())


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    path.write_bytes(pickle.dumps({"embedding": VOICE.embedding}))
    assert "pickle" in refused(path)
    torch.save({"embedding": torch.zeros(128)}, path)
    assert "pickle" in refused(path)


def test_a_header_as_long_as_a_pickles_first_bytes_is_none(tmp_path: Path) -> None:
    lengths = set()
    for more in range(0, 400, 8):
        path = tmp_path / f"{more}.safetensors"
        write_voice(path, VOICE, METADATA | {"name": "n" * more})
        lengths.add(path.read_bytes()[:2])
        assert read_voice(path)[1]["name"] == "n" * more
    assert lengths & {b"\x80\x02", b"\x80\x03", b"\x80\x04"}


def test_a_huge_file_is_not_read(stored: Path) -> None:
    changed(stored, embedding=np.zeros(1 << 20, np.float32))
    assert "too large" in refused(stored)


def test_a_file_cut_off(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:-100])
    assert "damaged" in refused(stored)


@pytest.mark.parametrize(
    "words,tensors",
    [
        ("128 numbers", {"embedding": np.zeros(64, np.float32)}),
        ("128 numbers", {"embedding": VOICE.embedding.astype(np.float64)}),
        ("length 2", {"embedding": 2 * VOICE.embedding}),
        ("80 numbers", {"spectrum_mean": np.zeros((80, 1), np.float32)}),
        ("not a number", {"spectrum_mean": np.full(80, np.nan, np.float32)}),
        ("not a number", {"embedding": np.full(128, np.inf, np.float32)}),
        ("negative", {"spectrum_std": np.full(80, -1, np.float32)}),
        ("pitch is out", {"pitch": np.array([5, -1, 0.5], np.float32)}),
        ("pitch is out", {"pitch": np.array([5, 0.2, 1.5], np.float32)}),
        ("pitch is out", {"pitch": np.array([500, 0.2, 0.5], np.float32)}),
        ("other tensors", {"pitch": None}),
        ("other tensors", {"more": np.zeros(3, np.float32)}),
    ],
)
def test_numbers_that_no_voice_has(stored: Path, words: str, tensors: dict[str, Any]) -> None:
    assert words in refused(changed(stored, **tensors))


@pytest.mark.parametrize(
    "words,header",
    [
        ("no seconds", {"seconds": None}),
        ("seconds is out", {"seconds": -1}),
        ("seconds is out", {"seconds": float("nan")}),
        ("spread is out", {"spread": 1e9}),
        ("header", {"synthetic": 1}),
        ("header", {"encoder": 7}),
        ("not a voice that can be used", {"metadata": 3}),
        ("not a voice that can be used", {"seconds": "many"}),
        ("not a voice that can be used", {"seconds": [1]}),
    ],
)
def test_headers_that_no_voice_has(stored: Path, words: str, header: dict[str, Any]) -> None:
    assert words in refused(changed(stored, header))


@pytest.mark.parametrize("text", ["", "[]", "7", "{" * 50_000, "[" * 100_000])
def test_a_header_that_is_no_object(stored: Path, text: str) -> None:
    save_file(load_file(stored), stored, {"avsynth-voice-1": text})
    assert "not a voice that can be used" in refused(stored)
