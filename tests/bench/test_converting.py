"""bench convert: a whole run, and what it says."""

from __future__ import annotations

import json

import pytest
from dub_helpers import command

from avsynth.bench import converting
from avsynth.cli.bench import convert_table
from avsynth.models.world_engine import WorldEngine
from avsynth.weights.registry import load
from avsynth.weights.voice_engines import ConversionModels


def test_a_short_bench_of_world() -> None:
    done = command("bench", "convert", "--minutes", "0.1", "--weights", "world", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (row,) = found["rows"]
    assert row["engine"] == "world" and row["seconds"] == 6.0
    assert {"listening", "converting", "writing", "measuring", "sign"} <= set(row["stages"])
    assert found["growth_mb"] == 0 and 100 < row["peak_memory_mb"] < 1000
    assert 0 < found["parts"]["pitch"]["one_thread"] < 1
    assert "world" in convert_table(found) and "pitch" in convert_table(found)


def test_networks_are_timed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "_PART_SECONDS", 3)
    models = ConversionModels(WorldEngine(), (load("vocoder-small", "torch"),))
    parts = converting.time_parts(models)
    named = {name for name in parts if "vocoder-small" in name}
    assert named == {"network vocoder-small", "vocoder-small, synthesis included"}
    assert all(of["one_thread"] > 0 for of in parts.values())
