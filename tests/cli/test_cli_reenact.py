"""avsynth reenact and motion: what they print, what they refuse, nothing left behind."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from dub_helpers import (
    LINE,
    Done,
    _private_home,  # noqa: F401
    command,
    grey,
    leftovers,
)
from reenact_helpers import covers, driver, film, person, portrait, record, save

from avsynth.media.still import read_still
from avsynth.provenance import consent as consents

SHORT = 6  # frames of the driver here


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return film(tmp_path / "short.mp4", list(person()[:SHORT]))


def reenact(
    source: object, driven: object, out: Path, *more: object, consent: object = None
) -> Done:
    consent = consent or record()
    return command(
        "reenact", "--source", source, "--driver", driven, "--consent", consent, "-o", out,
        "--quality", "fast", *more,
    )  # fmt: skip


def refused(done: Done, code: int, line: str, folder: Path, *kept: Path) -> None:
    complaint = done.complaint
    assert (done.code, line in complaint) == (code, True), complaint
    assert leftovers(folder, *kept) == []


def test_it_says_what_it_did_and_verify_agrees(tmp_path: Path, out: Path, short: Path) -> None:
    consent = covers(tmp_path / "c.json", portrait(), short)
    sheet = tmp_path / "sheet.png"
    done = reenact(portrait(), short, out, "--preview", sheet, consent=consent)
    assert done.code == 0 and "6 frames, 0.24 s: 6 rendered" in done.out, done.err
    assert "degrees off" in done.out and "signed and read back" in done.out
    assert cv2.imread(str(sheet)).shape[1] == 2 * (3 * 240 + 8 + 12)
    verified = command("verify", out)
    assert verified.code == 0, verified.out
    assert "made to move" in verified.out and "portrait.png" in verified.out
    assert "short.mp4" in verified.out and "under the same consent record" in verified.out
    assert "a model made all or part of it" in verified.out


def test_a_motion_file_is_made_shown_and_used(tmp_path: Path, out: Path, short: Path) -> None:
    consent = covers(tmp_path / "c.json", portrait(), short)
    stored = tmp_path / "motion.safetensors"
    done = command("motion", "extract", short, "--consent", consent, "-o", stored)
    assert done.code == 0 and "6 frames, 0.24 s, a face in 6" in done.out, done.err
    shown = command("motion", "show", stored)
    assert "holds no picture and no face" in shown.out
    assert consents.load(consent).sha256 in shown.out
    told = json.loads(command("motion", "show", stored, "--json").out)
    assert told["motion"]["frames"] == SHORT
    done = reenact(portrait(), stored, out, "--json", consent=consent)
    report = json.loads(done.out)
    assert report["reenactment"]["driver"] == "motion file" and report["frames"] == SHORT
    assert command("verify", out).code == 0


def _two(path: Path) -> Path:
    return save(path, np.hstack([cv2.resize(person()[0], (240, 192)), person()[0][:192]]))


def _turned(path: Path) -> Path:
    """A JPEG that is to be turned by a quarter, as telephones write them."""
    lying = np.ascontiguousarray(np.rot90(person()[0]))
    coded = cv2.imencode(".jpg", lying[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    path.write_bytes(
        coded[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + coded[2:]
    )
    return path


def _clear(path: Path) -> Path:
    """A cut-out: what is far from the middle is transparent."""
    alpha = np.zeros((288, 360, 1), np.uint8)
    alpha[10:, 60:300] = 255
    cv2.imwrite(str(path), np.dstack([person()[0][..., ::-1], alpha]))
    return path


def _cmyk(path: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(person()[0]).convert("CMYK").save(path, quality=95)
    return path


def _animated(path: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    first, second = (image.fromarray(p) for p in (person()[0], person()[30]))
    first.save(path, save_all=True, append_images=[second])
    return path


def _odd(path: Path) -> Path:
    return save(path, np.ascontiguousarray(person()[0][:287, :359]))


def _small(path: Path) -> Path:
    return save(path, cv2.resize(person()[0], (180, 144), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(
    ("name", "make", "note"),
    [
        ("two.png", _two, "2 faces in the source: that of --face largest was taken"),
        ("turned.jpg", _turned, ""),
        ("clear.png", _clear, "transparent in the source was put on white"),
        ("cmyk.jpg", _cmyk, "CMYK"),
        ("animated.gif", _animated, "its first picture was taken"),
        ("animated.webp", _animated, "its first picture was taken"),
        ("odd.png", _odd, "odd last row or column was left out"),
        ("small.png", _small, "small"),
    ],
)
def test_hard_sources_are_used_and_noted(
    name: str, make: Callable[[Path], Path], note: str, tmp_path: Path, out: Path, short: Path
) -> None:
    source = make(tmp_path / name)
    done = reenact(source, short, out, "--json", consent=covers(tmp_path / "c.json", source, short))
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["outcomes"] == {"rendered": SHORT}
    assert not note or any(note in each for each in report["notes"]), report["notes"]
    if name == "turned.jpg":
        still = read_still(source).frame
        assert (still.width, still.height) == (360, 288)
        assert np.abs(still.rgb().astype(int) - person()[0]).mean() < 4
    if name == "clear.png":
        assert read_still(source).frame.rgb()[5, 5].min() > 250


def test_a_chosen_face(tmp_path: Path, out: Path, short: Path) -> None:
    source = _two(tmp_path / "two.png")
    consent = covers(tmp_path / "c.json", source, short)
    regions = []
    for face in ("0", "1", "300,20,200,150"):
        done = reenact(source, short, out, "--json", "--face", face, consent=consent)
        regions.append(json.loads(done.out)["reenactment"]["region"])
    assert regions[0][0] < regions[1][0] == regions[2][0]
    kept = [tmp_path / n for n in ("two.png", "short.mp4", "c.json", "out.mp4",
                                   "out.mp4.report.json")]  # fmt: skip
    done = reenact(source, short, out, "--face", "2", consent=consent)
    refused(done, 2, "face 2 does not exist", tmp_path, *kept)


def _empty(path: Path) -> Path:
    return save(path, np.full((200, 200, 3), 120, np.uint8))


def _tiny(path: Path) -> Path:
    picture = np.full((288, 360, 3), 120, np.uint8)
    picture[100:136, 100:145] = cv2.resize(person()[0], (45, 36), interpolation=cv2.INTER_AREA)
    return save(path, picture)


def _cut_off(path: Path) -> Path:
    save(path, person()[0])
    path.write_bytes(path.read_bytes()[:-4000])
    return path


def _damaged(path: Path) -> Path:
    save(path, person()[0])
    data = bytearray(path.read_bytes())
    data[2000:2400] = bytes(400)
    path.write_bytes(data)
    return path


def _text(path: Path) -> Path:
    path.write_text("not a picture at all")
    return path


def _nothing(path: Path) -> Path:
    path.touch()
    return path


def _bomb(path: Path) -> Path:
    """A PNG that says it is 100,000 pixels wide and high."""
    save(path, person()[0])
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "make", "code", "line"),
    [
        ("empty.png", _empty, 4, "no face was found in the source"),
        ("tiny.png", _tiny, 4, "source"),
        ("cut.png", _cut_off, 3, "damaged"),
        ("damaged.png", _damaged, 3, "cannot be read"),
        ("text.png", _text, 3, "text.png"),
        ("nothing.png", _nothing, 3, "empty"),
        ("bomb.png", _bomb, 3, "bomb.png"),
    ],
)
def test_sources_that_cannot_be(
    name: str, make: Callable[[Path], Path], code: int, line: str, tmp_path: Path, out: Path,
    short: Path,
) -> None:  # fmt: skip
    source = make(tmp_path / name)
    consent = tmp_path / "c.json"
    covers(consent, *([source] if source.stat().st_size else []), short)
    refused(reenact(source, short, out, consent=consent), code, line, tmp_path, source, short,
            consent)  # fmt: skip


def test_drivers_that_cannot_be(tmp_path: Path, out: Path) -> None:
    faceless = grey(tmp_path / "grey.mp4")
    consent = covers(tmp_path / "c.json", portrait(), faceless, LINE)
    kept = (faceless, consent)
    done = reenact(portrait(), faceless, out, consent=consent)
    refused(done, 4, "no face was found in any frame", tmp_path, *kept)
    refused(reenact(portrait(), LINE, out, consent=consent), 3, "no picture", tmp_path, *kept)
    missing = tmp_path / "missing.mp4"
    refused(reenact(portrait(), missing, out), 3, "no such file", tmp_path, *kept)
    motion = tmp_path / "x.safetensors"
    motion.write_bytes(b"\x80\x04K\x01.")
    refused(reenact(portrait(), motion, out), 6, "pickle", tmp_path, *kept, motion)
    sound = reenact(portrait(), faceless, out, "--audio", "keep", consent=consent)
    refused(sound, 2, "no sound for --audio keep", tmp_path, *kept, motion)


def test_outputs_that_would_overwrite(tmp_path: Path, short: Path) -> None:
    source = tmp_path / "a.png"
    shutil.copyfile(portrait(), source)
    for given in (short, tmp_path / "sub" / ".." / "short.mp4"):
        (tmp_path / "sub").mkdir(exist_ok=True)
        done = reenact(source, short, given)
        assert done.code == 2 and "overwrite an input" in done.complaint
    done = reenact(short, driver(), short)
    assert done.code == 2 and "overwrite an input" in done.complaint
    assert reenact(source, short, tmp_path / "out.avi").code == 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--parts", "nose"], "--parts"),
        (["--strength", "3"], "--strength must be 0 to 2"),
        (["--face", "all"], "one face is meant"),
        (["--source-at", "1"], "the source is a picture"),
        (["--audio", "loud"], "keep, none"),
        (["--weights", "x"], "--quality fast uses no --weights"),
        (["--cert", "x"], "go together"),
        (["--codec", "av1", "--lossless"], "av1"),
        (["--preset", "5"], "--codec h264 takes words"),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], line: str, tmp_path: Path, out: Path
) -> None:
    refused(reenact(portrait(), driver(), out, *options), 2, line, tmp_path)


def test_consent_of_both_is_needed(tmp_path: Path, out: Path, short: Path) -> None:
    consent, other = tmp_path / "c.json", tmp_path / "other.json"
    kept = (short, consent, other)
    covers(consent, portrait())
    covers(other, short)
    done = reenact(portrait(), short, out, consent=consent)
    refused(done, 5, "driver: the consent record does not cover this file", tmp_path, *kept)
    done = reenact(portrait(), short, out, consent=other)
    refused(done, 5, "does not cover this file", tmp_path, *kept)
    done = reenact(portrait(), short, out, "--driver-consent", other, "--json", consent=consent)
    assert done.code == 0, done.err
    voice = consents.new_subject(
        "Jane", ["voice"], [portrait()], dt.datetime.now(dt.UTC) + dt.timedelta(9), ["test"]
    )
    consents.save(consents.sign(voice), consent)
    out.unlink()
    report = out.with_name("out.mp4.report.json")
    done = reenact(portrait(), short, out, consent=consent)
    refused(done, 5, "not the face", tmp_path, *kept, report)
    done = command(
        "motion", "extract", short, "--consent", consent, "-o", tmp_path / "m.safetensors"
    )
    refused(done, 5, "not the face", tmp_path, *kept, report)


def test_motion_extract_refuses(tmp_path: Path, short: Path) -> None:
    consent = covers(tmp_path / "c.json", short, LINE)
    for given, name, code, line in (
        (short, "m.npz", 2, "let its name end in .safetensors"),
        (LINE, "m.safetensors", 3, "no picture"),
        (tmp_path / "none.mp4", "m.safetensors", 3, "no such file"),
    ):
        done = command("motion", "extract", given, "--consent", consent, "-o", tmp_path / name)
        refused(done, code, line, tmp_path, short, consent)
