"""Damaged and hostile Content Credentials: a line or a report, nothing believed, nothing fetched.

Long form: ``AVSYNTH_FAULTS_FILES`` damaged manifests, beside their file and within it.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from c2pa_forms import actions, sign
from fault_runs import LONG, write_table
from media_bases import KINDS, make_bases
from media_operations import attempt
from mutation import mutated
from watched import Watched

from avsynth.cli.verify import describe
from avsynth.provenance.reading import read
from avsynth.provenance.report import CredentialReport

SEED = 12
FILES = int(os.environ.get("AVSYNTH_FAULTS_FILES", "10000")) // 2 if LONG else 120
_NAMES = ("still.jpg", "h264-aac.mp4", "s16.wav", "vp9.webm")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return make_bases(folder, (), [kind for kind in KINDS if kind.name in _NAMES])


@pytest.fixture
def listener() -> Iterator[tuple[str, list[object]]]:
    """An address of this machine's, and who has connected to it."""
    heard: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                heard.append(address)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/m.c2pa", heard


def said(report: CredentialReport) -> dict[str, Any]:
    """What a report claims of the making of a file, whoever signed it."""
    keys = ("title", "generator", "actions", "consent", "making")
    found = report.as_dict()
    return {key: found[key] for key in keys}


def look() -> Callable[[Path], dict[str, Any]]:
    """Reads the credentials of files; made once in a worker."""

    def one(path: Path) -> str:
        report = read(path)
        told.clear()
        told.update(said(report))
        assert all(line.isprintable() and len(line) < 5000 for line in describe(report))
        return report.state

    told: dict[str, Any] = {}

    def run(path: Path) -> dict[str, Any]:
        outcome, seconds, trace = attempt(one, path)
        return {"outcome": outcome, "seconds": seconds, "trace": trace, "said": dict(told)}

    return run


def _embedded(base: Path, folder: Path, remote: str) -> tuple[Path, bytes, int, int]:
    """A signed file, its bytes, and where in it the manifest lies."""
    target = folder / f"signed-{base.name}"
    manifest = sign(base, target, {"title": "a title"}, ((base, {"title": "from"}),), remote)
    data = target.read_bytes()
    at = data.find(manifest[:64])
    return target, data, at, at + len(manifest)


def test_damaged_manifests(
    bases: dict[str, Path], listener: tuple[str, list[object]], tmp_path: Path
) -> None:
    remote, heard = listener
    worker = Watched(look, tmp_path / "work", (), patience=60.0)
    counts: dict[str, Counter[str]] = {}
    wrong: list[object] = []
    forms = []
    for name in ("h264-aac.mp4", "s16.wav"):
        forms.append((f"in {name}", *_embedded(bases[name], tmp_path, remote), None))
    film = bases["vp9.webm"]
    manifest = _sidecar(film, tmp_path, remote)
    forms.append(("beside vp9.webm", film, manifest, 0, len(manifest), film.name + ".c2pa"))
    try:
        whole = {}
        for form, path, data, _, _, beside in forms:
            if beside is not None:
                path.with_name(beside).write_bytes(data)
            found = worker.do(path).answer
            assert found["outcome"] == "trusted", (form, found)
            whole[form] = found["said"]
        for number in range(FILES):
            form, path, data, start, end, beside = forms[number % len(forms)]
            dice = random.Random(f"{SEED}:{number}")
            changed, how = mutated(data[start:end], dice, [data[start:end]])
            if beside is None:
                room = end - start if dice.random() < 0.8 else len(changed)
                changed = changed[:room].ljust(room, b"\0")
                target = tmp_path / f"damaged{path.suffix}"
                target.write_bytes(data[:start] + changed + data[end:])
            else:
                target = path
                path.with_name(beside).write_bytes(changed or b"\0")
            result = worker.do(target)
            outcome = result.ended or result.answer["outcome"]
            trusting = outcome in ("trusted", "valid", "untrusted")
            same = changed == data[start:end]
            if trusting and not same and result.answer["said"] != whole[form]:
                outcome = "believed"
            counts.setdefault(form, Counter())[outcome] += 1
            fine = trusting or outcome in ("invalid", "none", "refused")
            if not fine or outcome == "believed" or result.wrote or result.memory_mb > 2000:
                wrong.append((number, form, how, outcome, result))
    finally:
        worker.close()
    rows = [{"manifest": form, "files": found.total(), **{"outcomes": dict(found)}}
            for form, found in counts.items()]  # fmt: skip
    note = f"seed {SEED}; went wrong: {len(wrong)}; connections to the address named: {len(heard)}"
    write_table("manifests", "Damaged manifests", rows, [note])
    assert wrong == [] and heard == [], wrong[:3]


def _sidecar(film: Path, folder: Path, remote: str) -> bytes:
    """The manifest of a container that cannot hold it."""
    import c2pa

    from avsynth.provenance.c2pa_library import OPAQUE, context
    from avsynth.provenance.certificates import anchors, local_signer

    signer = local_signer()
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, None)
    stated = {
        "claim_generator_info": [{"name": "t", "version": "1"}], "format": OPAQUE,
        "title": "a title", "assertions": [actions()],
    }  # fmt: skip
    with (
        c2pa.Signer.from_info(info) as native,
        c2pa.Builder(stated, context=context(anchors())) as builder,
        film.open("rb") as file,
        (folder / "thrown-away").open("w+b") as out,
    ):
        builder.set_no_embed()
        return bytes(builder.sign(native, OPAQUE, file, out))


def test_hostile_manifests_that_hold(
    bases: dict[str, Path], listener: tuple[str, list[object]], tmp_path: Path
) -> None:
    """Signed with a key of this machine's, and yet: deep, wide, long, pointing outside."""
    remote, heard = listener
    still = bases["still.jpg"]
    deep = still
    for level in range(12):
        target = tmp_path / f"deep-{level}.jpg"
        sign(deep, target, {"title": f"level {level}"}, ((deep, {"title": f"from {level}"}),))
        deep = target
    report = read(deep)
    assert report.state == "trusted" and len(list(report.ingredients[0].walk())) <= 9

    wide = tmp_path / "wide.jpg"
    sign(still, wide, {}, tuple((still, {"title": f"{n}", "relationship": "componentOf"})
                                for n in range(250)))  # fmt: skip
    assert len(read(wide).ingredients) == 200

    long = tmp_path / "long.jpg"
    many = [{"action": "c2pa.edited", "description": "d" * 40}] * 2000
    sign(still, long, {"title": "t" * 100_000, "assertions": [actions(*many)]}, remote=remote)
    report = read(long)
    assert len(report.actions) == 200 and len(report.title or "") <= 200
    assert sum(map(len, describe(report))) < 200_000
    assert heard == []


def test_a_manifest_that_is_its_own_ingredient(bases: dict[str, Path], tmp_path: Path) -> None:
    first, second = tmp_path / "first.jpg", tmp_path / "second.jpg"
    sign(bases["still.jpg"], first, {"title": "first"})
    sign(first, second, {"title": "second"}, ((first, {"title": "from first"}),))
    import c2pa

    labels = []
    for path in (first, second):
        with path.open("rb") as file, c2pa.Reader("image/jpeg", file) as reader:
            labels.append(reader.get_active_manifest()["label"].encode())
    assert len(labels[0]) == len(labels[1])
    second.write_bytes(second.read_bytes().replace(labels[0], labels[1]))
    outcome, seconds, trace = attempt(lambda path: read(path).state, second)
    assert outcome in ("invalid", "refused") and seconds < 10, trace
