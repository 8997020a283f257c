"""Every registered detector through the protocol, on real media: the contract of ``Detector``."""

from __future__ import annotations

import dataclasses
import functools
import gc
import pickle
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from scan_helpers import LINE, PERSON, person_frames, tone, write_film

from avsynth.face.track import FaceTracker
from avsynth.media import AudioChunk, MediaInfo, probe, read_audio
from detectors import Burst, Detector, Evidence, Look, ScanOptions
from detectors.base import SOUND_RATE
from detectors.feed import Feed
from detectors.registry import DETECTORS, make

pytestmark = pytest.mark.slow

Item = Burst | AudioChunk
HANDFUL = 16


@dataclasses.dataclass(frozen=True)
class Shown:
    """A file as it was fed."""

    info: MediaInfo
    items: tuple[Item, ...]


@functools.cache
def detector(name: str) -> Detector:
    (made,) = make([name])
    return made


@pytest.fixture(scope="module")
def tracker() -> Iterator[Callable[[int, int], FaceTracker]]:
    kept: list[FaceTracker] = []

    def begin(width: int, height: int) -> FaceTracker:
        if not kept:
            kept.append(FaceTracker(width, height))
        kept[0].begin(width, height)
        return kept[0]

    yield begin
    for each in kept:
        each.close()


def fed(path: Path, tracker: Callable[[int, int], FaceTracker]) -> Shown:
    info = probe(path)
    with Feed(info, ScanOptions(), tracker) as feed:
        return Shown(info, tuple(feed))


@pytest.fixture(scope="module")
def talker(
    tmp_path_factory: pytest.TempPathFactory, tracker: Callable[[int, int], FaceTracker]
) -> Shown:
    """A person who talks, for six seconds."""
    speech = np.concatenate([chunk.samples for chunk in read_audio(LINE, SOUND_RATE)])
    path = tmp_path_factory.mktemp("contract") / "talker.mp4"
    frames = person_frames()
    film = write_film(path, [*frames, *frames[::-1]], sound=np.resize(speech, 6 * SOUND_RATE))
    return fed(film, tracker)


@pytest.fixture(scope="module")
def nobody(
    tmp_path_factory: pytest.TempPathFactory, tracker: Callable[[int, int], FaceTracker]
) -> Shown:
    """A film without a face, that hums."""
    path = tmp_path_factory.mktemp("contract") / "nobody.mp4"
    frames = [np.ascontiguousarray(frame[:48, :72]) for frame in person_frames()]
    return fed(write_film(path, frames, sound=0.001 * tone(3.0)), tracker)


def judged(name: str, shown: Shown, items: Sequence[Item] | None = None) -> Evidence:
    one = detector(name)
    one.start(shown.info)
    for item in shown.items if items is None else items:
        if isinstance(item, Burst):
            # Looks remember what was cut from them, which no detector may rely on.
            looks = [Look(look.frame, look.index, look.time, look.faces) for look in item.looks]
            one.update_faces(Burst(item.number, looks, item.stands_for))
        else:
            one.update_audio(item)
    return one.finish()


def same(one: Evidence, other: Evidence) -> None:
    assert one.score == other.score and one.abstained == other.abstained
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.tracks, other.tracks)
    assert one.where == other.where and one.figures == other.figures and one.seen == other.seen


