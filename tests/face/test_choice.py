"""Which face is meant."""

from __future__ import annotations

import pytest

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.choice import people, select
from avsynth.face.store import TrackInfo


def track(
    id: int, shot: int, x: float, side: float = 100, first: int = 0, last: int = 99
) -> TrackInfo:
    box = (x - side / 2, 100.0, x + side / 2, 100.0 + side)
    return TrackInfo(id, shot, first, last, last - first + 1, box, 0.0, 1.0)


# Shot 0: a large face on the right, a smaller one on the left that is lost and found again.
# Shot 1: one face.
TRACKS = [
    track(0, 0, 500, 160),
    track(1, 0, 200, 100, 0, 40),
    track(2, 0, 220, 100, 50, 99),
    track(3, 1, 300, 120, 100, 149),
]


def test_people_stand_from_left_to_right_and_survive_a_gap() -> None:
    assert [[[t.id for t in p] for p in shot] for shot in people(TRACKS)] == [[[1, 2], [0]], [[3]]]


def test_tracks_at_the_same_time_are_two_people() -> None:
    assert len(people([track(0, 0, 200), track(1, 0, 230)])[0]) == 2


@pytest.mark.parametrize(
    "choice, ids",
    [
        ("largest", (0, 3)),
        ("all", (0, 1, 2, 3)),
        ("0", (1, 2, 3)),
        ("1", (0,)),
        ("450,90,100,200", (0,)),
        (" Largest ", (0, 3)),
    ],
)
def test_choices(choice: str, ids: tuple[int, ...]) -> None:
    assert select(TRACKS, choice) == ids


def test_speaking_is_chosen_in_each_shot() -> None:
    assert select(TRACKS, "speaking", {0: 0.1, 1: 0.5, 2: 0.4, 3: 0.0}) == (1, 2, 3)
    with pytest.raises(UsageError, match="sound"):
        select(TRACKS, "speaking")


@pytest.mark.parametrize(
    "choice, says",
    [
        ("2", "there are 2 faces"),
        ("-1", "there are 2 faces"),
        ("somebody", "names no face"),
        ("1,2,3", "names no face"),
        ("1,2,0,5", "is empty"),
        ("0,0,10,10", "faces are at 170,100,100,100"),
    ],
)
def test_what_does_not_exist_is_said(choice: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(TRACKS, choice)
    assert says in str(caught.value)


def test_no_face() -> None:
    with pytest.raises(NothingToDoError):
        select([], "largest")
