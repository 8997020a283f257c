"""The new speech is heard in a thread of its own while the faces are found, and kept in the job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from fractions import Fraction
from pathlib import Path
from threading import Event
from types import TracebackType

import numpy as np

from avsynth.media import probe
from avsynth.models.speech_to_motion import MotionCurve, SpeechToMotion
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.speech import Speech, listen

_LOOK_S = 0.1


class Hearing:
    """Hears the audio files of a cast from now on; see ``listen``.

    Leaving the ``with`` block ends it, wherever it is.
    """

    def __init__(
        self, paths: Iterable[Path], to_motion: SpeechToMotion, strength: float, job: Job
    ) -> None:
        self._paths = list(dict.fromkeys(paths))
        self._seconds = 0.0
        self._left = Event()
        self._pool = ThreadPoolExecutor(1)
        self._speeches = self._pool.submit(self._all, to_motion, strength, job)

    def speeches(self, steps: Progress) -> dict[Path, Speech]:
        """What was heard, when all of it is. Errors as those of ``listen``."""
        told = self._seconds
        lengths = [probe(path).duration for path in self._paths]
        known = [each for each in lengths if each is not None]
        left = round(max(0, sum(known) - told)) if len(known) == len(lengths) else None
        steps.start("speech", left, unit="s")
        while not wait([self._speeches], _LOOK_S).done:
            now = self._seconds
            steps.advance(now - told)
            told = now
        return self._speeches.result()

    def _all(self, to_motion: SpeechToMotion, strength: float, job: Job) -> dict[Path, Speech]:
        return {
            path: _once(path, job, f"speech-{number}.npz", self._heard(path, to_motion, strength))
            for number, path in enumerate(self._paths)
        }

    def _heard(
        self, path: Path, to_motion: SpeechToMotion, strength: float
    ) -> Callable[[], Speech]:
        def count(seconds: float) -> None:
            if self._left.is_set():
                raise CancelledError
            self._seconds += seconds

        return lambda: listen(path, to_motion, strength, count)

    def __enter__(self) -> Hearing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._pool.shutdown()


def _once(path: Path, job: Job, name: str, hear: Callable[[], Speech]) -> Speech:
    """What an earlier run of the same job has heard in ``path``, or ``hear`` does now."""
    if job.done(name):
        return _load(job.path(name), path)
    speech = hear()
    _store(speech, job, name)
    return speech


def _store(speech: Speech, job: Job, name: str) -> None:
    curve = speech.curve
    exact = [str(each) for each in (speech.seconds, curve.rate, curve.start)]
    with job.finishing(name) as temporary, temporary.open("wb") as file:
        np.savez(
            file, sound=[speech.rate, speech.channels], exact=exact, presence=curve.presence,
            coefficients=curve.coefficients, activity=curve.activity,
        )  # fmt: skip


def _load(stored: Path, path: Path) -> Speech:
    with np.load(stored, allow_pickle=False) as kept:
        rate, channels = (int(each) for each in kept["sound"])
        seconds, steps, start = (Fraction(str(each)) for each in kept["exact"])
        curve = MotionCurve(steps, start, kept["coefficients"], kept["presence"], kept["activity"])
    return Speech(path, rate, channels, seconds, curve)
