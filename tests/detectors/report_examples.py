"""Verdicts of many kinds, to look at and to test reports with: python report_examples.py FOLDER.

Pictures and sound are those of the demo person; scores are drawn from a fixed seed and say nothing
about any file.
"""

from __future__ import annotations

import hashlib
import json as standard_json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import avsynth
from avsynth.media import read_audio, read_frames
from detectors import Evidence, Interval, MarkedFrame, MarkedSound, Part, Verdict, abstention
from detectors.report import html, json, text

DEMO = Path(avsynth.__file__).parent / "pipelines" / "demo"
HOSTILE = (
    "/tmp/<script>alert(1)</script>\n\"onload='x' \u202egpj.exe javascript:alert(2) "
    "</title></style></script>{{ 7*7 }}{% if %}\x1b[31m\udcff.mp4"
)
_MARKUP = "<img src=x onerror=alert(3)>"


@lru_cache(maxsize=1)
def all_examples() -> dict[str, Verdict]:
    """Every kind, by a short name."""
    return {
        "synthetic-face": synthetic_face(),
        "voice-only": voice_only(),
        "picture": picture(),
        "inconclusive": inconclusive(),
        "not-detected": not_detected(),
        "unreadable": unreadable(),
        "long": long_film(),
        "hostile": hostile(),
    }


def synthetic_face() -> Verdict:
    """A minute of film: a dubbed mouth, a voice that is not judged synthetic, broken agreement."""
    where = (Interval(12.0, 19.5, 7.2), Interval(33.0, 41.0, 8.4))
    visual = _over_time("visual", "face", 60, (0, 3), where, 5.1, seed=1, frames=_faces(7.9))
    motion = _over_time("motion", "face", 60, (0, 3), where[1:], 2.2, seed=2)
    sync = _over_time("sync", "sync", 60, (), where[1:], 1.4, seed=3,
                      figures={"offset_ms": 83.0, "confidence": 3.1})  # fmt: skip
    audio = _over_time("audio", "voice", 60, (), (), -2.3, seed=4)
    parts = (
        Part("face", "synthetic", 5.8, (4.1, 7.3)),
        Part("voice", "not-detected", -2.6, (-3.9, -1.2)),
        Part("sync", "inconclusive", 1.2, (-0.7, 3.0)),
    )
    evidence = (visual, motion, sync, audio,
                abstention("credentials", "file", "no credentials: that speaks neither for nor "
                           "against it"))  # fmt: skip
    return Verdict(
        "/cases/2031-044/exhibit-7/interview.mp4", "synthetic", "the face looks synthetic",
        4.7, (3.0, 6.2), parts, evidence,
        credentials=_credentials(),
        sensitivity={
            "untouched excerpt": 4.9, "H.264, CRF 28": 4.4, "H.264, CRF 36": 2.1,
            "half size": 3.2, "blur, 1.5 px": 2.7, "noise": 4.1, "cropped by 10 %": 4.8,
        },
        **_record("video", 60.0),
    )  # fmt: skip


def voice_only() -> Verdict:
    """Half a minute of sound with a vocoder's traces in its middle."""
    where = (Interval(9.5, 14.0, 6.1), Interval(21.0, 22.4, 4.0))
    audio = _over_time("audio", "voice", 30, (), where, 4.0, seed=5, sounds=_sounds())
    judge = _over_time("vocoder-discriminator", "voice", 30, (), where[:1], 1.9, seed=6)
    silent = [abstention(name, "face", "there is no picture") for name in ("visual", "motion")]
    return Verdict(
        "call-2031-03-02.mp3", "synthetic", "the voice sounds synthetic", 4.3, (2.2, 6.4),
        (Part("voice", "synthetic", 4.3, (2.2, 6.4)),),
        (audio, judge, *silent, abstention("sync", "sync", "there is no picture")),
        credentials={"state": "none", "path": "call-2031-03-02.mp3", "notes": ()},
        sensitivity={"untouched excerpt": 4.1, "MP3, 64 kb/s": 1.3, "noise, 20 dB below": 2.8,
                     "band limited to 4 kHz": -0.4},
        **_record("sound", 30.0),
    )  # fmt: skip


