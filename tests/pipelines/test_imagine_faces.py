"""avsynth imagine: people who do not exist, drawn again until they are faces and nobody's."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dub_helpers import PERSON, command, leftovers, times_of
from faces_helpers import face, known, paint, small_faces
from numpy.typing import NDArray
from reenact_helpers import driver
from reenact_helpers import record as drivers_record

from avsynth.errors import ConsentError, PartialError, ResourceError, UsageError
from avsynth.media import read_frames
from avsynth.pipelines import imagine_portrait
from avsynth.pipelines.imagine import imagine
from avsynth.pipelines.imagine_portrait import Drawn, Studio
from avsynth.pipelines.imagine_report import ImagineReport
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.dlib_face import DlibFace
from avsynth.provenance.records import SyntheticRecord
from avsynth.provenance.vocabulary import TRAINED
from avsynth.weights.faces import Faces


@pytest.fixture(autouse=True)
def _painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces in the place of what an untrained network paints; dlib's networks loaded once."""
    monkeypatch.setattr(Faces, "paint", paint)
    monkeypatch.setattr("avsynth.provenance.dlib_face.DlibFace", embedder)


@functools.cache
def embedder() -> DlibFace:
    return DlibFace()


def people(folder: Path, count: int = 2, seed: int = 0, **more: Any) -> ImagineReport:
    return imagine(folder, count, seed, weights=str(small_faces()), **more)


def pixels(folder: Path) -> list[NDArray[np.uint8]]:
    found = [cv2.imread(str(path)) for path in sorted(folder.glob("person-*.png"))]
    assert all(each is not None for each in found)
    return [np.asarray(each, np.uint8) for each in found if each is not None]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_portraits_with_their_records(tmp_path: Path) -> None:
    out = tmp_path / "people"
    done = command("imagine", "-n", 3, "--seed", 1, "-o", out, "--weights", small_faces())
    assert done.code == 0, done.err
    files = [f"person-{number:04d}.png" for number in range(3)]
    assert names(out) == {*files, *(f"{name}.consent.json" for name in files), "report.json"}
    assert leftovers(tmp_path, out) == []
    report = ImagineReport.model_validate_json((out / "report.json").read_text())
    assert report.verb == "imagine" and len(report.portraits) == 3 and report.compared == 2
    for name, portrait in zip(files, report.portraits, strict=True):
        record = consents.load(out / f"{name}.consent.json")
        assert record.sha256 == portrait.record.sha256
        assert isinstance(record.record, SyntheticRecord)
        assert record.record.nearest.distance == portrait.distance > portrait.threshold == 0.2
        assert f"{name}  {portrait.distance:.2f} from the nearest" in done.out
    assert all(each.shape == (256, 256, 3) for each in pixels(out))


def test_the_record_is_consent_for_the_face(tmp_path: Path) -> None:
    out = tmp_path / "people"
    people(out, 2)
    first, second = out / "person-0000.png", out / "person-0001.png"
    record = out / "person-0000.png.consent.json"
    allowed = consents.authorise(record, first, "face")
    assert allowed.kind == "synthetic" and allowed.identity == "listed"
    assert allowed.commercial and allowed.label is None
    with pytest.raises(ConsentError, match="does not cover"):
        consents.authorise(record, second, "face")
    with pytest.raises(ConsentError, match="does not cover"):
        consents.authorise(record, PERSON, "face")
    copy = tmp_path / "copy.png"  # the same picture under another name is the same picture
    copy.write_bytes(first.read_bytes())
    assert consents.authorise(record, copy, "face").identity == "listed"
    cv2.imwrite(str(copy), cv2.imread(str(first)))  # without its credentials it is another file
    with pytest.raises(ConsentError, match="does not cover"):
        consents.authorise(record, copy, "face")


def test_the_purposes_are_those_of_the_weights(tmp_path: Path) -> None:
    research = str(small_faces(purpose="research"))
    imagine(tmp_path / "a", 1, weights=research)
    found = consents.load(tmp_path / "a" / "person-0000.png.consent.json").record
    assert found.purposes == ("research",)
    with pytest.raises(UsageError, match="for research alone"):
        imagine(tmp_path / "b", 1, weights=research, purposes=["commercial"])
    people(tmp_path / "c", 1, purposes=["art"])
    found = consents.load(tmp_path / "c" / "person-0000.png.consent.json").record
    assert found.purposes == ("art",) and not (tmp_path / "b").exists()


