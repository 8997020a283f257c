"""Dub, convert and reenact take their files from stores, and leave their outputs there."""

from __future__ import annotations

import functools
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import LINE, command, consent_for, same_pictures, shared_folder, short_person
from reenact_helpers import driver, portrait, record

from avsynth.cluster import storage
from avsynth.provenance import credentials

if TYPE_CHECKING:
    from conftest import Store

DUB = ("--lossless", "--quality", "fast")


@functools.cache
def film() -> Path:
    """Of a kind whose credentials lie beside it."""
    return short_person(".mkv", frames=30)


def jobs() -> list[Path]:
    """What lies where jobs by URL keep their files."""
    folder = Path(os.environ["AVSYNTH_HOME"]) / "jobs"
    return list(folder.iterdir()) if folder.exists() else []


def given(s3: Store) -> tuple[str, ...]:
    """Arguments of a dub: everything in the bucket."""
    video, line = s3.put("in/film.mkv", film()), s3.put("in/line.flac", LINE)
    return (video, "--audio", line, "--consent", s3.put("in/consent.json", consent_for(film())))


def memory(name: str, path: Path) -> str:
    """The same of a file in memory."""
    fsspec.filesystem("memory").put_file(str(path), f"/urls/{name}")
    return f"memory://urls/{name}"


def test_from_a_bucket_to_a_bucket(
    s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    publish = storage.publish

    def noted(path: Path, url: str) -> None:
        published.append(url)
        publish(path, url)

    monkeypatch.setattr(storage, "publish", noted)
    out = "s3://films/made/out.mkv"
    preview = "s3://films/made/look.png"
    done = command("dub", *given(s3), "-o", out, "--preview", preview, *DUB)
    assert done.code == 0, done.err
    kept = ["made/look.png", "made/out.mkv", "made/out.mkv.c2pa", "made/out.mkv.report.json"]
    assert s3.keys("made/") == kept
    assert sorted(published[-4:]) == [f"s3://films/{key}" for key in kept]
    assert published[-1] == out
    report = s3.get("made/out.mkv.report.json").decode()
    assert [each["path"] for each in json.loads(report)["inputs"]] == [
        "s3://films/in/film.mkv", "s3://films/in/line.flac",
    ]  # fmt: skip
    assert json.loads(report)["output"]["path"] == out in done.out
    assert str(shared_folder()) not in report + done.out and jobs() == []
    here, alone = tmp_path / "out.mkv", tmp_path / "alone.mkv"
    for key in kept[1:3]:
        (tmp_path / Path(key).name).write_bytes(s3.get(key))
    assert command("verify", here).code == 0
    command("dub", film(), "--audio", LINE, "--consent", consent_for(film()), "-o", alone, *DUB)
    assert same_pictures(here, alone)


def test_credentials_beside_an_input_are_looked_at(s3: Store, tmp_path: Path) -> None:
    out = "s3://films/signed/out.mkv"
    assert command("dub", *given(s3), "-o", out, *DUB).code == 0
    changed = s3.get("signed/out.mkv") + b"\0"
    source = s3.put("signed/out.mkv", changed)
    done = command(
        "convert", source, "--to", stored_voice(), "--consent", voice_record(),
        "-o", tmp_path / "out.wav", "--weights", "world",
    )  # fmt: skip
    assert done.code == 14 and source in done.complaint, done.err
    assert list(tmp_path.iterdir()) == [] and jobs() == []


def test_interrupted_and_gone_on_with(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("dub", *given(s3), "-o", "s3://films/again/out.mkv", *DUB, "--json")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(credentials, "sign", interrupt)
        done = command(*arguments)
    assert done.code == 130 and s3.keys("again/") == []
    [folder] = jobs()
    assert len(list(folder.rglob("film.mkv"))) == 1
    copied: list[str] = []
    monkeypatch.setattr(storage, "local_copy", lambda url, _: copied.append(url))
    done = command(*arguments)
    assert done.code == 0 and json.loads(done.out)["resumed"] and copied == []
    assert jobs() == [] and len(s3.keys("again/")) == 3


def test_what_cannot_be_delivered_is_kept(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is gone when the work is done."""
    s3.client.create_bucket(Bucket="brief")
    sign = credentials.sign

    def late(*args: Any, **more: Any) -> Any:
        s3.client.delete_bucket(Bucket="brief")
        return sign(*args, **more)

    monkeypatch.setattr(credentials, "sign", late)
    done = command("dub", *given(s3), "-o", "s3://brief/out.mkv", *DUB)
    assert done.code == 7 and "s3://brief/out.mkv" in done.complaint
    kept = Path(done.complaint.rpartition(" kept in ")[2].rstrip(")"))
    assert {"out.mkv", "out.mkv.c2pa", "out.mkv.report.json"} <= {p.name for p in kept.iterdir()}
    shutil.rmtree(kept.parent)


def test_convert_and_reenact(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    voice, its = memory("voice.safetensors", stored_voice()), memory("v.json", voice_record())
    done = command(
        "convert", memory("line.flac", LINE), "--to", voice, "--consent", its,
        "-o", "memory://urls/made.ogg", "--weights", "world",
    )  # fmt: skip
    assert done.code == 0, done.err
    report = json.loads(store.cat_file("/urls/made.ogg.report.json"))
    assert report["inputs"][1]["path"] == voice
    store.get_file("/urls/made.ogg", tmp_path / "made.ogg")
    store.get_file("/urls/made.ogg.c2pa", tmp_path / "made.ogg.c2pa")
    assert command("verify", tmp_path / "made.ogg").code == 0
    done = command(
        "reenact", "--source", memory("who.png", portrait()), "--driver",
        memory("how.mp4", driver()), "--consent", memory("r.json", record()),
        "-o", "memory://urls/moved.mp4", "--quality", "fast",
    )  # fmt: skip
    assert done.code == 0 and store.exists("/urls/moved.mp4.report.json"), done.err
    assert jobs() == []


@pytest.mark.parametrize(
    ("video", "out", "code", "said"),
    [
        (
            "s3://films/in/none.mkv",
            "s3://films/x.mkv",
            3,
            "'s3://films/in/none.mkv': cannot be read: no such",
        ),
        ("s3://films/in", "s3://films/x.mkv", 3, "'s3://films/in': is a folder"),
        ("s3://films/in/film.mkv", "s3://films/in/film.mkv", 2, "would overwrite an input"),
        ("s3://films/in/film.mkv", "s3://none/x.mkv", 7, "'s3://none"),
        ("s3://films/in/film.mkv", "s3://films/x.txt", 2, "'s3://films/x.txt': the output's kind"),
        ("s3://films/in/film.mkv", "s3://films", 2, "'s3://films': names no file"),
        ("s3://films/in/line.flac", "s3://films/x.mkv", 3, "'s3://films/in/line.flac': holds no"),
        ("https://films/in/film.mkv", "s3://films/x.mkv", 2, "'https://films/in/film.mkv'"),
    ],
)
def test_what_is_refused(video: str, out: str, code: int, said: str, s3: Store) -> None:
    _, *rest = given(s3)
    done = command("dub", video, *rest, "-o", out)
    assert done.code == code and said in done.complaint, done.err
    assert s3.keys("x") == [] and jobs() == [] and "://" in done.complaint
