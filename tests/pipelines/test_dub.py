"""Dubbing the demo person: the picture outside the mouth, times, sound, credentials, choices."""

from __future__ import annotations

import functools
import itertools
import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile
from dub_helpers import (
    FRAMES,
    LINE,
    PERSON,
    Painted,
    command,
    consent_for,
    leftovers,
    planes_of,
    same_pictures,
    shared_folder,
    short_person,
    times_of,
    write_person,
)
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.landmarks import MediapipeLandmarks
from avsynth.media import probe, read_audio, read_frames
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.progress import Step
from avsynth.pipelines.timeline import Fit
from avsynth.reporting import Report

STAGES = ["checks", "networks", "faces", "speech", "mouths", "sync", "join and sign"]


def run(
    video: Path, out: Path, audio: Path = LINE, preview: Path | None = None, **options: object
) -> Report:
    cast = [(str(options.get("face", "largest")), audio)]
    chosen = DubOptions(**options)  # type: ignore[arg-type]
    return dub(video, cast, consent_for(video), out, chosen, preview=preview)


@functools.cache
def dubbed() -> tuple[Path, Report, Painted]:
    """The short person, dubbed without loss, with the pixels noted that were written to."""
    out, painted = shared_folder() / "lossless.mp4", Painted()
    with painted.watching():
        report = run(short_person(), out, lossless=True)
    return out, report, painted


def unchanged_outside(source: Path, out: Path, painted: Painted) -> int:
    """Asserts that planes differ inside the masks alone; the number of changed luma samples."""
    changed = 0
    masks = [painted.masks[pts] for pts in sorted(painted.masks)]
    before, after = list(planes_of(source)), list(planes_of(out))
    assert len(before) == len(after) == len(masks)
    for a, b, mask in zip(before, after, masks, strict=True):
        for number, (old, new) in enumerate(zip(a, b, strict=True)):
            assert old.dtype == new.dtype and old.shape == new.shape
            touched = mask if number == 0 else mask.reshape(
                old.shape[0], 2, old.shape[1], 2
            ).any(axis=(1, 3))  # fmt: skip
            assert np.array_equal(old[~touched], new[~touched])
            changed += int((old != new).sum()) if number == 0 else 0
        assert 0.0 < mask.mean() < 0.4
    return changed


def test_outside_the_mask_every_sample_is_the_sources_8_bit() -> None:
    out, _, painted = dubbed()
    assert unchanged_outside(short_person(), out, painted) > 1000 * FRAMES


def test_outside_the_mask_every_sample_is_the_sources_10_bit(tmp_path: Path) -> None:
    source = short_person(".mkv", "yuv420p10le", 12)
    out, painted = tmp_path / "ten.mkv", Painted()
    with painted.watching():
        run(source, out, lossless=True)
    video = probe(out).video
    assert video is not None and video.bit_depth == 10
    assert unchanged_outside(source, out, painted) > 12000


def test_frames_and_times_are_the_inputs() -> None:
    out, report, _ = dubbed()
    assert times_of(out) == times_of(short_person()) and report.frames == FRAMES
    assert report.outcomes == {"dubbed": FRAMES} and report.seconds == 2.0
    assert leftovers(out.parent) == sorted(p.name for p in out.parent.iterdir())
    assert not list(out.parent.glob(".lossless*"))


def test_the_new_sound_is_the_given_one_and_in_time() -> None:
    out, _, _ = dubbed()
    info = probe(out)
    assert len(info.audio) == 1

    def heard(path: Path) -> NDArray[np.float32]:
        chunks = list(read_audio(path, 16000, stop=Fraction(2)))
        assert abs(float(chunks[0].time)) < 0.001
        return np.concatenate([chunk.samples for chunk in chunks])[:31000]

    new, given = heard(out), heard(LINE)
    lags = range(-40, 41)
    scores = [float(np.dot(np.roll(new, lag), given)) for lag in lags]
    assert abs(lags[int(np.argmax(scores))]) <= 16  # 1 ms
    assert np.corrcoef(new, given)[0, 1] > 0.95