def picture() -> Verdict:
    """A still picture: one score, one face, no time."""
    visual = Evidence(
        "visual", 0.9, np.zeros(1), np.array([0.9], np.float32), seen=1.0, subject="face",
        tracks=np.zeros(1, np.int32), frames=_faces(0.9)[:1], trained_on=_TRAINED["visual"],
        weights=_weights("visual"),
    )  # fmt: skip
    return Verdict(
        "portrait.jpg", "inconclusive",
        "the face: real and synthetic files overlap at this score", 0.9, (-1.1, 2.9),
        (Part("face", "inconclusive", 0.9, (-1.1, 2.9)),),
        (visual, abstention("audio", "voice", "there is no sound")),
        credentials={"state": "none"},
        **_record("picture", 0.0),
    )  # fmt: skip


def inconclusive() -> Verdict:
    """Nothing that any detector could speak of."""
    return Verdict(
        "landscape.mkv", "inconclusive", "nothing to go by: no face was found; nobody speaks",
        evidence=(
            abstention("visual", "face", "no face was found", 0.0),
            abstention("audio", "voice", "0.4 s of speech, and at least 2 s are needed", 0.4),
            abstention("sync", "sync", "no face was found"),
        ),
        **_record("video", 14.2),
    )  # fmt: skip


def not_detected() -> Verdict:
    """A film in which nothing was found."""
    return Verdict(
        "holiday.mov", "not-detected",
        "nothing that speaks for synthesis was found, which is no proof", -3.4, (-4.8, -2.1),
        (Part("face", "not-detected", -3.4, (-4.8, -2.1)),),
        (_over_time("visual", "face", 20, (0,), (), -3.0, seed=8),
         abstention("audio", "voice", "nobody speaks")),
        credentials={"state": "none"},
        **_record("video", 20.0),
    )  # fmt: skip


def unreadable() -> Verdict:
    """Damaged beyond reading."""
    return Verdict(
        "broken.mp4", "unreadable", "the file could not be read",
        error="not a media file, or damaged: moov atom not found",
        settings=_SETTINGS, versions=_VERSIONS,
    )  # fmt: skip


def long_film() -> Verdict:
    """Three hours, 40 faces, more of everything than a page can show."""
    where = tuple(Interval(60.0 * n, 60.0 * n + 8, 2.0 + n % 7) for n in range(160))
    visual = _over_time("visual", "face", 10800, tuple(range(40)), where, 2.0, seed=9,
                        frames=_faces(4.0) * 10)  # fmt: skip
    audio = _over_time("audio", "voice", 10800, (), where[::3], 0.4, seed=10, sounds=_sounds() * 9)
    record = _record("video", 10800.0)
    record["properties"] = {f"stream{n}": {"tags": {"comment": "x" * 9000}} for n in range(3000)}
    return Verdict(
        "conference.mkv", "synthetic", "the face looks synthetic", 3.9, (2.9, 5.2),
        (Part("face", "synthetic", 4.4, (3.4, 5.6)),
         Part("voice", "inconclusive", 0.4, (-1.5, 2.1))),
        (visual, audio), credentials=_deep_credentials(), **record,
    )  # fmt: skip


