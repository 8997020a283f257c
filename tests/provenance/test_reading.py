"""Anyone's file: foreign statements in plain words, hostile files without a traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avsynth.errors import InputError, InvalidCredentialsError
from avsynth.provenance import c2pa_library, vocabulary
from avsynth.provenance.certificates import anchors, local_signer
from avsynth.provenance.reading import read

MakeMedia = Callable[..., Path]
ESCAPE = "\x1b]0;owned\x07\x1b[31m[bold]x[/bold]\u202e\nnew line"


def foreign(source: Path, target: Path, manifest: dict[str, Any]) -> Path:
    """Sign with statements that our own signing would refuse."""
    import c2pa

    signer = local_signer()
    kind = c2pa_library.EMBEDDABLE[source.suffix]
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, None)
    manifest = {
        "claim_generator_info": [{"name": ESCAPE, "version": "1"}],
        "format": kind,
        **manifest,
    }
    with (
        c2pa.Signer.from_info(info) as native,
        c2pa.Builder(manifest, context=c2pa_library.context(anchors())) as builder,
        source.open("rb") as file,
        target.open("w+b") as out,
    ):
        builder.sign(native, kind, file, out)
    return target


def actions(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    created = {"action": "c2pa.created", "digitalSourceType": vocabulary.IPTC + "digitalCapture"}
    return [{"label": "c2pa.actions.v2", "data": {"actions": [created, *entries]}}]


def test_terms_that_do_not_exist_are_remarked(make_media: MakeMedia, tmp_path: Path) -> None:
    report = read(
        foreign(
            make_media("a.png"),
            tmp_path / "b.png",
            {
                "assertions": actions(
                    {"action": "c2pa.deepfaked", "digitalSourceType": "http://evil.example/type"},
                    {"action": "com.vendor.sharpened"},
                )
            },
        )
    )
    assert report.state == "trusted" and not report.synthetic
    assert [a.known for a in report.actions] == [True, False, False]
    assert report.actions[0].source_words == "recorded by a digital device"
    notes = "\n".join(report.notes)
    assert "'c2pa.deepfaked' is not an action" in notes
    assert "'http://evil.example/type' is not a digital source type" in notes
    assert "vendor" not in notes


def test_hostile_text_is_made_printable_everywhere(make_media: MakeMedia, tmp_path: Path) -> None:
    from avsynth.cli.verify import describe

    consent = {
        "label": "org.avsynth.consent",
        "kind": "Json",
        "data": {"record_sha256": ESCAPE, "kind": [ESCAPE] * 3},
    }
    making = {
        "label": "org.avsynth.making",
        "kind": "Json",
        "data": {"models": [{"name": ESCAPE}, 7, None], "sources": "x"},
    }
    report = read(
        foreign(
            make_media("a.png"),
            tmp_path / "b.png",
            {
                "title": ESCAPE,
                "assertions": [
                    *actions({"action": ESCAPE, "description": ESCAPE * 100}),
                    consent,
                    making,
                ],
            },
        )
    )
    lines = list(describe(report))
    assert any("owned" in line for line in lines)
    assert all(line.isprintable() and len(line) < 1500 for line in lines)
    assert json.dumps(report.as_dict()).isascii()


@pytest.mark.parametrize("kind", ["mp4", "wav", "mp3", "jpg", "png", "webp", "flac"])
def test_damaged_files_end_in_one_of_the_documented_ways(
    make_media: MakeMedia, tmp_path: Path, kind: str
) -> None:
    signed = foreign(make_media(f"a.{kind}"), tmp_path / f"b.{kind}", {"assertions": actions()})
    good, chance = signed.read_bytes(), random.Random(0)
    outcomes: set[str] = set()
    for number in range(40):
        data = bytearray(good)
        if number % 4 == 0:
            data = data[: chance.randrange(1, len(data))]
        else:
            for _ in range(number):
                data[chance.randrange(len(data))] = chance.randrange(256)
        path = tmp_path / f"bad.{kind}"
        path.write_bytes(data)
        try:
            report = read(path)
            # A hit in the padding or the box names of the manifest leaves all statements as they
            # are, so "trusted" can be true; changed content is tested in test_credentials.
            outcomes.add(report.state)
        except InputError as error:
            assert "\n" not in str(error)
            outcomes.add("unreadable")
    assert outcomes & {"invalid", "unreadable"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.mp4", None),
        ("empty.mp4", b""),
        ("text.txt", b"hello"),
        ("text.mp4", b"hello all"),
        ("noise.mp4", b"\0\0\0\x20ftypisom" + bytes(range(256)) * 9),
        ("noise.png", b"\x89PNG\r\n\1"),
    ],
)
def test_what_is_no_media_file_is_unreadable(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        read(tmp_path / name)


def test_a_directory_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file"):
        read(tmp_path)


def test_a_wrong_suffix_does_not_mislead(make_media: MakeMedia, tmp_path: Path) -> None:
    signed = foreign(make_media("a.png"), tmp_path / "b.png", {"assertions": actions()})
    assert read(signed.rename(tmp_path / "b.mp4")).state == "trusted"


def test_a_broken_sidecar_is_invalid_and_a_missing_one_is_none(
    make_media: MakeMedia, tmp_path: Path
) -> None:
    path = make_media("a.mkv")
    assert read(path).state == "none"
    (tmp_path / "a.mkv.c2pa").write_bytes(b"garbage")
    assert read(path).state in ("invalid", "none")
    (tmp_path / "a.mkv.c2pa").write_bytes(b"")
    with pytest.raises(InputError, match="not a file of credentials"):
        read(path)


def test_files_from_elsewhere_without_credentials(make_media: MakeMedia) -> None:
    for name in ("a.mp4", "a.mp3", "a.webm", "a.ogg", "a.jpg"):
        report = read(make_media(name))
        assert (report.state, report.exit_code, report.problems) == ("none", 13, ())


def test_a_mistake_of_the_library_is_not_taken_for_none(
    make_media: MakeMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    import c2pa

    def fail(*_: Any) -> Any:
        raise c2pa.C2paError("Jumbf: what is this")

    monkeypatch.setattr(c2pa.Reader, "__init__", fail)
    monkeypatch.setattr(c2pa.Reader, "__del__", lambda _: None, raising=False)
    assert read(make_media("a.png")).state == "invalid"


@pytest.mark.data
def test_real_clips_carry_no_credentials(data_dir: Path) -> None:
    for path in sorted((data_dir / "clips").iterdir()):
        assert read(path).state == "none"


def test_invalid_is_an_error_of_its_own_exit_code() -> None:
    assert InvalidCredentialsError("x").exit_code == 14
