"""Copies of a collection in which trivial properties differ less, for a detector to be tried on.

Sound: mono, 16 kHz, mean removed, silence at both ends cut to 50 ms (sound files only), -23 LUFS,
16 bits with dither, PCM. Pictures: the smallest height of the collection, H.264 of one quality.
Everything lies in one container a kind, without tags. Durations, frame rates, cut-offs below 8 kHz
and what an earlier encoder has done to a file stay; a second audit tells how much they give away.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from avsynth.errors import AvsynthError, ResourceError, UsageError
from avsynth.media import (
    EncoderSettings,
    VideoInfo,
    Writer,
    atomic_output,
    probe,
    read_audio,
    read_frames,
    video_like,
)
from avsynth.pipelines.progress import Callback, Progress
from avsynth.speech.loudness import LoudnessMeter
from detectors.audit.sound_properties import Samples, silence
from detectors.protocols import Protocol, Trial
from detectors.protocols.folder import COLUMNS, MANIFEST
from detectors.sharing import processors

RATE = 16_000
_LOUDNESS = -23.0  # LUFS, EBU R128
_KEPT_S = 0.05
_CRF = 23
_LEAST_HEIGHT = 64


def equalise(found: Protocol, out: Path, jobs: int = 0, progress: Callback | None = None) -> int:
    """Write a copy of every readable file, and a manifest; how many there are.

    Copies that are there already are kept.

    Raises:
        UsageError: ``out`` lies in the collection, or is it.
        ResourceError: ``out`` cannot be written.
    """
    if out.resolve().is_relative_to(found.root.resolve()):
        raise UsageError("the copies would lie among the originals", out)
    out.mkdir(parents=True, exist_ok=True)
    height = _smallest_height(found)
    steps = Progress(progress)
    steps.start("equalising", len(found.trials))
    made: dict[str, str] = {}
    with ThreadPoolExecutor(jobs or processors()) as pool:
        copies = pool.map(lambda trial: _copy(found, trial, out, height), found.trials)
        for trial, copy in zip(found.trials, copies, strict=True):
            steps.advance()
            if copy is not None:
                made[trial.key] = copy
    steps.finish()
    _write_manifest(found, made, out / MANIFEST)
    return len(made)


def equalised_sound(samples: Samples, trimmed: bool = True, seed: int = 0) -> Samples:
    """Mono sound (N,) at 16 kHz -> the same, mean removed, as loud as every other, with dither."""
    sound = samples - np.float32(samples.mean(dtype=np.float64) if len(samples) else 0.0)
    if trimmed:
        quiet = silence(sound, RATE)
        first = max(quiet["leading_silence_s"] - _KEPT_S, 0.0)
        last = len(sound) / RATE - max(quiet["trailing_silence_s"] - _KEPT_S, 0.0)
        sound = sound[round(first * RATE) : max(round(last * RATE), round(first * RATE) + 1)]
    meter = LoudnessMeter(RATE, 1)
    meter.push(sound[:, None])
    loudness = meter.integrated()
    if np.isfinite(loudness):
        sound = sound * np.float32(10 ** ((_LOUDNESS - loudness) / 20))
    sound = sound / np.float32(max(float(np.abs(sound).max(initial=0.0)), 1.0))
    dither = np.random.default_rng(seed).triangular(-1, 0, 1, len(sound)) / 32768
    return np.asarray(sound + dither, np.float32)


def _smallest_height(found: Protocol) -> int:
    """Of all films, even, at least 64."""
    heights = []
    for trial in found.trials:
        try:
            info = probe(found.file(trial))
        except AvsynthError:
            continue
        if info.video is not None:
            heights.append(info.video.height)
    return max(min(heights, default=_LEAST_HEIGHT), _LEAST_HEIGHT) // 2 * 2


def _copy(found: Protocol, trial: Trial, out: Path, height: int) -> str | None:
    """Its path below ``out``; None where the file cannot be read."""
    try:
        path = found.file(trial)
        info = probe(path)
        name = f"{trial.path}.{'mkv' if info.video is not None else 'wav'}"
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return name
        start = Fraction(0)
        sound = None
        if info.audio:
            chunks = list(read_audio(path, RATE))
            start = max(chunks[0].time, start) if chunks else start
            joined = np.concatenate(
                [chunk.samples for chunk in chunks] or [np.zeros(0, np.float32)]
            )
            sound = equalised_sound(joined, trimmed=info.video is None)
        _write(target, path, info.video, height, sound, start)
        return name
    except ResourceError:
        raise
    except AvsynthError:
        return None


def _write(
    target: Path, path: Path, video: VideoInfo | None, height: int, sound: Samples | None,
    start: Fraction,
) -> None:  # fmt: skip
    like = None
    if video is not None:
        width = max(round(video.width * height / video.height / 2) * 2, 2)
        rate = video.average_rate if 0 < video.average_rate <= 1000 else Fraction(25)
        like = video_like(width, height, rate, time_base=video.time_base)
    settings = None if like is None else EncoderSettings("h264", crf=_CRF, threads=1)
    with Writer(
        target, like, settings, audio_rate=None if sound is None else RATE, audio_codec="pcm_s16le"
    ) as writer:
        if sound is not None:
            writer.write_audio(sound, start if like is not None else Fraction(0))
        for picture, pts in _pictures(path, like):
            writer.write(picture, pts)


def _pictures(
    path: Path, like: VideoInfo | None
) -> Iterator[tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], int]]:
    """Scaled pictures with their times, which increase strictly."""
    last = -1
    for frame in read_frames(path, threads=1) if like is not None else ():
        assert like is not None
        size = like.width, like.height
        picture = cv2.resize(frame.rgb(), size, interpolation=cv2.INTER_AREA)
        last = max(last + 1, round(frame.time / like.time_base))
        yield np.asarray(picture, np.uint8), last


def _write_manifest(found: Protocol, made: dict[str, str], path: Path) -> None:
    with (
        atomic_output(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, "source", "original"))
        for trial in found.trials:
            if trial.key in made:
                writer.writerow((
                    made[trial.key], trial.label, trial.group, trial.person, trial.split,
                    trial.source, made.get(trial.original, ""),
                ))  # fmt: skip
