"""Which of the faces in a video is meant: ``largest``, ``speaking``, ``all``, an index, a box."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.track_info import TrackInfo

LARGEST: Final = "largest"
SPEAKING: Final = "speaking"
ALL: Final = "all"

#: A person of one shot: tracks one after the other, of a face that was lost and found again.
Person = tuple[TrackInfo, ...]

_HINT: Final = "say largest, speaking, all, a number from 0, or a box x,y,width,height in pixels"


def people(tracks: Sequence[TrackInfo]) -> list[list[Person]]:
    """The people of each shot, from left to right; shots in their order.

    Tracks of one shot that follow each other at about the same place are taken for one person.
    """
    shots = []
    for shot in sorted({track.shot for track in tracks}):
        found: list[list[TrackInfo]] = []
        for track in sorted((t for t in tracks if t.shot == shot), key=lambda t: (t.first, t.id)):
            same = [person for person in found if _continues(person[-1], track)]
            if same:
                min(same, key=lambda person: _distance(person[-1], track)).append(track)
            else:
                found.append([track])
        shots.append([tuple(p) for p in sorted(found, key=lambda p: (_biggest(p).centre, p[0].id))])
    return shots


def select(
    tracks: Sequence[TrackInfo], choice: str = LARGEST, scores: Mapping[int, float] | None = None
) -> tuple[int, ...]:
    """Ids of the chosen tracks, rising.

    ``choice``: ``largest``, or ``speaking`` by ``scores`` (see ``speaking.score_tracks``), choose
    one person a shot; ``all``; a number counts the people of each shot from the left, from 0;
    ``x,y,w,h`` in display pixels takes the person whose face is there, in the shots that have one.
    NothingToDoError when there is no face at all; UsageError for anything that does not exist.
    """
    if not tracks:
        raise NothingToDoError("no face was found", hint="is there one, large enough to see?")
    shots = people(tracks)
    choice = choice.strip().lower()
    if choice == ALL:
        return tuple(sorted(track.id for track in tracks))
    if choice == LARGEST:
        return _ids(max(shot, key=_presence) for shot in shots)
    if choice == SPEAKING:
        if scores is None:
            raise UsageError("the speaking face cannot be told without the original sound")
        return _ids(max(shot, key=lambda p: (_speech(p, scores), _presence(p))) for shot in shots)
    if re.fullmatch(r"-?\d{1,9}", choice):
        return _ids(_by_index(shots, int(choice)))
    return _ids(_by_box(shots, _parse_box(choice), choice))


def _by_index(shots: list[list[Person]], index: int) -> list[Person]:
    most = max(len(shot) for shot in shots)
    if not 0 <= index < most:
        faces = "is one face" if most == 1 else f"are {most} faces"
        raise UsageError(
            f"face {index} does not exist: there {faces} at most in a shot",
            hint="faces are counted from 0, from the left; " + _HINT,
        )
    return [shot[index] for shot in shots if index < len(shot)]


def _by_box(
    shots: list[list[Person]], box: tuple[float, float, float, float], text: str
) -> list[Person]:
    x0, y0, x1, y1 = box
    chosen = []
    for shot in shots:
        inside = [
            person
            for person in shot
            if any(x0 <= t.centre[0] <= x1 and y0 <= t.centre[1] <= y1 for t in person)
        ]
        if inside:
            chosen.append(max(inside, key=_presence))
    if not chosen:
        where = ", ".join(
            ",".join(str(round(v)) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1]))
            for b in (_biggest(person).box for person in shots[0])
        )
        raise UsageError(f"no face has its centre in the box {text}", hint=f"faces are at {where}")
    return chosen


def _parse_box(text: str) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} names no face", hint=_HINT) from None
    if not (width > 0 and height > 0):
        raise UsageError(f"the box {text} is empty", hint=_HINT)
    return x, y, x + width, y + height


def _ids(persons: Sequence[Person] | Iterator[Person]) -> tuple[int, ...]:
    return tuple(sorted(track.id for person in persons for track in person))


def _biggest(person: Sequence[TrackInfo]) -> TrackInfo:
    return max(person, key=lambda t: t.area * t.count)


def _presence(person: Person) -> float:
    """How much picture a person takes, over how long."""
    return sum(track.area * track.count for track in person)


def _speech(person: Person, scores: Mapping[int, float]) -> float:
    frames = sum(track.count for track in person)
    return sum(scores.get(track.id, 0.0) * track.count for track in person) / frames


def _distance(a: TrackInfo, b: TrackInfo) -> float:
    (ax, ay), (bx, by) = a.centre, b.centre
    return float(((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5)


def _continues(before: TrackInfo, after: TrackInfo) -> bool:
    near = _distance(before, after) < min(before.area, after.area) ** 0.5
    return before.last < after.first and near
