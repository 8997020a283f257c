"""The films of an adaptation as scenes: the face, the sound, and both on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import NothingToDoError
from avsynth.media import MediaInfo
from avsynth.pipelines.adapt_bases import Bases
from avsynth.pipelines.adapt_report import FootageReport
from avsynth.pipelines.analyse import analyse
from avsynth.pipelines.footage import Face, Film, faces_of
from avsynth.pipelines.footage_sound import Sync, hear, in_sync, mouth_at, takes_of
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.provenance.consent import Authorisation
from avsynth.reporting import FileHash
from avsynth.speech import front_end as front_ends
from avsynth.speech.front_end import FrontEnd
from avsynth.training.adapt_motion import RATE, Take

LEAST_SPEECH = 4.0  # seconds


@dataclass(frozen=True)
class Scene:
    """A film with what can be learnt from it."""

    film: Film
    sha256: str
    faces: list[Face]
    takes: list[Take]
    sync: Sync

    @property
    def speech(self) -> float:
        """Seconds of speech with the face in view."""
        return float(sum(take.speaking.sum() for take in self.takes)) / RATE

    @property
    def report(self) -> FootageReport:
        """For the report."""
        return FootageReport(
            file=FileHash(path=str(self.film.path), sha256=self.sha256),
            seconds=round(self.film.seconds, 3),
            speech_seconds=round(self.speech, 2),
            lag=self.sync.lag,
            clarity=self.sync.clarity,
            heard=self.sync.clear,
        )


def watch(
    films: dict[Path, MediaInfo], allowed: dict[Path, Authorisation], bases: Bases, face: str,
    job: Job, steps: Progress,
) -> list[Scene]:  # fmt: skip
    """Find the face, hear the sound, and put them on one clock, film by film."""
    front_end = front_ends.make(bases.network.config.front_end)
    scenes = []
    for number, (path, info) in enumerate(films.items()):
        sha256 = allowed[path].media_sha256
        with Job(job.path(f"film-{number}"), {"film": sha256}) as inner:
            film = Film(path, info, analyse(path, info, inner, steps))
        steps.start("speech")
        scenes.append(_scene(film, sha256, bases, front_end, face))
        job.write_json(f"film-{number}.json", sha256)  # worth keeping
    return scenes


def _scene(film: Film, sha256: str, bases: Bases, front_end: FrontEnd, face: str) -> Scene:
    faces = faces_of(film, bases.space, face)
    heard = hear(film, bases.network, front_end)
    sync = in_sync(heard, mouth_at(film, faces, heard.times), bases.space)
    lag = sync.lag / RATE if sync.clear else 0.0
    return Scene(
        film, sha256, faces, takes_of(heard, mouth_at(film, faces, heard.times + lag)), sync
    )


def refuse_too_little(scenes: list[Scene]) -> None:
    """NothingToDoError when all of them together hold too little speech."""
    speech = sum(scene.speech for scene in scenes)
    if speech < LEAST_SPEECH:
        raise NothingToDoError(
            f"{speech:.1f} s of speech with the face in view are too little to learn from",
            scenes[0].film.path,
            f"at least {LEAST_SPEECH:g} s are needed, better a minute",
        )
