"""A voice converted on a cluster is that of one process, sample by sample."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import killing_one
from convert_helpers import decoded, nobody, speech, stored_voice, voice_record, wav
from dub_helpers import command, leftovers

from avsynth.cluster.connection import Cluster
from avsynth.models.synthesis import TOLERANCE
from avsynth.models.voice_engine import Shifts
from avsynth.models.voice_engine import convert as convert_all
from avsynth.pipelines.convert import convert
from avsynth.reporting import Report
from avsynth.weights.voice_engines import load_voice_engine


def long(path: Path, seconds: float) -> Path:
    """Speech with pauses, of more than one unit of work."""
    line, pause = speech(), np.zeros(9_000, np.float32)
    times = int(seconds / ((len(line) + len(pause)) / 16_000)) + 1
    return wav(path, np.tile(np.concatenate([line, pause]), times)[: int(seconds * 16_000)])


def converted(source: Path, out: Path, cluster: Cluster | None) -> Report:
    return convert(source, [stored_voice()], voice_record(), out, cluster=cluster)


@pytest.mark.parametrize("weights", ["world", None])
def test_pieces_come_to_the_same_in_any_order(weights: str | None) -> None:
    engine = load_voice_engine(weights, "commercial").voice
    sound = np.tile(speech(), 4)
    source = engine.listen([sound])
    whole = np.concatenate(list(convert_all(engine, [sound], source, nobody(), Shifts())))
    sent = [pickle.dumps(piece) for piece in engine.pieces([sound], source)]
    assert len(sent) > 2
    made = [
        engine.remake(pickle.loads(each), source, nobody(), Shifts()) for each in reversed(sent)
    ]
    assert np.array_equal(np.concatenate(list(engine.join(reversed(made), source))), whole)


def test_the_same_samples_with_a_worker_killed(two_workers: Cluster, tmp_path: Path) -> None:
    source = long(tmp_path / "long.wav", 45.0)
    here, there = tmp_path / "here.wav", tmp_path / "there.wav"
    converted(source, here, None)
    with killing_one() as killed:
        converted(source, there, two_workers)
    assert killed
    one, other = decoded(here, 16_000), decoded(there, 16_000)
    assert one.shape == other.shape and np.abs(one).max() > 0.05
    # With more threads than the one of a worker sums are rounded otherwise, here and there.
    apart = np.abs(one - other)
    assert apart.max() <= 0.02 and apart.mean() <= TOLERANCE
    assert command("verify", there).code == 0
    made = ["here.wav", "there.wav"]
    assert leftovers(tmp_path, source) == sorted([*made, *(f"{x}.report.json" for x in made)])
