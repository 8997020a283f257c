"""The parsers that are ours, each as a function of bytes that may only end in one of our errors.

Seeds are small and whole; what comes back unchanged when written again is asserted as well.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from avsynth.errors import AvsynthError, InputError, UsageError

#: Runs a parser on bytes. Raises an AvsynthError where they are refused.
Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """A parser; ``json`` where its seeds are JSON, which is then also changed value by value."""

    run: Run
    seeds: tuple[bytes, ...]
    json: bool = False


@functools.cache
def folder() -> Path:
    """Where a process puts the files that are parsed; gone with it."""
    shared = Path("/dev/shm")
    holder = tempfile.TemporaryDirectory(
        prefix="avsynth-parsers-", dir=shared if os.access(shared, os.W_OK) else None
    )
    folder.holder = holder  # type: ignore[attr-defined]
    return Path(holder.name)


def file(data: bytes, name: str) -> Path:
    """The bytes as a file."""
    path = folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def text(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


@contextlib.contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Errors that a function is documented to raise, as ours; each must be a short line."""
    try:
        yield
    except kinds as error:
        said = str(error)
        assert len(said) < 500 and said.isprintable(), said
        raise InputError(said or "refused") from error


def canonical(data: bytes) -> None:
    """Strict JSON: its canonical form means the same, and is its own canonical form."""
    from avsynth.provenance.canonical import canonical as written
    from avsynth.provenance.canonical import parse

    with refusing(ValueError):
        found = parse(data)
    once = written(found)
    with refusing(ValueError):  # 1e16 is written as a whole number of more than 53 bits
        again = parse(once)
    assert again == found and written(again) == once
    assert json.loads(once) == json.loads(data)


def consent_record(data: bytes) -> None:
    """A record: saved and read again it is the same; one that is not signed is never accepted."""
    from avsynth.errors import ConsentError
    from avsynth.provenance import consent

    found = consent.load(file(data, "record.json"))
    again = consent.load(consent.save(found, folder() / "again.json").path or Path())
    assert again.record == found.record and again.sha256 == found.sha256
    with contextlib.suppress(ConsentError):
        consent.check(found)
        assert found.record.signature is not None


def _signed(data: bytes) -> bytes:
    """A document with a signature that holds, so that what is read after it is reached."""
    from avsynth.provenance.canonical import parse
    from avsynth.provenance.keys import local_key

    with refusing(ValueError):
        found = parse(data)
    if not isinstance(found, dict):
        raise InputError("not an object")
    found.pop("signature", None)
    return text(local_key().sign(found))


def trust_list(data: bytes) -> None:
    """The trust list, as if this machine had signed it."""
    from avsynth.provenance import trust
    from avsynth.provenance.home import home

    home().mkdir(parents=True, exist_ok=True)
    path = home() / "trust.json"
    path.write_bytes(_signed(data))
    try:
        for key in trust.trusted():
            assert len(key.fingerprint) == 64
            trust.name_of(key.public_key)
    finally:
        path.unlink()


def revocation_list(data: bytes) -> None:
    """A list of revocations, as if this machine had signed it."""
    from avsynth.provenance import revocation

    found = revocation.read(file(_signed(data), "revocations.json"))
    for entry in found.entries:
        assert revocation.Revocations((found,)).find(entry.id, "") is not None


def signing_key(data: bytes) -> None:
    """A private key in PEM."""
    from avsynth.provenance.keys import load_key

    key = load_key(file(data, "key.pem"))
    assert load_key(file(key.pem(), "again.pem")).public == key.public


def certificates(data: bytes) -> None:
    """Certificates in PEM, as roots and as a signer's."""
    from avsynth.provenance.certificates import load_signer, trust_root

    path = file(data, "chain.pem")
    with contextlib.suppress(AvsynthError):
        trust_root(path).unlink()
    load_signer(path, path)


def voice_file(data: bytes) -> None:
    """A stored voice; written again it is the same."""
    from avsynth.weights.voices import read_voice, write_voice

    voice, metadata = read_voice(file(data, "voice.safetensors"))
    path = folder() / "voice-again.safetensors"
    write_voice(path, voice, metadata)
    again, said = read_voice(path)
    assert said == metadata and np.array_equal(again.embedding, voice.embedding)
    assert again.pitch == voice.pitch and again.seconds == voice.seconds


def _with_header(made: bytes, key: str, header: bytes) -> bytes:
    """A safetensors file whose own description is ``header``, its numbers as they are."""
    size = int.from_bytes(made[:8], "little")
    head = json.loads(made[8 : 8 + size])
    head["__metadata__"] = {key: header.decode("utf-8", "replace")}
    coded = json.dumps(head).encode()
    return len(coded).to_bytes(8, "little") + coded + made[8 + size :]


@functools.cache
def made_voice() -> bytes:
    """A stored voice of nobody."""
    from convert_helpers import nobody

    from avsynth.weights.voices import write_voice

    path = folder() / "made-voice.safetensors"
    write_voice(path, nobody(), {"imagined": {"seed": 0, "distance": 1.0}})
    return path.read_bytes()


