"""Weights: names, hashes, cards, and the files that are refused."""

import json
import os
import subprocess
import sys

import pytest
import torch

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.weights import file as weights_file
from avsynth.weights import manifest
from avsynth.weights.architectures import DISCRIMINATORS

TINY = MotionConfig(front_end="mel", features=12, projected=6, hidden=8, dilations=(1, 2))


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    extras = {"mouth_space.mean": torch.ones(3)}
    weights_file.write(path, "motion", MotionNetwork(TINY), TINY, extras, {"purpose": "commercial"})
    return path


def test_a_file_gives_back_network_config_extras_and_metadata(tiny):
    loaded = weights.load(tiny, engine="torch")
    assert loaded.config == TINY and loaded.kind == "motion" and loaded.name == "tiny"
    assert loaded.purpose == "commercial"
    assert torch.equal(loaded.extras["mouth_space.mean"], torch.ones(3))
    torch.manual_seed(0)
    network = MotionNetwork(TINY).half().float().eval()
    features = torch.randn(2, 9, 12)
    expected = network({"features": features})["motion"]
    assert torch.allclose(loaded({"features": features})["motion"], expected, atol=1e-6)


def test_a_file_without_a_word_about_purpose_is_for_research(tmp_path):
    path = tmp_path / "quiet.safetensors"
    weights_file.write(path, "motion", MotionNetwork(TINY), TINY, {}, {})
    assert weights.load(path, engine="torch").purpose == "research"


def test_every_shipped_file_has_its_hash_a_card_and_loads():
    names = [entry.name for entry in weights.list_weights()]
    assert {"motion-small", "motion-small-mel", "motion-small-research"} <= set(names)
    for entry in weights.list_weights():
        assert weights_file.sha256(entry.path) == entry.sha256
        assert entry.path.stat().st_size < 5_000_000
        card = weights.card(entry.name)
        for word in ("Data", "Allowed use", "fails"):
            assert word in card, (entry.name, word)
        if entry.kind in DISCRIMINATORS:
            assert weights.read(entry.name).metadata["purpose"] == entry.purpose
            with pytest.raises(WeightsError, match="judge"):
                weights.load(entry.name)
        else:
            assert weights.load(entry.name, engine="torch").purpose == entry.purpose
        assert ("research" in entry.name) == (entry.purpose == "research")


_INTERRUPTED = """
import os, signal, sys, time
from pathlib import Path
from avsynth.weights import file

def ending(after):
    begun, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(told, b"1")
            file.read(Path(sys.argv[1]))
            time.sleep(1)
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    os.read(begun, 1)
    time.sleep(after)
    os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert {ending(number * 2e-5) for number in range(150)} == {130}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_ctrl_c_is_never_taken_for_damage(tiny):
    """At 150 moments of a first reading; torch.asarray loses one in ten."""
    command = [sys.executable, "-c", _INTERRUPTED, tiny]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]


def test_a_changed_byte_is_refused(tiny):
    digest = weights_file.sha256(tiny)
    data = bytearray(tiny.read_bytes())
    data[-1] ^= 1
    tiny.write_bytes(data)
    with pytest.raises(WeightsError, match="wrong hash"):
        weights_file.read(tiny, digest)


def test_a_shipped_file_that_changed_is_refused_by_name(tmp_path, monkeypatch, tiny):
    entry = weights.list_weights()[0]
    (tmp_path / entry.file).write_bytes(tiny.read_bytes())
    monkeypatch.setattr(manifest, "_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="wrong hash"):
        weights.load(entry.name)


@pytest.mark.parametrize("old_format", [True, False])
def test_pickles_are_refused_unopened(tmp_path, old_format):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    path = tmp_path / "model.safetensors"
    torch.save({"x": Bomb()}, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(WeightsError, match="pickle"):
        weights.load(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x10\x00\x00\x00\x00\x00\x00\x00{}"])
def test_damaged_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    assert "\n" not in str(caught.value)


def test_foreign_safetensors_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="not weights of this toolkit"):
        weights.load(path)


@pytest.mark.parametrize(
    "header",
    ["[]", "7", "null", "{}", "[" * 100_000, '{"kind": ["motion"], "config": {}, "metadata": {}}',
     '{"kind": "motion", "config": [], "metadata": {}}',
     '{"kind": "motion", "config": {}, "metadata": "mine"}'],
)  # fmt: skip
def test_headers_that_no_weights_have_are_refused_in_one_line(tmp_path, header):
    from safetensors.torch import save_file

    path = tmp_path / "odd.safetensors"
    save_file({"x": torch.zeros(2)}, path, {"avsynth-weights-1": header})
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path):
    path = tmp_path / "unfit.safetensors"
    other = TINY.model_copy(update={"hidden": 9})
    weights_file.write(path, "motion", MotionNetwork(TINY), other, {}, {})
    with pytest.raises(WeightsError, match="do not fit"):
        weights.load(path)


def test_unknown_names_list_what_there_is(tmp_path):
    with pytest.raises(WeightsError, match="motion-small"):
        weights.load("motion-huge")
    with pytest.raises(WeightsError, match="no such"):
        weights.load(tmp_path / "absent.safetensors")
    with pytest.raises(WeightsError, match="no weights"):
        weights.card("motion-huge")


def test_unknown_kinds_are_refused(tmp_path):
    path = tmp_path / "odd.safetensors"
    weights_file.write(path, "teleport", MotionNetwork(TINY), TINY, {}, {})
    with pytest.raises(WeightsError, match="teleport"):
        weights.load(path)


def test_the_manifest_is_json_with_every_field():
    folder = weights.list_weights()[0].path.parent
    for row in json.loads((folder / "manifest.json").read_text()):
        assert set(row) == set(manifest.Entry.model_fields)
