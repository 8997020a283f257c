"""Reenactment: the driver's times, the source's background, stated behaviour where it is hard."""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from dub_helpers import leftovers, planes_of, same_pictures, shared_folder, times_of
from reenact_helpers import FRAMES, covers, driver, film, person, portrait, record, save

from avsynth.errors import ConsentError
from avsynth.face.driving import EASE
from avsynth.media import probe, read_audio, read_frames
from avsynth.media.still import read_still
from avsynth.pipelines.extract_motion import extract_motion
from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.provenance.credentials import read
from avsynth.provenance.label import research_label
from avsynth.reporting import Report

LOSSLESS = ReenactOptions(quality="fast", lossless=True)
GREY = np.full((288, 360, 3), 90, np.uint8)


@functools.cache
def usual() -> tuple[Path, Report]:
    """The picture moved by the driver, without loss."""
    out = shared_folder() / "usual.mp4"
    return out, reenact(portrait(), driver(), record(), out, LOSSLESS)


def run(tmp_path: Path, source: Path, driven: Path, **more: object) -> tuple[Path, Report]:
    out = tmp_path / "out.mp4"
    consent = covers(tmp_path / "c.json", source, driven)
    options = LOSSLESS.model_copy(update=more)
    return out, reenact(source, driven, consent, out, options)