@pytest.mark.parametrize("name", DETECTORS)
def test_evidence_is_well_formed(name: str, talker: Shown) -> None:
    found = judged(name, talker)
    assert found.detector == name == detector(name).name
    assert found.subject == detector(name).subject
    assert found.score is None or np.isfinite(found.score)
    assert np.isfinite(found.scores).all() and np.isfinite(found.times).all()
    assert found.times.dtype == np.float64 and found.scores.dtype == np.float32
    assert len(found.tracks) in (0, len(found.times))
    for track in set(found.tracks.tolist()) or {None}:
        mine = found.times if track is None else found.times[found.tracks == track]
        assert np.all(np.diff(mine) >= 0)
    ends = max(
        float(i.end) if isinstance(i, AudioChunk) else i.looks[-1].time for i in talker.items
    )
    assert np.all(found.times >= -0.1) and np.all(found.times <= ends + 0.1)
    assert all(each.start < each.stop and np.isfinite(each.score) for each in found.where)
    assert all(np.isfinite(value) for value in found.figures.values())
    assert all(len(digest) == 64 for digest in found.weights.values())
    assert len(found.frames) <= HANDFUL and len(found.sounds) <= HANDFUL
    for frame in found.frames:
        assert frame.picture.dtype == np.uint8 and frame.picture.shape[2] == 3
        assert frame.heat is None or (frame.heat.min() >= 0 and frame.heat.max() <= 1)
    for sound in found.sounds:
        assert sound.spectrogram.ndim == 2 and np.isfinite(sound.spectrogram).all()
        assert sound.heat is None or (sound.heat.min() >= 0 and sound.heat.max() <= 1)
    assert pickle.loads(pickle.dumps(found)).score == found.score  # it comes from a worker


@pytest.mark.parametrize("name", [n for n in DETECTORS if n != "credentials"])
def test_a_talking_person_is_something_to_go_by(name: str, talker: Shown) -> None:
    found = judged(name, talker)
    assert found.abstained is None and found.seen > 0


@pytest.mark.parametrize("name", DETECTORS)
def test_the_last_file_is_forgotten(name: str, talker: Shown, nobody: Shown) -> None:
    first = judged(name, talker)
    empty = judged(name, nobody)
    same(judged(name, talker), first)
    same(judged(name, nobody), empty)


@pytest.mark.parametrize("name", [n for n in DETECTORS if n != "credentials"])
def test_without_a_face_or_a_voice_it_abstains(name: str, nobody: Shown, talker: Shown) -> None:
    assert not any(look.faces for item in nobody.items if isinstance(item, Burst)
                   for look in item.looks)  # fmt: skip
    found = judged(name, nobody)
    assert found.score is None and found.abstained, "there was nothing to go by"
    assert not found.abstained.startswith("it failed")
    nothing = judged(name, talker, items=())
    assert nothing.score is None and nothing.abstained


@pytest.mark.parametrize("name", DETECTORS)
def test_a_still_picture_is_no_error(name: str, talker: Shown) -> None:
    burst = next(item for item in talker.items if isinstance(item, Burst))
    found = judged(name, talker, [Burst(0, burst.looks[:1], 0.0)])
    assert found.score is None or np.isfinite(found.score)


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_kept_of_a_long_file_is_little(name: str, talker: Shown) -> None:
    one = detector(name)

    def later(number: int) -> Iterator[Item]:
        for item in talker.items:
            if isinstance(item, AudioChunk):
                yield AudioChunk(item.time + 6 * number, item.rate, item.samples)
                continue
            looks = [
                Look(look.frame, look.index + 150 * number, look.time + 6 * number, look.faces)
                for look in item.looks
            ]
            yield Burst(item.number + 6 * number, looks, item.stands_for)

    def show(numbers: range) -> None:
        for number in numbers:
            for item in later(number):
                if isinstance(item, Burst):
                    one.update_faces(item)
                else:
                    one.update_audio(item)

    tracemalloc.start()
    try:
        one.start(talker.info)
        show(range(3))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        show(range(3, 6))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = one.finish()
    assert after - before < 18 * 10_000, "more than 10 kB for each second of the file"
    assert len(found.frames) <= HANDFUL and len(found.sounds) <= HANDFUL


def test_the_demo_person_is_one_that_a_face_can_be_followed_in(talker: Shown) -> None:
    assert PERSON.exists() and sum(isinstance(item, Burst) for item in talker.items) == 6
    assert all(len(look.faces) == 1 for item in talker.items if isinstance(item, Burst)
               for look in item.looks)  # fmt: skip