def test_the_report_says_what_was_done() -> None:
    out, report, _ = dubbed()
    written = json.loads(out.with_name(out.name + ".report.json").read_text())
    assert report.model_dump(mode="json") == written
    assert written["inputs"][0]["path"] == str(short_person())
    assert written["weights"][0]["name"].startswith("motion-") and not written["notes"]
    assert set(written["stage_seconds"]) == set(STAGES) and not written["resumed"]
    assert written["frames_per_second"] > 0 and 50 < written["peak_memory_mb"] < 10_000
    face = written["faces"][0]
    assert (face["first_frame"], face["last_frame"]) == (0, FRAMES - 1)
    assert [s["time"] for s in face["sync_before"]] == [0.5, 1.5]
    assert all(s["offset"] is None or abs(s["offset"]) <= 0.32 for s in face["sync_after"])


def test_the_mouth_really_moves_otherwise() -> None:
    """Landmarks found anew in the output: another opening than in the source, same eyes."""
    out, _, _ = dubbed()
    before, after = openings(short_person()), openings(out)
    assert np.corrcoef(before, after)[0, 1] < 0.9 and np.abs(before - after).mean() > 0.005


def openings(path: Path) -> NDArray[np.float64]:
    """Mouth opening of the only face of every frame."""
    from avsynth.face.mouth_space import opening
    from avsynth.media import read_frames

    found = []
    with read_frames(path) as frames, MediapipeLandmarks() as detector:
        for frame in frames:
            [face] = detector.detect(frame.rgb())[:1]
            found.append(float(opening(face.points[None])[0]))
    return np.array(found)


def test_credentials_hold_and_a_flipped_byte_is_found(tmp_path: Path) -> None:
    out, _, _ = dubbed()
    verified = command("verify", out, "--json")
    found = json.loads(verified.out)
    assert verified.code == 0 and found["state"] == "trusted" and found["synthetic"]
    assert [a["action"] for a in found["actions"]][:2] == ["c2pa.opened", "c2pa.dubbed"]
    assert {i["title"] for i in found["ingredients"]} >= {short_person().name, LINE.name}
    data = bytearray(out.read_bytes())
    data[data.index(b"mdat") + 5000] ^= 1
    (tmp_path / "flipped.mp4").write_bytes(data)
    assert command("verify", tmp_path / "flipped.mp4").code == 14


def test_a_tampered_film_is_not_dubbed_on(tmp_path: Path) -> None:
    out, _, _ = dubbed()
    data = bytearray(out.read_bytes())
    data[data.index(b"mdat") + 5000] ^= 1
    film = tmp_path / "flipped.mp4"
    film.write_bytes(data)
    done = command("dub", film, "--audio", LINE, "--consent", consent_for(film), "-o",
                   tmp_path / "out.mp4")  # fmt: skip
    assert done.code == 14 and "own credentials do not hold" in done.complaint
    assert leftovers(tmp_path) == ["flipped.mp4"]


@pytest.mark.parametrize(
    ("how", "frames"),
    [(Fit.TRIM, 25), (Fit.HOLD, 63), (Fit.LOOP, 63), (Fit.PINGPONG, 63)],
)
def test_every_fit(how: Fit, frames: int, tmp_path: Path) -> None:
    """One second of picture, two and a half of speech."""
    film, line, out = short_person(frames=25), tmp_path / "line.wav", tmp_path / "out.mp4"
    samples, rate = soundfile.read(LINE)
    soundfile.write(line, samples[: int(2.5 * rate)], rate)
    report = run(film, out, line, fit=how)
    assert report.frames == frames and times_of(out) == [Fraction(n, 25) for n in range(frames)]
    assert report.outcomes == {"dubbed": frames}
    with av.open(str(out)) as file:
        sound = file.streams.audio[0]
        length = float(sound.duration * sound.time_base)
    assert abs(length - frames / 25) < 0.05
    assert ("extended" in report.fit) == (how is not Fit.TRIM)
    assert leftovers(tmp_path, out, line) == ["out.mp4.report.json"]
    if how is Fit.PINGPONG:  # eyes and hair run backwards: the picture is its own mirror image
        pictures = [planes[0][:100].astype(int) for planes in planes_of(out)]
        assert np.abs(pictures[20] - pictures[29]).mean() < 1.5
        assert (
            np.abs(pictures[20] - pictures[29]).mean() < np.abs(pictures[20] - pictures[4]).mean()
        )


def test_fit_error_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fit"):
        run(short_person(frames=25), tmp_path / "out.mp4", fit=Fit.ERROR)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".webm"])