def test_everything_but_the_head_keeps_every_bit() -> None:
    out, report = usual()
    still = read_still(portrait()).frame
    assert report.reenactment is not None
    x0, y0, x1, y1 = report.reenactment.region
    outside = np.ones((still.height, still.width), bool)
    outside[y0:y1, x0:x1] = False
    assert outside.mean() > 0.1
    chroma = outside.reshape(still.height // 2, 2, still.width // 2, 2).all(axis=(1, 3))
    own = still.planes()
    changed = 0.0
    for planes in planes_of(out):
        assert np.array_equal(planes[0][outside], own[0][outside])
        for a, b in zip(planes[1:], own[1:], strict=True):
            assert np.array_equal(a[chroma], b[chroma])
        changed += float(np.abs(planes[0].astype(int) - own[0])[~outside].mean())
    assert changed > 1.0


def test_times_and_length_are_the_drivers() -> None:
    out, report = usual()
    assert times_of(out) == times_of(driver()) and report.frames == FRAMES
    assert probe(out).duration == pytest.approx(float(FRAMES / 25), abs=0.001)
    assert report.outcomes == {"rendered": FRAMES}
    assert not probe(out).audio


def test_the_report_is_valid_and_measures_the_result() -> None:
    out, report = usual()
    written = json.loads(out.with_name(out.name + ".report.json").read_text())
    schema = json.loads(resources.files("avsynth").joinpath("report.schema.json").read_text())
    jsonschema.validate(written, schema)
    assert report.reenactment is not None and report.renderer == "mesh"
    followed = report.reenactment.followed
    assert followed.measured_frames == FRAMES and followed.lost_frames == 0
    assert followed.pose_error_degrees is not None and followed.pose_error_degrees < 2.0
    assert followed.expression_error is not None and followed.expression_error < 0.04
    like = report.reenactment.likeness
    assert like is None or like.mean_distance < like.same_person_below
    assert {"faces", "portrait", "join and sign", "measuring"} <= set(report.stage_seconds)


def test_credentials_name_both_files_and_both_records(tmp_path: Path) -> None:
    source, driven = save(tmp_path / "a.png", person()[30]), driver()
    his = covers(tmp_path / "his.json", driven)
    out = tmp_path / "out.mp4"
    report = reenact(
        source, driven, covers(tmp_path / "hers.json", source), out, LOSSLESS, driver_consent=his
    )
    found = read(out)
    assert found.state == "trusted" and found.synthetic
    assert [i.title for i in found.ingredients] == ["a.png", "driver.mp4"]
    assert found.consent is not None
    assert found.consent["record_sha256"] == report.consent["record_sha256"]
    edited = next(action for action in found.actions if action.action == "c2pa.edited")
    assert report.consent["driver"]["record_sha256"] in (edited.description or "")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_and_a_late_start(suffix: str, tmp_path: Path) -> None:
    times = [640, 680, 733, 734, 800, 1100, 1120, 1200]
    driven = film(tmp_path / f"driver{suffix}", list(person()[: len(times)]), times)
    consent = covers(tmp_path / "c.json", portrait(), driven)
    out = tmp_path / f"out{suffix}"
    reenact(portrait(), driven, consent, out, LOSSLESS)
    assert times_of(out) == times_of(driven)


def test_no_motion_leaves_the_picture(tmp_path: Path) -> None:
    out, _ = run(tmp_path, portrait(), driver(), strength=0.0)
    own = read_still(portrait()).frame.planes()
    for planes in planes_of(out):
        assert max(np.abs(a.astype(int) - b).max() for a, b in zip(planes, own, strict=True)) <= 2


def test_driven_by_oneself_the_result_is_the_driver(tmp_path: Path) -> None:
    """The source is the driver's own first frame: what comes out is like the driver."""
    source = save(tmp_path / "first.png", person()[0])
    out, _ = run(tmp_path, source, driver())
    error = still = 0.0
    with read_frames(out) as made:
        for frame, true in zip(made, person(), strict=False):
            truth = true[40:260, 90:270].astype(int)
            error += float(np.abs(frame.rgb()[40:260, 90:270] - truth).mean())
            still += float(np.abs(person()[0][40:260, 90:270] - truth).mean())
    assert error < 0.9 * still


def test_the_drivers_sound_is_kept_on_request(tmp_path: Path) -> None:
    out, _ = run(tmp_path, portrait(), driver(), audio="keep")
    ours, theirs = (
        np.concatenate([chunk.samples for chunk in read_audio(path, 16000)])
        for path in (out, driver())
    )
    assert np.array_equal(ours, theirs)
    assert times_of(out) == times_of(driver())


def test_a_face_out_of_sight_is_held_then_eased(tmp_path: Path) -> None:
    pictures = [*person()[:6], *[GREY] * 4, *person()[20:34]]
    _, report = run(tmp_path, portrait(), film(tmp_path / "d.mp4", pictures))
    held = report.outcomes["held"]  # faces are looked for every few frames
    assert 4 <= held <= 7
    assert report.outcomes == {"rendered": 24 - held - EASE, "held": held, "eased": EASE}
    assert any("the last motion is held" in note for note in report.notes)


def test_cuts_are_noted(tmp_path: Path) -> None:
    near = [np.ascontiguousarray(cv2.resize(p[20:180, 100:300], (360, 288))) for p in person()[:8]]
    driven = film(tmp_path / "d.mp4", [*person()[:8], *near])
    _, report = run(tmp_path, portrait(), driven)
    assert "the driver has a cut: the motion jumps with it" in report.notes


def test_a_driver_of_one_frame(tmp_path: Path) -> None:
    out, report = run(tmp_path, portrait(), film(tmp_path / "d.mp4", [person()[0]]))
    assert report.frames == 1 and len(times_of(out)) == 1
    assert any("single picture" in note for note in report.notes)


def test_a_motion_file_does_what_its_film_does(tmp_path: Path) -> None:
    stored = tmp_path / "motion.safetensors"
    extract_motion(driver(), record(), stored)
    sheet = tmp_path / "sheet.png"
    out = tmp_path / "out.mp4"
    report = reenact(portrait(), stored, record(), out, LOSSLESS, preview=sheet)
    assert same_pictures(out, usual()[0])
    assert report.reenactment is not None and report.reenactment.driver == "motion file"
    assert cv2.imread(str(sheet)).shape[1] == 2 * (2 * 240 + 4 + 12)  # source and result alone
    assert leftovers(tmp_path, out, stored, sheet) == [
        "motion.safetensors.report.json", "out.mp4.report.json"
    ]  # fmt: skip


def test_a_motion_belongs_to_its_record(tmp_path: Path) -> None:
    stored = tmp_path / "motion.safetensors"
    extract_motion(driver(), record(), stored)
    other = covers(tmp_path / "other.json", portrait(), driver())
    with pytest.raises(ConsentError, match="another consent record"):
        reenact(portrait(), stored, other, tmp_path / "out.mp4", LOSSLESS)
    reenact(portrait(), stored, other, tmp_path / "out.mp4", LOSSLESS, driver_consent=record())


@pytest.mark.parametrize("whose", ["source", "driver"])
def test_a_data_set_is_labelled(whose: str, tmp_path: Path) -> None:
    records = {
        who: covers(
            tmp_path / f"{who}.json", media, kind="dataset" if who == whose else "synthetic"
        )
        for who, media in (("source", portrait()), ("driver", driver()))
    }
    out = tmp_path / "out.mp4"
    options = LOSSLESS.model_copy(update={"purpose": None})
    report = reenact(
        portrait(), driver(), records["source"], out, options, driver_consent=records["driver"]
    )
    assert "the visible research label was burnt in" in report.notes
    box, rgb, mask = research_label(360, 288)
    with read_frames(out) as frames:
        shown = next(frames).rgb(box).astype(float)
    bright = (mask > 0.85) & (rgb[..., 0] > 200)
    assert shown[bright].mean() > 180


def test_a_film_as_source(tmp_path: Path) -> None:
    _, report = run(tmp_path, driver(), film(tmp_path / "d.mp4", list(person()[30:40])))
    assert report.reenactment is not None
    at = report.reenactment.source_seconds
    assert at is not None and 0 <= at < FRAMES / 25
    _, chosen = run(tmp_path, driver(), film(tmp_path / "e.mp4", list(person()[30:34])),
                    source_at=0.5)  # fmt: skip
    assert chosen.reenactment is not None
    assert chosen.reenactment.source_seconds == pytest.approx(0.48, abs=0.001)


def test_parts_alone_leave_the_rest(tmp_path: Path) -> None:
    out, _ = run(tmp_path, portrait(), driver(), parts=("mouth",))
    own = read_still(portrait()).frame.planes()[0]
    for planes in planes_of(out):
        assert np.abs(planes[0][:110].astype(int) - own[:110]).max() <= 2  # brows and above
