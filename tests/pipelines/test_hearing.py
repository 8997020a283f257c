"""The new speech, heard beside other work: counted, kept for a second try, given up when asked."""

from __future__ import annotations

import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avsynth.errors import InputError
from avsynth.media import AudioChunk
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.pipelines.hearing import Hearing
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress, Step


class Loudness:
    """Motion as far as the sound is loud; a chunk takes ``pause`` seconds."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause, self.chunks = pause, 0

    def predict(self, audio: Iterable[AudioChunk]) -> MotionCurve:
        found = []
        for chunk in audio:
            self.chunks += 1
            time.sleep(self.pause)
            found.append([np.abs(chunk.samples).mean()] * 2)
        values = np.array(found, np.float32).reshape(-1, 2)
        return MotionCurve(Fraction(50, 3), Fraction(1, 7), values, values[:, 0], values[:, 1] / 2)


def sounds(folder: Path, *seconds: float) -> list[Path]:
    paths = [folder / f"{number}.wav" for number in range(len(seconds))]
    for path, length in zip(paths, seconds, strict=True):
        noise = np.random.default_rng(0).normal(0, 0.1, round(length * 22050))
        soundfile.write(path, noise, 22050)
    return paths


def hear(paths: list[Path], motion: Loudness, job: Job, seen: list[Step]) -> list[object]:
    steps = Progress(seen.append)
    with Hearing(paths, motion, 1.5, job) as hearing:  # type: ignore[arg-type]
        speeches = hearing.speeches(steps)
    steps.finish()
    return [speeches[path] for path in paths]


def test_what_was_heard_is_not_heard_again(tmp_path: Path) -> None:
    paths = sounds(tmp_path, 2.0, 3.1)
    with Job(tmp_path / "out.mp4", {}) as job:
        first = hear([*paths, paths[0]], Loudness(), job, [])
    again = Loudness()
    with Job(tmp_path / "out.mp4", {}) as job:
        second = hear(paths, again, job, [])
    assert again.chunks == 0
    for old, new in zip(first, second, strict=False):
        assert vars(old) | {"curve": None} == vars(new) | {"curve": None}
        for name, value in vars(old.curve).items():  # type: ignore[attr-defined]
            got = vars(new.curve)[name]  # type: ignore[attr-defined]
            assert np.array_equal(value, got) and type(value) is type(got)
            assert getattr(value, "dtype", None) == getattr(got, "dtype", None)


def test_seconds_are_counted_as_they_pass(tmp_path: Path) -> None:
    seen: list[Step] = []

    class Waiting(Loudness):
        def predict(self, audio: Iterable[AudioChunk]) -> MotionCurve:
            curve = super().predict(audio)
            end = time.monotonic() + 30
            while not any(step.done for step in seen) and time.monotonic() < end:
                time.sleep(0.01)
            return curve

    with Job(tmp_path / "out.mp4", {}) as job:
        hear(sounds(tmp_path, 10.0, 20.0), Waiting(), job, seen)
    assert {(step.stage, step.unit) for step in seen} == {("speech", "s")}
    done = [step.done for step in seen]
    assert done == sorted(done) and any(9 < each < 11 for each in done)


def test_leaving_does_not_wait_for_the_end(tmp_path: Path) -> None:
    [path] = sounds(tmp_path, 60.0)
    motion = Loudness(pause=0.02)  # half a minute in all
    began = time.monotonic()
    with Job(tmp_path / "out.mp4", {}) as job:
        with pytest.raises(KeyboardInterrupt), Hearing([path], motion, 1.0, job):  # type: ignore[arg-type]
            while not motion.chunks:
                time.sleep(0.01)
            raise KeyboardInterrupt
        assert time.monotonic() - began < 10
        heard = motion.chunks
        time.sleep(0.2)
        assert motion.chunks == heard and not job.done("speech-0.npz")


def test_errors_are_those_of_listening(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, "f4"), 16000)
    with Job(tmp_path / "out.mp4", {}) as job, pytest.raises(InputError):
        hear([tmp_path / "empty.wav"], Loudness(), job, [])
