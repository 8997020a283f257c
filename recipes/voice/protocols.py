"""Who is converted to whom, and against which recordings that is judged.

Three protocols of conversion, each a list of trials, and one of copies. In all of them a judge of
voices compares with natural speech of a person that no system has heard, and that does not say what
the converted clip says:

- ``parallel``: VCTK p225 to p228, the nine sentences that all four read. The first four of each
  speaker enrol, the other five are scored, in all twelve ordered pairs (60 trials). The target's
  own recording of the sentence is the reference of distortions; its four other scored sentences
  are what the voice is compared with.
- ``unseen``: the eight speakers of LibriSpeech test-other. Of each speaker's utterances, in order,
  the first ones up to 10 s enrol, the next ones up to 10 s are what the voice is compared with,
  and the rest are converted: one utterance for each of the 56 ordered pairs.
- ``dev``: the 21 ``dev`` speakers, one clip each, which is cut in two: the first half enrols, the
  second is converted to three others (63 trials). Choices are made here and nowhere else.
- ``copy``: one clip of each of the 28 LibriSpeech ``test`` speakers, to be made again as it is.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import read_audio
from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]
Sounds = tuple[Floats, ...]

_ENROL = 4  # of the shared sentences
_REFERENCE = 10.0  # seconds
_AHEAD = (1, 5, 11)  # dev: how many speakers on a target is


@dataclass(frozen=True)
class Trial:
    """One conversion. Samples (N,) at 16 kHz.

    Attributes:
        name: of the source's clip and the target.
        source, target: the people.
        same_gender: as the list of recordings has it.
        sound: what is converted.
        heard: recordings of the target, for the system.
        own, theirs: recordings of target and source, for the judges alone.
        real: a recording of the target that is not among these; of the same sentence if
            ``parallel``.
        parallel: whether it is.
    """

    name: str
    source: str
    target: str
    same_gender: bool
    sound: Floats
    heard: Sounds
    own: Sounds
    theirs: Sounds
    real: Floats
    parallel: bool


@dataclass(frozen=True)
class Verification:
    """A natural trial of a verifier: is the speaker of ``sound`` the one of ``own``?"""

    same: bool
    sound: Floats
    own: Sounds


@dataclass(frozen=True)
class Protocol:
    """Conversions, and the natural trials that set the threshold of acceptance."""

    trials: tuple[Trial, ...]
    natural: tuple[Verification, ...]


@dataclass(frozen=True)
class Recording:
    """A row of the list, and its sound."""

    name: str
    person: str
    sex: str
    sound: Floats


def load(name: str, data: Path) -> Protocol:
    """The protocol of conversion called ``name``, from the folder that holds speech.csv."""
    return {"parallel": parallel, "unseen": unseen, "dev": dev}[name](data)


def parallel(data: Path) -> Protocol:
    """VCTK; see the module."""
    people = _by_person(data, lambda row: row["corpus"].startswith("VCTK"))
    said = {p: {r.name.partition("_")[2]: r for r in found} for p, found in people.items()}
    shared = sorted(set.intersection(*(set(of) for of in said.values())))
    enrol, scored = shared[:_ENROL], shared[_ENROL:]

    def others(person: str, sentence: str) -> Sounds:
        return tuple(said[person][s].sound for s in scored if s != sentence)

    heard = {p: tuple(said[p][e].sound for e in enrol) for p in people}
    trials = [
        Trial(
            name=f"{said[a][s].name}-{b}",
            source=a,
            target=b,
            same_gender=said[a][s].sex == said[b][s].sex,
            sound=said[a][s].sound,
            heard=heard[b],
            own=others(b, s),
            theirs=others(a, s),
            real=said[b][s].sound,
            parallel=True,
        )
        for a, b in _pairs(people)
        for s in scored
    ]
    natural = [
        Verification(a == b, said[a][s].sound, others(b, s))
        for a in people
        for b in people
        for s in scored
    ]
    return Protocol(tuple(trials), tuple(natural))


def unseen(data: Path) -> Protocol:
    """LibriSpeech test-other; see the module."""
    people = _by_person(data, lambda row: row["corpus"] == "LibriSpeech test-other")
    parts = {person: _in_three(found) for person, found in people.items()}
    trials = []
    for index, (a, b) in enumerate(_pairs(people)):
        (_, theirs, said), (heard, own, real) = parts[a], parts[b]
        clip = said[index % len(said)]
        trials.append(
            Trial(
                name=f"{clip.name}-{b}",
                source=a,
                target=b,
                same_gender=people[a][0].sex == people[b][0].sex,
                sound=clip.sound,
                heard=heard,
                own=own,
                theirs=theirs,
                real=real[index % len(real)].sound,
                parallel=False,
            )
        )
    natural = [
        Verification(a == b, sound, own)
        for a, (heard, _, said) in parts.items()
        for sound in (*heard, *(clip.sound for clip in said))
        for b, (_, own, _) in parts.items()
    ]
    return Protocol(tuple(trials), tuple(natural))


def dev(data: Path) -> Protocol:
    """The dev speakers; see the module."""
    people = _by_person(data, lambda row: row["split"] == "dev")
    names = list(people)
    halves = {p: _halves(found[0].sound) for p, found in people.items()}
    heard = {p: half[:1] for p, half in halves.items()}
    trials = []
    for index, a in enumerate(names):
        for b in (names[(index + step) % len(names)] for step in _AHEAD):
            trials.append(
                Trial(
                    name=f"{people[a][0].name}-{b}",
                    source=a,
                    target=b,
                    same_gender=people[a][0].sex == people[b][0].sex,
                    sound=halves[a][1],
                    heard=heard[b],
                    own=halves[b][1:],
                    theirs=halves[a][:1],
                    real=halves[b][0],
                    parallel=False,
                )
            )
    natural = [Verification(a == b, halves[a][0], halves[b][1:]) for a in names for b in names]
    return Protocol(tuple(trials), tuple(natural))


def copies(data: Path) -> list[Recording]:
    """One clip of each LibriSpeech test speaker, the longest one."""
    people = _by_person(
        data, lambda row: row["split"] == "test" and row["corpus"].startswith("LibriSpeech")
    )
    return [max(found, key=lambda r: len(r.sound)) for found in people.values()]


def _by_person(data: Path, wanted: Callable[[dict[str, str]], bool]) -> dict[str, list[Recording]]:
    """Recordings by person, both in the order of their names; InputError where none fits."""
    path = data / "speech.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if wanted(row)]
    except OSError as error:
        raise InputError("cannot be read", path, hint="--data names its folder") from error
    if not rows:
        raise InputError("has none of the protocol's recordings", path)
    people: dict[str, list[Recording]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["speaker"], row["file"])):
        media = data / row["file"]
        chunks = [chunk.samples for chunk in read_audio(media, SAMPLE_RATE)]
        recording = Recording(media.stem, row["speaker"], row["sex"], np.concatenate(chunks))
        people[recording.person].append(recording)
    return dict(people)


def _pairs(people: dict[str, list[Recording]]) -> list[tuple[str, str]]:
    return [(a, b) for a in people for b in people if a != b]


def _in_three(found: Sequence[Recording]) -> tuple[Sounds, Sounds, list[Recording]]:
    """A person's recordings: the first up to 10 s, cut there; the next up to 10 s; the rest."""
    first, rest = _up_to(found)
    second, rest = _up_to(rest)
    return first, second, rest


def _up_to(found: Sequence[Recording]) -> tuple[Sounds, list[Recording]]:
    """Whole recordings until they hold 10 s, the last of them cut; and what is left."""
    left, taken = round(_REFERENCE * SAMPLE_RATE), []
    for count, recording in enumerate(found, 1):
        taken.append(recording.sound[:left] if len(recording.sound) > left else recording.sound)
        left -= len(taken[-1])
        if left <= 0:
            return tuple(taken), list(found[count:])
    return tuple(taken), []


def _halves(sound: Floats) -> Sounds:
    middle = len(sound) // 2
    return sound[:middle], sound[middle:]