def hostile() -> Verdict:
    """Names, metadata and credentials that try to be more than text."""
    evidence = Evidence(
        "visual", 1.0, np.arange(3.0), np.array([np.nan, np.inf, 2.0], np.float32),
        where=(Interval(0.0, 1.0, float("nan")),), subject="face", trained_on=(_MARKUP,),
        notes=(f"</script>{_MARKUP}", "javascript:alert(4)"), figures={_MARKUP: float("inf")},
        tracks=np.zeros(3, np.int32),
    )  # fmt: skip
    record = _record("video", 3.0)
    record["properties"] = {_MARKUP: HOSTILE, "url": "javascript:alert(5)", "nan": float("nan")}
    return Verdict(
        HOSTILE, "inconclusive", f"{_MARKUP} \u2028 reason", float("nan"),
        (float("-inf"), float("inf")), (Part("face", "inconclusive", 1.0, (0.0, float("inf"))),),
        (evidence, abstention("sync", "sync", f"'\"><svg onload=alert(6)>{_MARKUP}")),
        credentials={
            "state": "untrusted", "signed_by": f"{_MARKUP}\u202e", "title": HOSTILE,
            "actions": [{"words": _MARKUP, "description": "</style>"}], "problems": (HOSTILE,),
            "ingredients": [{"title": _MARKUP, "state": "<b>", "ingredients": "not a list"}],
            "remote": "javascript:alert(7)", "notes": [_MARKUP],
        },
        error=None, **record,
    )  # fmt: skip


_VERSIONS = {"avsynth": avsynth.__version__, "python": "3.12.4", "torch": "2.13.0", "av": "16.0.1"}
_SETTINGS: dict[str, Any] = {
    "operating_point": 0.01, "thresholds": {"face": 3.1, "voice": 3.3, "sync": 3.4},
    "fusion_weights": {"visual": 0.82, "motion": 0.31, "sync": 0.64, "audio": 0.9},
    "bursts_per_second": 1, "burst_frames": 8, "max_pixels": 40_000_000, "engine": "openvino",
}  # fmt: skip
_TRAINED = {
    "visual": ("GRID, train people (real)", "self-blended images", "GAN lip-sync",
               "warps by landmarks", "swaps by blending"),
    "audio": ("LibriSpeech train-clean-100, train speakers (real)", "own vocoder", "WORLD",
              "Griffin-Lim", "own voice conversion", "espeak-ng", "flite", "festival"),
}  # fmt: skip


def _record(kind: str, duration: float) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(kind.encode()).hexdigest(), "size": 18_734_112, "kind": kind,
        "duration": duration, "settings": _SETTINGS | {"examined": "2031-03-04T09:12:44Z"},
        "versions": _VERSIONS,
        "seconds": {"decoding": 3.91, "tracking": 2.4, "visual": 1.77, "audio": 0.31},
        "properties": {
            "container": "mov,mp4", "video": {"codec": "h264", "width": 1920, "height": 1080,
            "rate": "25", "pixel_format": "yuv420p"}, "audio": [{"codec": "aac", "rate": 48000,
            "channels": 2}], "metadata": {"encoder": "Lavf61.1.100"},
        },
    }  # fmt: skip


def _weights(name: str) -> dict[str, str]:
    return {f"{name}-small": hashlib.sha256(name.encode()).hexdigest()}