def voice_header(data: bytes) -> None:
    """What a voice says of itself, with numbers that are right."""
    voice_file(_with_header(made_voice(), "avsynth-voice-1", data))


@functools.cache
def made_motion() -> bytes:
    """A stored motion of a few frames."""
    from avsynth.face.alignment import _TEMPLATE
    from avsynth.face.mesh import MESH_POINTS, RIGID
    from avsynth.weights.head_motions import write_motion

    shape = np.random.default_rng(0).uniform(-0.6, 0.6, (MESH_POINTS, 3))
    shape[list(RIGID)] = _TEMPLATE
    points = np.stack([100 * shape + 200 + number for number in range(3)]).astype(np.float32)
    path = folder() / "made-motion.safetensors"
    write_motion(
        path, points, [], np.arange(3, dtype=np.int64), 3, Fraction(1, 25), Fraction(25),
        {"consent": {"record_sha256": "0" * 64}},
    )  # fmt: skip
    return path.read_bytes()


def motion_file(data: bytes) -> None:
    """A stored motion."""
    from avsynth.pipelines.motion_report import figures
    from avsynth.weights.head_motions import read_motion

    figures(read_motion(file(data, "motion.safetensors")))


def motion_header(data: bytes) -> None:
    """What a motion says of itself, with numbers that are right."""
    motion_file(_with_header(made_motion(), "avsynth-head-motion-1", data))


@functools.cache
def made_weights() -> bytes:
    """Weights of the smallest network there is."""
    from avsynth.weights import list_weights

    return min((e.path for e in list_weights()), key=lambda p: p.stat().st_size).read_bytes()


def weights_header(data: bytes) -> None:
    """What weights say of themselves: kind, config, metadata."""
    from avsynth.weights.file import read

    with contextlib.suppress(MemoryError):  # a config may ask for any size: said in SECURITY.md
        read(file(_with_header(made_weights(), "avsynth-weights-1", data), "w.safetensors"))


def weights_file(data: bytes) -> None:
    """Weights, from their first byte."""
    from avsynth.weights.file import read

    read(file(data, "weights.safetensors"))


def track_table(data: bytes) -> None:
    """Face tracks of a job."""
    from avsynth.face.store import TrackTable

    with TrackTable.open(file(data, "tracks")) as table:
        table.read(0, 10)


def whisper(data: bytes) -> None:
    """A CTranslate2 model."""
    from avsynth.speech.whisper import read_ctranslate2

    read_ctranslate2(file(data, "model.bin"))


def headers(data: bytes) -> None:
    """Sizes and boxes that are looked at before a file is decoded."""
    from avsynth.media.orientation import Orientation
    from avsynth.media.still import _components, check_lengths
    from avsynth.provenance.c2pa_library import media_type
    from detectors.limits import _is_encrypted, _stated_size

    path = file(data, "media")
    assert Orientation.from_matrix(data).rotation in (0, 90, 180, 270)
    if data.startswith(b"\xff\xd8"):
        _components(data)
    _stated_size(path)
    _is_encrypted(path)
    media_type(path)
    check_lengths(data, path)


def credentials(data: bytes) -> None:
    """What the C2PA library says of a file's manifests, as JSON: shown whatever is in it."""
    from avsynth.cli.verify import describe
    from avsynth.provenance.reading import _report

    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("not JSON") from None
    if not isinstance(found, dict):
        raise InputError("not an object")
    with refusing(AttributeError, KeyError, TypeError):  # which ``read`` turns into "invalid"
        report = _report(Path("a.mp4"), found)
    assert json.loads(json.dumps(report.as_dict())) is not None
    for line in describe(report):
        assert line.isprintable() and len(line) < 5000


def shown(data: bytes) -> None:
    """Text of strangers made fit to be shown."""
    from avsynth.cli.printing import printable
    from avsynth.errors import AvsynthError as Error
    from avsynth.provenance.text import plain
    from detectors.report.visible import visible

    given = os.fsdecode(data)
    for made in (plain(given, 40), visible(given, 40), str(Error(given, given, given))):
        assert made.isprintable()
    assert len(plain(given, 40)) <= 40
    assert all(line.isprintable() for line in printable([given]).split("\n"))
    visible(given).encode()


def choices(data: bytes) -> None:
    """What is said on the command line: faces, options, addresses."""
    from avsynth.cluster.storage import is_url
    from avsynth.face.choice import select
    from avsynth.face.track_info import TrackInfo
    from avsynth.pipelines.convert_inputs import convert_options
    from avsynth.pipelines.options import dub_options
    from avsynth.pipelines.reenact_options import reenact_options

    given = os.fsdecode(data)
    track = TrackInfo(0, 0, 0, 9, 10, (10.0, 10.0, 60.0, 60.0), 0.0, 1.0)
    is_url(given)
    for run in (
        lambda: dub_options(face=given), lambda: dub_options(weights=given, fit=given),
        lambda: reenact_options(driver_face=given), lambda: convert_options(device=given),
    ):  # fmt: skip
        with contextlib.suppress(UsageError):
            run()
    select([track], given)