def test_an_imagined_person_can_be_made_to_move(tmp_path: Path) -> None:
    out = tmp_path / "people"
    people(out, 1)
    person, film = out / "person-0000.png", tmp_path / "out.mp4"
    record = person.with_name(person.name + ".consent.json")
    arguments = "--source", person, "--driver", driver(), "--driver-consent", drivers_record()
    done = command("reenact", *arguments, "--consent", record, "--quality", "fast", "-o", film)
    assert done.code == 0, done.err
    assert times_of(film) == times_of(driver())
    (still,) = pixels(out)
    with read_frames(film) as frames:
        moved = [np.abs(frame.rgb()[:, :, ::-1].astype(int) - still).mean() for frame in frames]
    assert 0.5 < max(moved) < 25  # it moves, and it is still that portrait
    said = credentials.read(film)
    assert said.consent is not None
    assert said.consent["record_sha256"] == consents.load(record).sha256
    (portrait,) = [i for i in said.ingredients if i.title == person.name]
    assert portrait.state == "trusted" and portrait.synthetic
    done = command("reenact", *arguments, "--consent", drivers_record(), "-o", tmp_path / "b.mp4")
    assert done.code == 5 and "does not cover" in done.complaint


def test_credentials_say_what_it_is(tmp_path: Path) -> None:
    out = tmp_path / "people"
    people(out, 1)
    report = credentials.read(out / "person-0000.png")
    assert report.state == "trusted" and report.ours and report.where == "embedded"
    (action,) = report.actions
    assert action.action == "c2pa.created" and action.source_type == TRAINED
    said = command("verify", out / "person-0000.png")
    assert said.code == 0
    assert "a model made all or part of it" in said.out
    assert "a portrait of a person who does not exist, at a distance of 0." in said.out
    assert "from the nearest of 2 training people, 0.20 at least (by dlib face)" in said.out
    assert "created; " in said.out and "made by a trained (AI) model" in said.out
    path = out / "person-0000.png"
    data = bytearray(path.read_bytes())
    data[-40] ^= 1  # within the last chunk of pixels
    path.write_bytes(bytes(data))
    assert command("verify", path).code == 14


def test_equal_seeds_give_equal_people(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, count, seed in zip(folders, (2, 1, 1), (5, 5, 6), strict=True):
        people(folder, count, seed)
    first, again, other = map(pixels, folders)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=False))
    assert not np.array_equal(again[0], other[0]) and not np.array_equal(first[0], first[1])


def test_what_is_refused_and_why(tmp_path: Path) -> None:
    out = tmp_path / "people"
    report = people(out, 5)
    assert set(report.refused) == {"no_face", "too_near"}
    assert report.draws == 5 + sum(report.refused.values())
    for bgr, portrait in zip(pixels(out), report.portraits, strict=True):
        point = embedder().embed_picture(np.ascontiguousarray(bgr[:, :, ::-1]))
        assert point is not None
        distances = np.linalg.norm(np.stack([known(), known() + 0.02]) - point, axis=1)
        assert portrait.nearest == "demo"
        assert (
            portrait.distance == pytest.approx(distances.min(), abs=2e-3) and distances.min() > 0.2
        )


def test_a_larger_distance_is_kept(tmp_path: Path) -> None:
    (plain,) = people(tmp_path / "a", 1, seed=2).portraits
    least = round(plain.distance + 0.001, 4)
    report = people(tmp_path / "b", 1, seed=2, min_distance=least)
    (portrait,) = report.portraits
    assert portrait.distance > least == portrait.threshold and portrait.draws > plain.draws
    assert report.refused["too_near"] > 0


def test_where_nobody_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagine_portrait, "MOST_DRAWS", 4)
    out = tmp_path / "people"
    arguments = "-o", out, "--weights", small_faces(), "--min-distance", 1.4
    done = command("imagine", *arguments)
    assert done.code == 2 and "none of 4 draws" in done.complaint and "too_near" in done.complaint
    assert leftovers(tmp_path) == []


