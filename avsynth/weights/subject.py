"""A subject's weights file: the parts of one person, each as a weights file of its own kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import Tensor, nn

from avsynth.errors import ConsentError, WeightsError
from avsynth.models.lipsync import LipsyncConfig
from avsynth.models.motion import MotionConfig
from avsynth.models.subject import SubjectConfig, SubjectNetwork
from avsynth.weights import file as files
from avsynth.weights.file import WeightsFile

KIND = "subject"
#: Kinds of networks that a subject's file may hold.
PARTS = ("motion", "lipsync")


def read_parts(path: Path, expected_sha256: str | None = None) -> dict[str, WeightsFile]:
    """The networks in a file: "motion" and, if there is one, "lipsync".

    Each is a complete ``WeightsFile`` with its own kind, config, network and extras (the motion's
    mouth space); path, hash and metadata are those of the file. A file of a single motion or
    lip-sync network is its one part.

    Raises:
        WeightsError: missing, damaged, of another kind, wrong hash; a subject's without the hash of
            the consent record that it was made under.
    """
    whole = files.read(path, expected_sha256)
    if whole.kind in PARTS:
        return {whole.kind: whole}
    if not isinstance(whole.network, SubjectNetwork):
        raise WeightsError(f"weights of kind {whole.kind!r}, not of a subject", path)
    if consent_record(whole.metadata) is None:
        raise WeightsError("a person's weights without the consent that they were made under", path)
    network, config = whole.network, whole.network.config
    parts: dict[str, tuple[BaseModel | None, nn.Module | None]] = {
        "motion": (config.motion, network.motion),
        "lipsync": (config.lipsync, network.lipsync),
    }
    found = {}
    for kind, (its_config, its_network) in parts.items():
        if its_config is not None and its_network is not None:
            start = f"{kind}."
            extras = {
                name.removeprefix(start): value
                for name, value in whole.extras.items()
                if name.startswith(start)
            }
            found[kind] = WeightsFile(
                path, whole.sha256, kind, its_config, its_network, extras, whole.metadata
            )
    return found


def consent_record(metadata: Mapping[str, Any]) -> str | None:
    """Hash of the consent record under which weights of a person were made; None: of nobody."""
    consent = metadata.get("consent")
    record = consent.get("record_sha256") if isinstance(consent, Mapping) else None
    return str(record) if record else None


def refuse_other_consent(name: str, metadata: Mapping[str, Any], record_sha256: str) -> None:
    """ConsentError when the weights ``name`` are a person's and of another consent record.

    The very record: it names the person, and it alone can be revoked or run out for both.
    """
    own = consent_record(metadata)
    if own not in (None, record_sha256):
        raise ConsentError(
            f"the weights {name} were made under another consent record ({str(own)[:12]}...)",
            hint="use them under that record, or adapt again under this one",
        )


def write_parts(path: Path, parts: Mapping[str, WeightsFile], metadata: dict[str, Any]) -> str:
    """Store the networks, configs and extras of ``parts`` as one file; returns its hash.

    ``metadata`` has the hash of the consent record, without which the file could not be read.
    """
    motion, lipsync = parts["motion"], parts.get("lipsync")
    assert isinstance(motion.config, MotionConfig)
    lipsync_config = None if lipsync is None else lipsync.config
    assert lipsync_config is None or isinstance(lipsync_config, LipsyncConfig)
    config = SubjectConfig(motion=motion.config, lipsync=lipsync_config)
    network = SubjectNetwork(config)
    network.motion.load_state_dict(motion.network.state_dict())
    if network.lipsync is not None and lipsync is not None:
        network.lipsync.load_state_dict(lipsync.network.state_dict())
    extras: dict[str, Tensor] = {
        f"{kind}.{name}": value
        for kind, part in parts.items()
        for name, value in part.extras.items()
    }
    return files.write(path, KIND, network, config, extras, metadata)
