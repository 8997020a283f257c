"""ONNX: every kind of network that ships computes the same there as in torch."""

from __future__ import annotations

import json

import pytest
import torch
from dub_helpers import command

from avsynth import weights
from avsynth.errors import ConsentError, UsageError, WeightsError
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.weights import file as weights_file
from avsynth.weights import onnx_export
from avsynth.weights.architectures import DISCRIMINATORS, example_batch
from avsynth.weights.manifest import find

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="extra `onnx` is absent")

QUICK = "voice-space-small"


def one_of_each_kind():
    """The first shipped weights of every kind; to follow a large network takes seconds."""
    names = {}
    for entry in weights.list_weights():
        names.setdefault(entry.kind, entry.name)
    slow = pytest.mark.slow
    return [pytest.param(n, marks=[] if n == QUICK else slow) for n in names.values()]


def in_torch(source, batch):
    """What the network itself says, in the order of the file's outputs."""
    with torch.inference_mode():
        if source.kind in DISCRIMINATORS:
            return source.network(batch["x"], batch.get("condition")).logits
        return list(source.network(batch).values())


@pytest.mark.parametrize("name", one_of_each_kind())
def test_onnx_computes_what_torch_computes(name, tmp_path):
    import onnxruntime

    path = tmp_path / "network.onnx"
    made = onnx_export.export(name, path)
    assert made.difference <= onnx_export.TOLERANCE
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    source = weights.read(name)
    torch.manual_seed(1)
    batch = {
        key: 0.5 + 0.25 * torch.randn((2, *value.shape[1:]))
        for key, value in example_batch(source.kind, source.config).items()
    }
    expected = in_torch(source, batch)
    found = session.run(None, {key: value.numpy() for key, value in batch.items()})
    assert len(found) == len(expected)
    for want, got in zip(expected, found, strict=True):
        assert got.shape == tuple(want.shape)
        largest = float(want.abs().max())
        assert float((torch.from_numpy(got) - want).abs().max()) <= 1e-4 * largest
    for shown in (*made.inputs.values(), *made.outputs.values()):
        assert shown[0] == "batch"
    entry, said = find(name), session.get_modelmeta().custom_metadata_map
    assert {k: said[k] for k in ("name", "kind", "sha256", "licence", "purpose")} == {
        "name": name, "kind": entry.kind, "sha256": entry.sha256, "licence": entry.licence,
        "purpose": entry.purpose,
    }  # fmt: skip
    assert json.loads(said["config"]) == source.config.model_dump(mode="json")
    assert path.stat().st_size > 0.9 * 2 * sum(p.numel() for p in source.network.parameters())


def test_the_command_writes_it_and_says_what_it_takes(tmp_path):
    path = tmp_path / "space.onnx"
    said = json.loads(command("weights", "export", QUICK, "-o", path, "--json").out)
    assert said["opset"] == 20 and said["inputs"]["latent"][0] == "batch" and path.is_file()
    done = command("weights", "export", "no-such", "-o", path)
    assert done.code == 6 and "no-such" in done.complaint


TINY = MotionConfig(front_end="mel", features=12, projected=6, hidden=8, dilations=(1, 2))


def test_weights_of_a_person_are_not_taken_where_nobody_asks_for_the_consent(tmp_path):
    path = tmp_path / "person.safetensors"
    consent = {"consent": {"record_sha256": "ab" * 32}, "purpose": "research"}
    weights_file.write(path, "motion", MotionNetwork(TINY), TINY, {}, consent)
    with pytest.raises(ConsentError, match="person"):
        onnx_export.export(str(path), tmp_path / "person.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["person.safetensors"]


def test_a_file_that_computes_something_else_gets_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(WeightsError, match="something else"):
        onnx_export.export(QUICK, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_asked_for(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="opset 9"):
        onnx_export.export(QUICK, tmp_path / "x.onnx", opset=9)
    with pytest.raises(UsageError, match=r"\.onnx"):
        onnx_export.export(QUICK, tmp_path / "x.pt")
    monkeypatch.setattr(onnx_export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="onnxscript") as caught:
        onnx_export.export(QUICK, tmp_path / "x.onnx")
    assert "avsynth[onnx]" in (caught.value.hint or "")