def test_other_containers(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"out{suffix}"
    report = run(short_person(frames=25), out)
    assert report.outcomes == {"dubbed": 25}
    wanted, got = times_of(short_person(frames=25)), times_of(out)
    assert max(abs(a - b) for a, b in zip(wanted, got, strict=True)) <= Fraction(1, 2000)
    assert command("verify", out).code == 0


def test_sound_from_a_film(tmp_path: Path) -> None:
    report = run(short_person(frames=25), tmp_path / "out.mp4", PERSON)
    assert report.inputs[1].path == str(PERSON) and report.outcomes == {"dubbed": 25}


def test_other_streams_are_carried_over(tmp_path: Path) -> None:
    film, out = tmp_path / "film.mkv", tmp_path / "out.mkv"
    with av.open(str(short_person(frames=25))) as source, av.open(str(film), "w") as target:
        target.metadata["title"] = "a title"
        streams = [target.add_stream_from_template(source.streams[n]) for n in (0, 1, 1)]
        streams[1].metadata["language"], streams[2].metadata["language"] = "eng", "fra"
        packets = [p for p in source.demux() if p.dts is not None]
        copies = []
        for packet in packets:
            if packet.stream.type == "audio":
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.duration = packet.duration
                copies.append((copy, streams[2]))
            copies.append((packet, streams[packet.stream.index]))
        for packet, stream in copies:
            packet.stream = stream
            target.mux(packet)
    report = run(film, out)
    info = probe(out)
    assert [sound.language for sound in info.audio][1:] == ["fra"] and len(info.audio) == 2
    assert info.metadata.get("title") == "a title" and not report.notes


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_an_animated_gif(suffix: str, tmp_path: Path) -> None:
    film, out = tmp_path / "film.gif", tmp_path / f"out{suffix}"
    with av.open(str(film), "w") as target, read_frames(PERSON) as source:
        stream = target.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = 360, 288, "rgb8"
        for frame in itertools.islice(source, 10):
            picture = av.VideoFrame.from_ndarray(frame.rgb(), "rgb24")
            target.mux(stream.encode(picture.reformat(format="rgb8")))
        target.mux(stream.encode(None))
    run(film, out)
    video = probe(out).video
    assert video is not None and video.pix_fmt == "yuv420p"
    assert video.codec == ("av1" if suffix == ".webm" else "h264")
    assert (video.colour.range, video.colour.space) == (1, 6)
    with read_frames(film) as before, read_frames(out) as after:
        for old, new in zip(before, after, strict=True):
            difference = new.rgb().astype(float) - old.rgb()
            assert np.abs(difference[:60].mean(axis=(0, 1))).max() < 1.5


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_preview_is_a_picture_of_both(suffix: str, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    report = run(short_person(frames=25), tmp_path / f"out{suffix}", preview=sheet)
    picture = cv2.imread(str(sheet))
    assert not report.notes and picture is not None
    assert picture.shape[0] < 2 * 270 + 1 and picture[-250:, -500:].std() > 20  # no part is empty
    left, right = picture[22:262, 6:246], picture[22:262, 250:490]
    assert 0.0 < np.abs(left.astype(int) - right).mean() < 30


def test_a_preview_that_fails_does_not_cost_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise StopIteration

    monkeypatch.setattr("avsynth.pipelines.preview.contact_sheet", failing)
    report = run(short_person(frames=12), tmp_path / "out.mp4", preview=tmp_path / "sheet.png")
    assert [note for note in report.notes if note.startswith("no preview was written")]
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.report.json"]


def test_a_caller_sees_every_stage(tmp_path: Path) -> None:
    seen: list[Step] = []
    film = short_person(frames=25)
    dub(film, [("largest", LINE)], consent_for(film), tmp_path / "out.mp4", progress=seen.append)
    assert list(dict.fromkeys(step.stage for step in seen)) == STAGES
    mouths = [step for step in seen if step.stage == "mouths"]
    assert mouths[0].done == 0 and mouths[-1].done == mouths[-1].total == 25
    assert [s.done for s in mouths] == sorted(s.done for s in mouths)


def test_the_same_again_is_the_same(tmp_path: Path) -> None:
    film = short_person(frames=25)
    for name in ("a.mp4", "b.mp4"):
        run(film, tmp_path / name, lossless=True)  # x264 itself varies by a rounding or two
    assert same_pictures(tmp_path / "a.mp4", tmp_path / "b.mp4")


def test_a_dataset_record_labels_the_picture(tmp_path: Path) -> None:
    film, out = short_person(frames=25), tmp_path / "out.mp4"
    report = dub(film, [("largest", LINE)], consent_for(film, "dataset"), out)
    assert any("research label" in note for note in report.notes)
    plain, labelled = next(planes_of(film))[0].astype(int), next(planes_of(out))[0].astype(int)
    corners = [np.abs(plain - labelled)[y, x].mean() for y in (slice(30), slice(-30, None))
               for x in (slice(100), slice(-100, None))]  # fmt: skip
    assert max(corners) > 5 > 1 > min(corners)


@functools.cache
def twins() -> Path:
    """The person twice, side by side."""
    return write_person(shared_folder() / "twins.mp4", 25, copies=2)


def halves(painted: Painted) -> tuple[bool, bool]:
    """Whether anything was painted in the left and in the right half."""
    masks = np.stack(list(painted.masks.values()))
    return bool(masks[:, :, :360].any()), bool(masks[:, :, 360:].any())


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        ("all", (True, True)),
        ("0", (True, False)),
        ("1", (False, True)),
        ("360,0,360,288", (False, True)),
        ("0,0,360,288", (True, False)),
    ],
)
def test_one_of_two_faces(face: str, expected: tuple[bool, bool], tmp_path: Path) -> None:
    painted = Painted()
    with painted.watching():
        report = run(twins(), tmp_path / "out.mp4", face=face)
    assert halves(painted) == expected and report.outcomes == {"dubbed": 25 * sum(expected)}


