"""A subject's record covers media in which the person is the person, as far as can be told."""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.errors import ConsentError, InputError
from avsynth.provenance import consent, identity
from avsynth.provenance.consent import ConsentFile, authorise
from avsynth.provenance.dlib_face import DlibFace
from avsynth.provenance.records import Scope

MakeMedia = Callable[..., Path]


class ByName:
    """An embedder that knows the person from the first letter of the file's name."""

    name = "by name"
    scope: Scope = "face"
    threshold = 0.5

    def embed(self, path: Path) -> NDArray[np.float32]:
        people = {"j": [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]], "b": [[3.0, 0.0]] * 3}
        points = people.get(path.name[0], [[np.nan, np.nan]] if path.name[0] == "x" else [])
        return np.array(points, np.float32).reshape(-1, 2)


@pytest.fixture
def jane(make_media: MakeMedia, tmp_path: Path) -> ConsentFile:
    made = consent.new_subject(
        "Jane",
        ["face"],
        [make_media("jane-reference.png")],
        dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
        ["research"],
    )
    return consent.save(consent.sign(made), tmp_path / "jane.json")


def test_without_an_embedder_the_result_says_that_nothing_was_checked(
    jane: ConsentFile, make_media: MakeMedia
) -> None:
    allowed = authorise(jane, make_media("bob.png", seed=1), "face", embedders=())
    assert allowed.identity == "not checked"
    assert (
        "whether the person in the film is the person of the record was not checked: "
        "install the extra 'metrics'"
    ) in allowed.reasons


def test_a_voice_embedder_does_not_vouch_for_a_face(
    jane: ConsentFile, make_media: MakeMedia
) -> None:
    class Voice(ByName):
        scope: Scope = "voice"

    allowed = authorise(jane, make_media("bob.png", seed=1), "face", embedders=[Voice()])
    assert allowed.identity == "not checked"


def test_the_same_person_matches_and_another_is_refused(
    jane: ConsentFile, make_media: MakeMedia
) -> None:
    allowed = authorise(jane, make_media("jane-new.png", seed=1), "face", embedders=[ByName()])
    assert allowed.identity == "matched" and any("0.00" in r for r in allowed.reasons)
    with pytest.raises(ConsentError, match="the person is not Jane"):
        authorise(jane, make_media("bob.png", seed=2), "face", embedders=[ByName()])
    with pytest.raises(ConsentError, match="the person is not Jane"):
        authorise(jane, make_media("x.png", seed=3), "face", embedders=[ByName()])
    with pytest.raises(ConsentError, match="no face was found"):
        authorise(jane, make_media("car.png", seed=4), "face", embedders=[ByName()])


def test_the_reference_media_themselves_are_listed(jane: ConsentFile, tmp_path: Path) -> None:
    assert authorise(jane, tmp_path / "jane-reference.png", "face").identity == "listed"


def test_references_count_by_content_not_by_name(
    jane: ConsentFile, make_media: MakeMedia, tmp_path: Path
) -> None:
    new = make_media("jane-new.png", seed=1)
    moved = (tmp_path / "jane-reference.png").rename(tmp_path / "j-elsewhere.png")
    make_media("jane-reference.png", seed=9)  # someone puts another face under the known name
    with pytest.raises(ConsentError, match="no reference face to compare with"):
        authorise(jane, new, "face", embedders=[ByName()])
    allowed = authorise(jane, new, "face", embedders=[ByName()], references=[moved])
    assert allowed.identity == "matched"
    with pytest.raises(InputError, match="no such reference file"):
        authorise(jane, new, "face", embedders=[ByName()], references=[tmp_path / "no.png"])


def test_a_reference_name_does_not_reach_outside_the_records_folder(tmp_path: Path) -> None:
    outside = tmp_path / "j-secret.png"
    outside.write_bytes(b"x")
    (tmp_path / "in").mkdir()
    made = consent.new_subject(
        "Jane", ["face"], [outside], dt.datetime.now(dt.UTC) + dt.timedelta(days=1), ["research"]
    )
    document = {
        **made.document,
        "references": [{**made.document["references"][0], "name": "../j-secret.png"}],
    }
    record = consent.save(
        consent.sign(ConsentFile(made.record, document)), tmp_path / "in" / "c.json"
    )
    (tmp_path / "jane.png").write_bytes(b"y")
    with pytest.raises(ConsentError, match="no reference face"):
        authorise(record, tmp_path / "jane.png", "face", embedders=[ByName()])


def test_a_picture_that_would_take_all_memory_is_refused_before_it_is_decoded(
    tmp_path: Path,
) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    head = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    bomb = tmp_path / "bomb.png"
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    with pytest.raises(InputError, match="pictures are"):
        DlibFace().embed(bomb)


@pytest.mark.data
@pytest.mark.skipif(
    not identity.find_embedders("face"), reason="dlib and its models are not installed"
)
def test_dlib_tells_real_people_apart(data_dir: Path, tmp_path: Path) -> None:
    clips = sorted((data_dir / "grid").glob("s1_*.mp4"))[:2]
    other = data_dir / "clips" / "844x844_man_map_25fps.mp4"
    made = consent.sign(
        consent.new_subject(
            "s1", ["face"], clips[:1], dt.datetime.now(dt.UTC) + dt.timedelta(days=1), ["research"]
        )
    )
    allowed = authorise(made, clips[1], "face", references=clips[:1], embedders=[DlibFace()])
    assert allowed.identity == "matched"
    with pytest.raises(ConsentError, match="the person is not s1"):
        authorise(made, other, "face", references=clips[:1], embedders=[DlibFace()])