def test_an_untrained_network_draws_no_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("AVSYNTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(imagine_portrait, "MOST_DRAWS", 3)
    with pytest.raises(UsageError, match=r"none of 3 draws is a face .*no_face: [123]"):
        people(tmp_path / "people")


def test_a_part_is_told_as_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Studio.draw

    def running_out(studio: Studio, seed: int, number: int) -> Drawn:
        if number == 1:
            raise UsageError("none of 9 draws", hint="another --seed")
        return draw(studio, seed, number)

    monkeypatch.setattr(Studio, "draw", running_out)
    out = tmp_path / "part"
    with pytest.raises(PartialError, match="1 of 3 portraits: none of 9 draws"):
        people(out, 3)
    report = json.loads((out / "report.json").read_text())
    assert report["wanted"] == 3 and report["notes"] == ["none of 9 draws (another --seed)"]
    assert names(out) == {"person-0000.png", "person-0000.png.consent.json", "report.json"}


def test_interrupted_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, out = tmp_path / "whole", tmp_path / "people"
    people(whole, 3)
    publish = credentials.publish

    def stopping(signed: credentials.Signed, final: Path) -> None:
        if final.name == "person-0002.png":
            raise KeyboardInterrupt
        publish(signed, final)

    monkeypatch.setattr(credentials, "publish", stopping)
    with pytest.raises(KeyboardInterrupt):
        people(out, 3)
    monkeypatch.setattr(credentials, "publish", publish)
    kept = {path.name: path.read_bytes() for path in out.glob("person-*")}
    assert set(kept) == {
        f"person-000{n}.png{suffix}" for n in (0, 1) for suffix in ("", ".consent.json")
    }
    assert consents.authorise(
        out / "person-0001.png.consent.json", out / "person-0001.png", "face"
    ).identity == "listed"  # fmt: skip
    with pytest.raises(UsageError, match="is not empty"):  # other options: another job
        people(out, 3, seed=9)
    (out / "person-0000.png").write_bytes(b"damaged meanwhile")
    report = people(out, 3)
    assert report.resumed and len(names(out)) == 7
    assert (out / "person-0001.png").read_bytes() == kept["person-0001.png"]
    assert all(np.array_equal(a, b) for a, b in zip(pixels(out), pixels(whole), strict=True))
    for n in range(3):
        path = out / f"person-000{n}.png"
        consents.authorise(path.with_name(path.name + ".consent.json"), path, "face")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*unused: object) -> None:
        raise ResourceError("cannot write: the disk is full", tmp_path / "people")

    monkeypatch.setattr(credentials, "publish", full)
    with pytest.raises(ResourceError, match="disk is full"):
        people(tmp_path / "people")
    assert leftovers(tmp_path) == []


def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ("--weights", small_faces())

    def refused(code: int, words: str, *arguments: object) -> None:
        before = names(tmp_path)
        done = command("imagine", *arguments)
        assert (done.code, words in done.complaint) == (code, True), done.err
        assert names(tmp_path) == before

    out, file, full = tmp_path / "people", tmp_path / "file", tmp_path / "full"
    file.write_text("a file")
    full.mkdir()
    (full / "thesis.docx").write_text("years of work")
    for wrong in (0, -3, 10_001):
        refused(2, "-n must be 1 to 10000", "-o", out, "-n", wrong, *own)
    refused(2, "--seed", "-o", out, "--seed=-1", *own)
    for wrong in ("0", "-1", "nan", "1.6"):
        refused(2, "--min-distance", "-o", out, f"--min-distance={wrong}", *own)
    refused(7, "cannot be written", "-o", file, *own)
    refused(7, "the folder does not exist", "-o", tmp_path / "no" / "people", *own)
    refused(2, "is not empty", "-o", full, *own)
    refused(5, "purposes", "-o", out, "-n", 1, "--purpose", "No Such Purpose!", *own)
    refused(6, "not of faces", "-o", out, "--weights", "speaker-small")
    refused(6, "no weights are called", "-o", out, "--weights", "faces-none")
    refused(6, "are known to 'ears'", "-o", out, "--weights", small_faces(embedder="ears"))
    refused(2, "--cert and --key", "-o", out, "--cert", file, *own)
    monkeypatch.setattr("avsynth.pipelines.imagine.find_embedders", lambda scope: ())
    refused(6, "install the extra 'metrics'", "-o", out, *own)


def test_small_pictures_are_enlarged_by_whole_numbers() -> None:
    assert imagine_portrait.enlarged(face()).shape == (256, 256, 3)
    assert imagine_portrait.enlarged(np.zeros((96, 96, 3), np.uint8)).shape == (288, 288, 3)
    large = np.zeros((300, 300, 3), np.uint8)
    assert imagine_portrait.enlarged(large) is large
