"""A subject's file: two networks in one, read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avsynth.errors import ConsentError, WeightsError
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork, example_batch
from avsynth.models.motion import MotionNetwork
from avsynth.weights import file as files
from avsynth.weights import load, manifest
from avsynth.weights.file import WeightsFile
from avsynth.weights.subject import read_parts, refuse_other_consent, write_parts

_RECORD = "ab" * 32
_METADATA = {
    "purpose": "commercial", "name": "somebody", "bases": {"motion": {"name": "m"}},
    "consent": {"record_sha256": _RECORD},
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WeightsFile]:
    torch.manual_seed(0)
    config = LipsyncConfig(size=32, widths=(4, 4, 8, 8), depth=1)
    path = tmp_path_factory.mktemp("lipsync") / "g.safetensors"
    files.write(path, "lipsync", LipsyncNetwork(config), config, {}, {})
    motion = files.read(manifest.find("motion-small").path)
    return {"motion": motion, "lipsync": files.read(path)}


@pytest.fixture(scope="module")
def stored(parts: dict[str, WeightsFile], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("subject") / "s.safetensors"
    write_parts(path, parts, _METADATA)
    return path


def test_both_parts_come_back_as_they_were(stored: Path, parts: dict[str, WeightsFile]) -> None:
    back = read_parts(stored)
    assert set(back) == {"motion", "lipsync"}
    for kind, part in back.items():
        assert part.kind == kind
        assert part.config == parts[kind].config
        assert part.metadata == _METADATA
        assert part.sha256 == files.sha256(stored)
        assert set(part.extras) == set(parts[kind].extras)
        for name, value in parts[kind].network.state_dict().items():
            assert torch.equal(part.network.state_dict()[name], value)
    assert any(name.startswith("mouth_space.") for name in back["motion"].extras)


def test_a_generator_is_not_needed(parts: dict[str, WeightsFile], tmp_path: Path) -> None:
    path = tmp_path / "motion-alone.safetensors"
    write_parts(path, {"motion": parts["motion"]}, _METADATA)
    assert set(read_parts(path)) == {"motion"}


def test_the_whole_file_loads_and_moves_as_its_motion_network(
    stored: Path, parts: dict[str, WeightsFile]
) -> None:
    whole = load(stored)
    assert (whole.kind, whole.purpose) == ("subject", "commercial")
    network = parts["motion"].network
    assert isinstance(network, MotionNetwork)
    features = torch.randn(1, 30, network.config.features)
    with torch.inference_mode():
        expected = network({"features": features})["motion"]
    assert torch.allclose(whole({"features": features})["motion"], expected, atol=1e-5)


def test_the_generator_of_a_subject_runs(stored: Path) -> None:
    part = read_parts(stored)["lipsync"]
    assert isinstance(part.config, LipsyncConfig)
    made = part.network(example_batch(part.config))
    assert made["paint"].shape == (1, 3, 32, 32)


def test_a_file_of_one_network_is_its_own_part() -> None:
    entry = manifest.find("motion-small")
    assert set(read_parts(entry.path, entry.sha256)) == {"motion"}


@pytest.mark.parametrize("consent", [None, {}, {"record_sha256": ""}, "allowed"])
def test_without_a_consent_record_nothing_is_read(
    consent: object, parts: dict[str, WeightsFile], tmp_path: Path
) -> None:
    path = tmp_path / "nobody.safetensors"
    write_parts(path, {"motion": parts["motion"]}, _METADATA | {"consent": consent})
    with pytest.raises(WeightsError, match="without the consent"):
        read_parts(path)


def test_a_persons_weights_belong_to_one_record(stored: Path) -> None:
    metadata = read_parts(stored)["motion"].metadata
    refuse_other_consent("somebody", metadata, _RECORD)
    with pytest.raises(ConsentError, match="another consent record"):
        refuse_other_consent("somebody", metadata, "cd" * 32)
    shipped = manifest.find("motion-small")
    refuse_other_consent(shipped.name, files.read(shipped.path).metadata, "cd" * 32)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    from avsynth.models.discriminators import SequenceConfig, SequenceDiscriminator

    config = SequenceConfig()
    path = tmp_path / "d.safetensors"
    files.write(path, "sequence-discriminator", SequenceDiscriminator(config), config, {}, {})
    with pytest.raises(WeightsError, match="not of a subject"):
        read_parts(path)
    with pytest.raises(WeightsError, match="no such weights file"):
        read_parts(tmp_path / "none.safetensors")
