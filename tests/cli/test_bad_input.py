"""avsynth dub on what it must refuse: one line, the documented exit code, nothing left behind."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import pickle
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from dub_helpers import (
    FRAMES,
    LINE,
    Done,
    _private_home,  # noqa: F401
    command,
    consent_for,
    grey,
    leftovers,
    short_person,
    write_consent,
    write_person,
)

from avsynth.media import Writer
from avsynth.media.writer import video_like
from avsynth.provenance import consent as consents
from avsynth.weights import list_weights


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    shutil.copyfile(short_person(frames=12), path)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


def dub(
    film: object, out: Path, *more: object, audio: object = LINE, consent: object = None
) -> Done:
    consent = consent or consent_for(short_person(frames=12))
    return command("dub", film, "--audio", audio, "--consent", consent, "-o", out, *more)


def refused(done: Done, code: int, line: str, folder: Path, *kept: Path) -> None:
    complaint = done.complaint
    assert (done.code, line in complaint) == (code, True), complaint
    assert leftovers(folder, *kept) == []


def test_no_face_at_all(tmp_path: Path, out: Path) -> None:
    film = grey(tmp_path / "grey.mp4")
    done = dub(film, out, consent=consent_for(film))
    refused(done, 4, "no face", tmp_path, film)


def test_a_film_of_one_frame(tmp_path: Path, out: Path) -> None:
    film = write_person(tmp_path / "one.mp4", 1)
    done = dub(film, out, "--json", consent=consent_for(film))
    report = json.loads(done.out)
    assert done.code == 0 and report["outcomes"] == {"dubbed": 1}
    assert [note for note in report["notes"] if "--fit hold" in note]
    done = dub(film, out, "--json", "--fit", "hold", consent=consent_for(film))
    assert done.code == 0 and not json.loads(done.out)["notes"]


def test_a_film_that_is_cut_off(tmp_path: Path, out: Path) -> None:
    film, whole = tmp_path / "film.mp4", tmp_path / "whole.mp4"
    with av.open(str(short_person())) as source, av.open(
        str(whole), "w", options={"movflags": "faststart"}
    ) as target:  # fmt: skip
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    data = whole.read_bytes()
    film.write_bytes(data[: len(data) * 6 // 10])
    done = dub(film, out, "--json", consent=consent_for(film))
    report = json.loads(done.out)
    assert done.code == 8 and out.exists()
    assert report["missing_frames"] == FRAMES - report["frames"] > 5
    assert report["damaged_frames"] >= report["missing_frames"]
    assert f"{report['frames']} of {FRAMES} frames could be decoded" in report["notes"][0]


def _empty(path: Path) -> None:
    path.touch()


def _cut(path: Path) -> None:
    path.write_bytes(short_person(frames=12).read_bytes()[:3000])


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def _text(path: Path) -> None:
    path.write_text("#EXTM3U\nfile:///etc/passwd\n" * 50)


def _missing(path: Path) -> None:
    pass


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


BROKEN = [_empty, _cut, _noise, _text, _missing, _folder, _pipe]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_film_that_is_none(broken: Callable[[Path], None], tmp_path: Path, out: Path) -> None:
    film = tmp_path / "film.mp4"
    broken(film)
    refused(dub(film, out), 3, "film.mp4", tmp_path, film)


@pytest.mark.parametrize("broken", BROKEN)
def test_sound_that_is_none(
    broken: Callable[[Path], None], film: Path, tmp_path: Path, out: Path
) -> None:
    sound = tmp_path / "sound.wav"
    broken(sound)
    refused(dub(film, out, audio=sound), 3, "sound.wav", tmp_path, film, sound)


def test_a_film_without_sound_as_audio(film: Path, tmp_path: Path, out: Path) -> None:
    mute = grey(tmp_path / "mute.mp4")
    refused(dub(film, out, audio=mute), 3, "holds no sound", tmp_path, film, mute)


def test_sound_as_film(tmp_path: Path, out: Path) -> None:
    done = dub(LINE, out, consent=consent_for(LINE))
    refused(done, 3, "holds no picture", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_film_that_may_not_be_read(film: Path, tmp_path: Path, out: Path) -> None:
    film.chmod(0)
    refused(dub(film, out), 3, "ermission", tmp_path, film)


@pytest.mark.parametrize("size", [(0, 0), (65535, 65535), (20000, 16)])
def test_dimensions_that_cannot_be(size: tuple[int, int], tmp_path: Path, out: Path) -> None:
    """An AVI whose headers claim another size."""
    film = tmp_path / "film.avi"
    with Writer(film, video_like(64, 48, 25)) as writer:
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    data = film.read_bytes()
    packed = struct.pack("<II", 64, 48)
    assert data.count(packed) >= 2
    film.write_bytes(data.replace(packed, struct.pack("<II", *size)))
    done = dub(film, out, consent=consent_for(film))
    # Where the codec's own headers are believed there is simply no face in it.
    assert done.code in (3, 4) and done.complaint
    assert leftovers(tmp_path, film) == []


def test_sound_with_nan_and_far_too_loud(film: Path, tmp_path: Path, out: Path) -> None:
    samples, rate = soundfile.read(LINE, dtype="float32")
    samples = samples[:rate] * 50
    samples[1000:2000], samples[3000] = np.nan, np.inf
    soundfile.write(tmp_path / "loud.wav", samples, rate, subtype="FLOAT")
    done = dub(film, out, "--json", audio=tmp_path / "loud.wav")
    report = json.loads(done.out)
    assert done.code == 0 and report["outcomes"] == {"dubbed": 12}


def test_output_where_no_folder_is(film: Path, tmp_path: Path) -> None:
    done = dub(film, tmp_path / "no" / "out.mp4")
    refused(done, 7, "folder does not exist", tmp_path, film)


def test_output_that_is_a_folder(film: Path, tmp_path: Path, out: Path) -> None:
    out.mkdir()
    refused(dub(film, out), 7, "is a directory", tmp_path, film, out)


def test_outputs_that_are_inputs(film: Path, tmp_path: Path, out: Path) -> None:
    sound, record = tmp_path / "a.mkv", tmp_path / "out.mp4.report.json"
    shutil.copyfile(short_person(".mkv", frames=12), sound)
    shutil.copyfile(consent_for(short_person(frames=12)), record)
    link = tmp_path / "link.mp4"
    link.symlink_to(film)
    kept = (film, sound, record, link)
    before = {path: path.read_bytes() for path in kept}
    for target in (film, link):
        refused(dub(film, target), 2, "overwrite an input", tmp_path, *kept)
    refused(dub(film, sound, audio=sound), 2, "overwrite an input", tmp_path, *kept)
    refused(dub(film, out, consent=record), 2, "overwrite an input", tmp_path, *kept)
    refused(dub(film, out, "--preview", film), 2, "overwrite an input", tmp_path, *kept)
    refused(dub(film, out, "--preview", out), 2, "overwrite the output", tmp_path, *kept)
    assert before == {path: path.read_bytes() for path in kept}


def test_a_preview_overwrites_nothing_but_a_preview(film: Path, tmp_path: Path, out: Path) -> None:
    other, posing = tmp_path / "other.mkv", tmp_path / "other.png"
    other.write_bytes(b"a film")
    posing.write_bytes(b"a film")
    kept = film, other, posing
    refused(dub(film, out, "--preview", other), 2, "is a PNG picture", tmp_path, *kept)
    refused(dub(film, out, "--preview", posing), 2, "is no PNG picture", tmp_path, *kept)
    assert other.read_bytes() == posing.read_bytes() == b"a film"


def test_a_preview_that_cannot_be_written(film: Path, tmp_path: Path, out: Path) -> None:
    done = dub(film, out, "--preview", tmp_path / "no" / "sheet.png")
    refused(done, 7, "folder does not exist", tmp_path, film)


@contextlib.contextmanager
def at_most_bytes(count: int) -> Iterator[None]:
    """Files cannot grow beyond ``count``, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", [500, 20_000, 60_000])
