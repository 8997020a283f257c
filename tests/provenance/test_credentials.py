"""Signed files hold; changed ones, and changed ingredients, do not; nothing is ever looked up."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from avsynth.errors import InputError, InvalidCredentialsError, ResourceError, UsageError
from avsynth.media import sha256_file
from avsynth.provenance import c2pa_library, vocabulary
from avsynth.provenance.certificates import anchors, local_signer
from avsynth.provenance.credentials import (
    Action,
    Consent,
    Model,
    Signed,
    Source,
    publish,
    read,
    refuse_tampered,
    sign,
    verify_ours,
)

MakeMedia = Callable[..., Path]
EMBEDDED = ["mp4", "mov", "m4a", "wav", "mp3", "flac", "jpg", "png", "webp"]
BESIDE = ["mkv", "webm", "ogg"]
CONSENT = Consent("ab" * 32, "cd" * 16, "dataset", "research")
DUBBED = Action("c2pa.dubbed", "speech replaced", parameters={"language": "de"})


def dub(source: Path, target: Path, **more: Any) -> Signed:
    more = {"parent": Source(source), "consent": CONSENT, **more}
    return sign(source, target, actions=[DUBBED], title=target.name, **more)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x40
    path.write_bytes(data)


def flip_text(path: Path, text: bytes, which: int = 0) -> None:
    """Change one letter of a text inside the manifest."""
    data, at = path.read_bytes(), -1
    for _ in range(which + 1):
        at = data.index(text, at + 1)
    flip(path, at)


@pytest.mark.parametrize("suffix", EMBEDDED + BESIDE)
def test_every_container_is_signed_and_read_back(
    make_media: MakeMedia, tmp_path: Path, suffix: str
) -> None:
    source, speech = make_media(f"a.{suffix}"), make_media("new speech.wav", seed=1)
    before = sha256_file(source)
    signed = dub(
        source, tmp_path / f"b.{suffix}", inputs=[Source(speech)], models=[Model("m", "ef" * 32)]
    )
    report = verify_ours(signed, consent=CONSENT)
    assert (report.state, report.ours, report.problems) == ("trusted", True, ())
    assert report.where == ("embedded" if suffix in EMBEDDED else "sidecar")
    assert (signed.sidecar is None) == (suffix in EMBEDDED)
    assert [a.action for a in report.actions] == ["c2pa.opened", "c2pa.dubbed"]
    assert report.actions[1].source_type == vocabulary.COMPOSITE and report.synthetic
    assert [(i.title, i.relationship, i.state) for i in report.ingredients] == [
        (f"a.{suffix}", "the original", "none"),
        ("new speech.wav", "an input", "none"),
    ]
    assert report.consent == {
        "record_sha256": "ab" * 32,
        "record_id": "cd" * 16,
        "kind": "dataset",
        "label": "research",
    }
    assert report.making is not None
    assert report.making["models"] == [{"name": "m", "sha256": "ef" * 32}]
    assert [s["sha256"] for s in report.making["sources"]] == [before, sha256_file(speech)]
    assert sha256_file(source) == before, "the source is never touched"


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "m4a", "wav", "mp3", "flac", "mkv"])
def test_signing_changes_no_packet(make_media: MakeMedia, tmp_path: Path, suffix: str) -> None:
    source = make_media(f"a.{suffix}")
    assert packets(dub(source, tmp_path / f"b.{suffix}").path) == packets(source) != []


@pytest.mark.parametrize("suffix", EMBEDDED + BESIDE)
def test_one_flipped_bit_of_the_content_is_found(
    make_media: MakeMedia, tmp_path: Path, suffix: str
) -> None:
    source, target = make_media(f"a.{suffix}"), tmp_path / f"b.{suffix}"
    dub(source, target)
    # In the middle of a run of the source's own content, which signing leaves as it is.
    content = source.read_bytes()
    run = content[len(content) // 2 :][:32]
    flip(target, target.read_bytes().index(run) + 16)
    report = read(target)
    assert report.state == "invalid" and report.exit_code == 14
    assert any("content was changed" in problem for problem in report.problems)


def test_changed_statements_and_swapped_content_are_found(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    target, other = tmp_path / "b.mkv", make_media("other.mkv", seed=5)
    signed = dub(make_media("a.mkv"), target)
    target.write_bytes(other.read_bytes())
    assert "content was changed" in "".join(read(target).problems)
    with pytest.raises(InvalidCredentialsError, match="do not hold"):
        verify_ours(signed, consent=CONSENT)
    picture = tmp_path / "b.png"
    dub(make_media("a.png"), picture)
    flip_text(picture, b"abababab")
    assert "statement in the credentials was changed" in "".join(read(picture).problems)


def test_an_ingredient_that_was_tampered_with_before_signing_is_found(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    parent = tmp_path / "parent.png"
    dub(make_media("a.png"), parent)
    assert refuse_tampered(parent).ours
    flip(parent, len(parent.read_bytes()) - 40)
    with pytest.raises(InvalidCredentialsError, match="its own credentials do not hold"):
        refuse_tampered(parent)
    signed = dub(parent, tmp_path / "b.png")
    report = read(signed.path)
    # The library calls the file itself trusted: its own signature is good.
    assert report.state == "trusted" and report.exit_code == 14
    assert [i.title for i in report.tampered_ingredients] == ["parent.png"]
    with pytest.raises(InvalidCredentialsError, match="ingredient"):
        verify_ours(signed, consent=CONSENT)
    verify_ours(signed, consent=CONSENT, allow_tampered_ingredient=True)
    below = read(dub(signed.path, tmp_path / "c.png").path)
    assert below.exit_code == 14 and below.tampered_ingredients[0].title == "parent.png"


def test_an_ingredients_manifest_changed_inside_the_file_is_found(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    parent, target = tmp_path / "parent.png", tmp_path / "b.png"
    dub(make_media("a.png"), parent)
    dub(parent, target)
    assert [i.state for i in read(target).ingredients] == ["trusted"]
    flip_text(target, b"abababab")  # the first of the two manifests is the parent's
    report = read(target)
    assert report.exit_code == 14
    assert "ingredient 'parent.png'" in "".join(report.problems)


def test_a_file_without_a_parent_counts_as_made_by_a_model(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    signed = sign(make_media("a.wav"), tmp_path / "b.wav", actions=[], title="b.wav")
    report = verify_ours(signed)
    assert [(a.action, a.source_type) for a in report.actions] == [
        ("c2pa.created", vocabulary.TRAINED)
    ]


def test_a_model_in_the_past_of_a_file_is_seen(make_media: MakeMedia, tmp_path: Path) -> None:
    sign(make_media("a.png"), tmp_path / "b.png", actions=[], title="b.png")
    edit = Action("c2pa.cropped", source_type=None)
    signed = sign(
        tmp_path / "b.png",
        tmp_path / "c.png",
        actions=[edit],
        title="c.png",
        parent=Source(tmp_path / "b.png"),
    )
    assert read(signed.path).synthetic


def test_verify_ours_wants_the_expected_consent_and_signer(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    signed = dub(make_media("a.png"), tmp_path / "b.png")
    for consent in (None, replace(CONSENT, record_sha256="00" * 32)):
        with pytest.raises(InvalidCredentialsError, match="consent"):
            verify_ours(signed, consent=consent)
    impostor = replace(signed, signer=replace(signed.signer, serial="1"))
    with pytest.raises(InvalidCredentialsError, match="somebody else"):
        verify_ours(impostor, consent=CONSENT)
    with pytest.raises(InvalidCredentialsError, match="do not hold: none"):
        verify_ours(replace(signed, path=tmp_path / "a.png"), consent=CONSENT)


def test_publishing_moves_the_sidecar_with_the_file(make_media: MakeMedia, tmp_path: Path) -> None:
    final = tmp_path / "final cut.mkv"
    publish(dub(make_media("a.mkv"), tmp_path / "b.mkv"), final)
    assert read(final).ours
    assert (tmp_path / "final cut.mkv.c2pa").exists()
    assert not list(tmp_path.glob("b.mkv*"))
    signed = dub(make_media("a.mkv"), tmp_path / "b.mkv")
    with pytest.raises(ResourceError):
        publish(signed, tmp_path / "no such folder" / "c.mkv")
    assert not list(tmp_path.glob("b.mkv*"))


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac"])
def test_credentials_of_large_sound_lie_beside_it(
    make_media: MakeMedia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(c2pa_library, "LARGEST_IN_MEMORY", 100)
    signed = dub(make_media(f"a.{suffix}"), tmp_path / f"b.{suffix}")
    assert signed.sidecar is not None
    assert verify_ours(signed, consent=CONSENT).where == "sidecar"
    assert sha256_file(signed.path) == sha256_file(tmp_path / f"a.{suffix}")
    flip(signed.path, 2000)
    assert read(signed.path).state == "invalid"
    signed.sidecar.unlink()
    assert read(signed.path).state == "none"


def test_the_signer_of_another_machine_is_not_known_here(
    make_media: MakeMedia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = dub(make_media("a.mp4"), tmp_path / "b.mp4")
    monkeypatch.setenv("AVSYNTH_HOME", str(tmp_path / "another"))
    report = read(signed.path)
    assert report.state == "untrusted" and not report.ours and report.exit_code == 0
    assert not (tmp_path / "another").exists(), "reading creates nothing"
    onward = dub(signed.path, tmp_path / "c.mp4")
    assert [i.state for i in read(onward.path).ingredients] == ["untrusted"]
    verify_ours(onward, consent=CONSENT)


@pytest.mark.parametrize(
    "name", ["a b.png", "quo'te\".png", "line\nbreak.png", "日本語.png", "-o.png", "%s.png"]
)
def test_file_names_of_any_kind(make_media: MakeMedia, tmp_path: Path, name: str) -> None:
    source = make_media("a.png").rename(tmp_path / name)
    signed = sign(
        source, tmp_path / f"signed {name}", actions=[DUBBED], title=name, parent=Source(source)
    )
    report = verify_ours(signed)
    assert report.title is not None and report.title.isprintable()
    assert report.ingredients[0].title.isprintable()


@pytest.mark.parametrize(
    ("change", "error", "line"),
    [
        ({"actions": [Action("c2pa.deepfaked")]}, UsageError, "not an action"),
        ({"actions": [Action("c2pa.dubbed", source_type="http://x/y")]}, UsageError, "source type"),
        ({"dst": "a.png"}, UsageError, "another one than the input"),
        ({"dst": "b.jpg"}, UsageError, "must end in .png"),
        ({"src": "missing.png"}, InputError, "no such file"),
        ({"src": "empty.png"}, InputError, "empty"),
        ({"src": "garbage.png"}, InputError, "cannot be signed"),
        ({"src": "text.txt", "dst": "b.txt"}, UsageError, "cannot be signed"),
        ({"dst": "no folder/b.png"}, ResourceError, "cannot write"),
        ({"parent": Source(Path("missing.png"))}, InputError, "no such file"),
    ],
)
def test_what_cannot_be_signed_leaves_nothing_behind(
    make_media: MakeMedia, tmp_path: Path, change: dict[str, Any], error: type[Exception], line: str
) -> None:
    make_media("a.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "garbage.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    (tmp_path / "text.txt").write_text("hello")
    before = {p.name for p in tmp_path.iterdir()}
    names = {"src": "a.png", "dst": "b.png", "actions": [], "title": "t", **change}
    src, dst = tmp_path / names.pop("src"), tmp_path / names.pop("dst")
    with pytest.raises(error, match=line) as caught:
        sign(src, dst, **names)
    assert "\n" not in str(caught.value)
    assert {p.name for p in tmp_path.iterdir()} == before


def test_a_full_disk_is_called_that(
    make_media: MakeMedia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: Any, data: Any) -> int:
        self.refused = OSError(errno.ENOSPC, "No space left on device")
        raise self.refused

    monkeypatch.setattr(c2pa_library._Remembering, "write", write)
    with pytest.raises(ResourceError, match="the disk is full"):
        dub(make_media("a.mp4"), tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A local server that notes whoever connects."""
    calls: list[bytes] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    calls.append(connection.recv(64))

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("suffix", ["jpg", "png", "mp4", "wav", "mp3"])
def test_a_remote_manifest_is_told_but_never_looked_up(
    make_media: MakeMedia, tmp_path: Path, listener: tuple[int, list[bytes]], suffix: str
) -> None:
    import c2pa

    port, calls = listener
    hostile, signer = tmp_path / f"hostile.{suffix}", local_signer()
    kind = c2pa_library.EMBEDDABLE[f".{suffix}"]
    created = {"action": "c2pa.created", "digitalSourceType": vocabulary.TRAINED}
    manifest = {
        "claim_generator_info": [{"name": "x", "version": "1"}],
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, None)
    settings = c2pa_library.context(anchors())
    with (
        c2pa.Signer.from_info(info) as native,
        c2pa.Builder(manifest, context=settings) as builder,
        make_media(f"a.{suffix}").open("rb") as source,
        hostile.open("w+b") as target,
    ):
        builder.set_no_embed()
        builder.set_remote_url(f"http://127.0.0.1:{port}/m.c2pa")
        builder.sign(native, kind, source, target)
    report = read(hostile)
    assert report.state == "none" and report.exit_code == 13
    assert report.remote == f"http://127.0.0.1:{port}/m.c2pa"
    onward = verify_ours(dub(hostile, tmp_path / f"b.{suffix}"), consent=CONSENT)
    assert [i.state for i in onward.ingredients] == ["none"]
    assert calls == []
    # The bait works: with the library's own settings the same file is looked up.
    with pytest.raises(c2pa.C2paError), hostile.open("rb") as file:
        c2pa.Reader(kind, file)
    assert len(calls) == 1


def test_memory_stays_flat_for_large_files(tmp_path: Path) -> None:
    """The mp4 family is hashed in leaves of 1 MB; the default would read 256 MB at a time."""
    script = """
import resource, sys
from pathlib import Path
import soundfile
from avsynth.provenance.credentials import Source, read, sign
import av, numpy as np
from fractions import Fraction
path = Path(sys.argv[1])
def make(path, seconds):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
        samples = np.zeros((1, 96000), np.int16)
        for second in range(seconds):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.rate, frame.pts, frame.time_base = 48000, second * 48000, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def work(name, seconds):
    make(path / name, seconds)
    before = peak()
    sign(path / name, path / f"signed-{name}", actions=[], title="t", parent=Source(path / name))
    assert read(path / f"signed-{name}").ours
    return before, peak()
work("small.mov", 2)
before, after = work("large.mov", 600)
print(after - before)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (tmp_path / "signed-large.mov").stat().st_size > 110e6
    assert int(done.stdout) < 40, f"{done.stdout} MB more for a file of 115 MB"