@pytest.mark.parametrize("face", ["2", "700,0,10,10"])
def test_a_face_that_does_not_exist(face: str, tmp_path: Path) -> None:
    done = command("dub", twins(), "--audio", LINE, "--consent", consent_for(twins()), "--face",
                   face, "-o", tmp_path / "out.mp4")  # fmt: skip
    assert done.code == 2 and "face" in done.complaint
    assert leftovers(tmp_path) == []


def test_a_cast_of_two(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, np.zeros(16000, "f4"), 16000)
    cast = tmp_path / "cast.json"
    cast.write_text(json.dumps({"cast": [
        {"face": 1, "audio": str(LINE)}, {"face": "0", "audio": "quiet.wav"},
    ]}))  # fmt: skip
    out = tmp_path / "out.mp4"
    done = command("dub", twins(), "--cast", cast, "--consent", consent_for(twins()), "-o", out,
                   "--json")  # fmt: skip
    report = json.loads(done.out)
    assert done.code == 0 and report["outcomes"] == {"dubbed": 50}
    assert [Path(face["audio"]).name for face in report["faces"]] == ["line.flac", "quiet.wav"]


def test_a_cast_that_names_one_face_twice(tmp_path: Path) -> None:
    film = short_person(frames=25)
    with pytest.raises(UsageError, match="has another part already"):
        dub(film, [("largest", LINE), ("0", PERSON)], consent_for(film), tmp_path / "out.mp4")
    assert leftovers(tmp_path) == []


def test_speaking_needs_sound(tmp_path: Path) -> None:
    from avsynth.media import Writer
    from avsynth.media.writer import video_like

    film = tmp_path / "mute.mp4"
    with Writer(film, video_like(360, 288, 25)) as writer, read_frames(short_person()) as frames:
        for _, frame in zip(range(12), frames, strict=False):
            writer.write(frame.rgb())
    with pytest.raises(UsageError, match="no sound that could tell who is speaking"):
        run(film, tmp_path / "out.mp4", face="speaking")
    assert run(film, tmp_path / "out.mp4").faces[0].sync_before == []


def test_a_film_in_which_nobody_can_be_dubbed(tmp_path: Path) -> None:
    from avsynth.media import Writer, read_frames
    from avsynth.media.writer import video_like

    film = tmp_path / "cut off.mp4"  # the picture ends below the nose
    with Writer(film, video_like(360, 160, 25)) as writer, read_frames(short_person()) as frames:
        for _, frame in zip(range(12), frames, strict=False):
            writer.write(np.ascontiguousarray(frame.rgb()[:160]))
    with pytest.raises(NothingToDoError):
        run(film, tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["cut off.mp4"]