def test_files_that_may_not_grow(film: Path, tmp_path: Path, out: Path, room: int) -> None:
    with at_most_bytes(room):
        done = dub(film, out, "--lossless")
    assert done.code == 7 and done.complaint
    assert set(leftovers(tmp_path, film)) <= {".out.mp4.job"}
    assert dub(film, out, "--lossless").code == 0  # with room again it goes on
    assert leftovers(tmp_path, film, out) == ["out.mp4.report.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full(film: Path, small_disk: Path) -> None:
    done = dub(film, small_disk / "out.mp4", "--lossless")
    assert done.code == 7 and done.complaint
    assert set(leftovers(small_disk)) <= {".out.mp4.job"}


def test_consent_that_does_not_hold(film: Path, tmp_path: Path, out: Path) -> None:
    record = tmp_path / "c.json"
    now = dt.datetime.now(dt.UTC)
    refused(dub(film, out, consent=record), 5, "c.json", tmp_path, film)

    write_consent(film, record, valid_from=now - dt.timedelta(2), expires=now - dt.timedelta(1))
    refused(dub(film, out, consent=record), 5, "expired", tmp_path, film, record)

    write_consent(film, record)
    document = json.loads(record.read_text())
    document["purposes"].append("advertising")
    record.write_text(json.dumps(document))
    refused(dub(film, out, consent=record), 5, "changed after", tmp_path, film, record)

    write_consent(LINE, record)
    refused(dub(film, out, consent=record), 5, "does not cover", tmp_path, film, record)

    voice = consents.new_subject(
        "Jane", ["voice"], [film], now + dt.timedelta(9), ["demonstration"]
    )
    consents.save(consents.sign(voice), record)
    refused(dub(film, out, consent=record), 5, "not the face", tmp_path, film, record)

    write_consent(film, record)
    refused(dub(film, out, "--purpose", "war", consent=record), 5, "war", tmp_path, film, record)
    assert command("consent", "revoke", record).code == 0
    refused(dub(film, out, consent=record), 5, "revoked", tmp_path, film, record)

    record.write_text("{" * 100_000)
    refused(dub(film, out, consent=record), 5, "c.json", tmp_path, film, record)


def test_a_commercial_purpose_excludes_research_weights(
    film: Path, tmp_path: Path, out: Path
) -> None:
    for entry in list_weights():
        used = entry.kind in ("motion", "lipsync")
        if used and entry.purpose == "research" and not entry.needs:
            done = dub(film, out, "--weights", entry.name)
            refused(done, 5, "commercial", tmp_path, film)


def test_weights_that_are_wrong(
    film: Path, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    for name in ("a.safetensors", "a.pt"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Bomb()))
        refused(dub(film, out, "--weights", path), 6, name, tmp_path, film, path)
        path.unlink()
    refused(dub(film, out, "--weights", "no-such"), 6, "no-such", tmp_path, film)
    refused(dub(film, out, "--weights", "./no.safetensors"), 6, "no.safe", tmp_path, film)

    entry = next(e for e in list_weights() if not e.needs and e.purpose == "commercial")
    changed = entry.model_copy(update={"sha256": "0" * 64})
    monkeypatch.setattr("avsynth.weights.manifest.find", lambda name: changed)
    refused(dub(film, out, "--weights", entry.name), 6, "", tmp_path, film)


NAMES = ["with space.mp4", "quo'te\"s.mp4", "new\nline.mp4", "Ünï çødé 影.mp4", "-dash.mp4",
         "%d$(x);`y`.mp4", "http:x.mp4", "concat:a|b.mp4"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_kind(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(short_person(frames=12), name)
    line = name.replace(".mp4", ".flac")
    shutil.copyfile(LINE, line)
    result = name.replace(".mp4", " out.mp4")
    record = consent_for(short_person(frames=12))
    done = command("dub", f"--audio={line}", f"--consent={record}", f"--output={result}",
                   f"--preview={name}.png", "--", name)  # fmt: skip
    assert done.code == 0, done.err
    assert leftovers(tmp_path) == sorted(
        [name, line, result, result + ".report.json", name + ".png"]
    )
    assert command("verify", "--", result).code == command("probe", "--", result).code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.mp4")
    film, out = tmp_path / name, tmp_path / ("out" + name)
    shutil.copyfile(short_person(frames=12), film)
    done = dub(film, out, "--json")
    assert done.code == 0, done.err
    assert "\\xff\\xfe.mp4" in json.loads(done.out)["output"]["path"]


def test_a_name_too_long(film: Path, tmp_path: Path) -> None:
    refused(dub(film, tmp_path / ("n" * 246 + ".mp4")), 7, "too long", tmp_path, film)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--cast", "cast.json"], "--audio or --cast"),
        (["--fit", "stretch"], "fit"),
        (["--device", "gpu"], "device"),
        (["--engine", "onnx"], "engine"),
        (["--engine", "openvino", "--device", "cuda"], "excludes"),
        (["--codec", "mpeg1"], "codec"),
        (["--codec", "av1", "--lossless"], "lossless"),
        (["--preset", "warp9"], "preset"),
        (["--crf", "64"], "--crf must be 0 to 63"),
        (["--crf", "60"], "--crf 60: with --codec h264 at most 51"),
        (["--crf", "60", "--codec", "hevc"], "--crf 60: with --codec hevc"),
        (["--crf", "18", "--lossless"], "--crf does not go with --lossless"),
        (["--preset", "5"], "--preset 5: --codec h264"),
        (["--codec", "ffv1"], "out.mp4': a .mp4 file cannot hold --codec ffv1"),
        (["--strength", "-1"], "strength"),
        (["--strength", "much"], "strength"),
        (["--face", "the tall one"], "face"),
        (["--cert", "cert.pem"], "--cert and --key"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_contradictory_options(
    options: list[str], line: str, film: Path, tmp_path: Path, out: Path
) -> None:
    refused(dub(film, out, *options), 2, line, tmp_path, film)


def test_face_beside_cast(film: Path, tmp_path: Path, out: Path) -> None:
    done = command("dub", film, "--cast", "cast.json", "--face", "0", "--consent", "c.json", "-o",
                   out)  # fmt: skip
    refused(done, 2, "--face", tmp_path, film)


@pytest.mark.parametrize("name", ["out.avi", "out", "out.txt"])
def test_outputs_of_an_unknown_kind(name: str, film: Path, tmp_path: Path) -> None:
    refused(dub(film, tmp_path / name), 2, "kind is not known", tmp_path, film)


def test_a_codec_that_the_container_cannot_hold(film: Path, tmp_path: Path) -> None:
    done = dub(film, tmp_path / "out.webm", "--codec", "h264")
    refused(done, 2, "out.webm': a .webm file cannot hold --codec h264", tmp_path, film)


def test_who_is_speaking_in_a_silent_film(film: Path, tmp_path: Path, out: Path) -> None:
    mute = grey(tmp_path / "mute.mp4")
    done = dub(mute, out, "--face", "speaking", consent=consent_for(mute))
    refused(done, 2, "--face largest", tmp_path, film, mute)


_SHORT_OF_MEMORY = """
import resource, sys, psutil
import av, cv2, mediapipe, avsynth.pipelines.dub  # torch's own import can hang without memory
from avsynth.cli.main import main
limit = psutil.Process().memory_info().vms + 40 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main()
"""


def test_out_of_memory(film: Path, tmp_path: Path, out: Path) -> None:
    consent = consent_for(short_person(frames=12))
    command = ["dub", film, "--audio", LINE, "--consent", consent, "-o", out]
    done = subprocess.run(
        [sys.executable, "-c", _SHORT_OF_MEMORY, *map(str, command)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 7 and "out of memory" in done.stderr.splitlines()[-1]
    assert set(leftovers(tmp_path, film)) <= {".out.mp4.job"}