def _over_time(
    name: str, subject: Any, seconds: int, tracks: tuple[int, ...], where: tuple[Interval, ...],
    score: float, seed: int, **more: Any,
) -> Evidence:  # fmt: skip
    """One score a second and face: noise about a level, raised where it is marked."""
    rng = np.random.default_rng(seed)
    times, scores, whose = [], [], []
    for place, track in enumerate(tracks or (0,)):
        first = 0 if not place else int(rng.integers(0, max(seconds // 2, 1)))
        last = seconds if not place else int(rng.integers(first + 1, seconds + 1))
        own = np.arange(first, last) + 0.5
        raised = sum((np.abs(own - (w.start + w.stop) / 2) < (w.stop - w.start) / 2) * w.score
                     for w in where) if where and not place else np.zeros(len(own))  # fmt: skip
        times.append(own)
        scores.append(raised - 2.0 + rng.normal(0, 0.8, len(own)))
        whose.append(np.full(len(own), track))
    return Evidence(
        name, score, np.concatenate(times), np.concatenate(scores).astype(np.float32),
        where=where, subject=subject, seen=float(sum(map(len, times))),
        tracks=np.concatenate(whose).astype(np.int32) if tracks else np.zeros(0, np.int32),
        trained_on=_TRAINED.get(name, ()), weights=_weights(name), **more,
    )  # fmt: skip


@lru_cache(maxsize=1)
def demo_face() -> NDArray[np.uint8]:
    """uint8 (224, 224, 3): the demo person's face."""
    import cv2

    frame = next(iter(read_frames(DEMO / "person.mp4")))
    return np.asarray(cv2.resize(frame.rgb()[75:215, 107:247], (224, 224)), np.uint8)


def _faces(score: float) -> tuple[MarkedFrame, ...]:
    y, x = np.mgrid[0:28, 0:28] / 27
    mouth = np.exp(-(((x - 0.5) / 0.2) ** 2 + ((y - 0.8) / 0.12) ** 2)).astype(np.float32)
    edge = np.exp(-(((x - 0.78) / 0.1) ** 2 + ((y - 0.5) / 0.3) ** 2)).astype(np.float32)
    face = demo_face()
    return (
        MarkedFrame(36.5, 0, score, face, mouth),
        MarkedFrame(38.5, 0, score - 1.3, np.ascontiguousarray(face[:, ::-1]), edge),
        MarkedFrame(13.5, 3, score - 2.0, face, None),
    )


@lru_cache(maxsize=1)
def _sounds() -> tuple[MarkedSound, ...]:
    chunks = [chunk.samples for chunk in read_audio(DEMO / "line.flac", 16000)]
    wave = np.concatenate(chunks).reshape(-1)[: 16000 * 4]
    frames = np.lib.stride_tricks.sliding_window_view(wave, 512)[::160] * np.hanning(512)
    level = (20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-5)).T.astype(np.float32)
    heat = np.zeros((16, 40), np.float32)
    heat[10:, 14:26] = np.linspace(0.3, 1, 12)
    return (
        MarkedSound(9.5, 9.5 + len(wave) / 16000, 6.1, level, heat),
        MarkedSound(21.0, 21.0 + len(wave) / 16000, 4.0, level[:, ::-1], None),
    )


def _credentials() -> dict[str, Any]:
    camera = {"title": "raw-recording.mp4", "relationship": "parentOf", "state": "trusted",
              "problems": (), "signed_by": "Example Camera 3", "synthetic": False,
              "ingredients": ()}  # fmt: skip
    voice = {"title": "new-voice.wav", "relationship": "componentOf", "state": "invalid",
             "problems": ("its hash does not match",), "signed_by": None, "synthetic": True,
             "ingredients": ()}  # fmt: skip
    return {
        "state": "untrusted", "signed_by": "Studio North", "issuer": "Example Root",
        "serial": "4711", "signed_at": None, "generator": "Editor 7.1", "where": "embedded",
        "synthetic": True, "notes": ("no time stamp",), "problems": ("an ingredient was changed",),
        "actions": ({"words": "created from other media", "source_words": "made in part by a "
                     "trained model", "software": "Editor 7.1", "when": "2031-02-27T10:00:00Z"},
                    {"words": "colour changed", "description": "warmer"}),
        "ingredients": (camera | {"ingredients": (voice,)}, voice),
    }  # fmt: skip


def _deep_credentials() -> dict[str, Any]:
    inner: dict[str, Any] = {"title": "x" * 5000, "state": "none", "ingredients": ()}
    for _ in range(30):
        inner = {"title": "layer", "state": "valid", "ingredients": (inner,) * 3}
    return {"state": "valid", "ingredients": (inner,) * 50, "actions": ({"words": "edited"},) * 500}


def write_all(folder: Path) -> None:
    """Every example as a page, an index of them, and their lines."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = all_examples()
    for verdict in examples.values():
        html.write(verdict, folder / html.page_name(verdict))
    html.write_index(examples.values(), folder)
    lines = [standard_json.dumps(json.line(each), allow_nan=False) for each in examples.values()]
    (folder / "scan.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "scan.txt").write_text("\n\n".join(map(text.render, examples.values())) + "\n")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
