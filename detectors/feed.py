"""One file as detectors are fed: bursts of frames with faces, and sound, in the order of time.

Pictures are decoded once and sound once, each in a thread that runs a bounded stretch ahead; faces
are looked for in a third, so that the detectors' own work overlaps with all of it. Only frames that
are looked at are ever converted to RGB, and of those only a small picture and the faces.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from avsynth.errors import AvsynthError, InputError, ResourceError, WeightsError
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import AudioChunk, Frame, MediaInfo, VideoInfo, read_audio, read_frames
from avsynth.pipelines.stages import Ahead
from detectors.base import SOUND_RATE
from detectors.limits import HIGHEST_RATE
from detectors.looks import Burst, Look
from detectors.options import ScanOptions
from detectors.properties import stated_length
from detectors.sampling import LENGTH, Sampler
from detectors.tally import Tally

#: Gives a tracker for pictures of a width and height.
Trackers = Callable[[int, int], FaceTracker]

_IN_FLIGHT: Final = 200e6  # bytes of pictures decoded and not yet done with, about
_BURSTS: Final = 3  # that are alive at most, where pictures are small enough
_CHUNKS_AHEAD: Final = 16
_FASTEST: Final = 240  # frames a second, in the mean, beyond which a clock is not believed
_LONGEST_STEP: Final = 1.0  # seconds between frames that still follow each other
_NEAR_ZERO: Final = Fraction(1, 10)
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Taken:
    """A frame that is looked at, with the number of its burst and what that stands for."""

    burst: int
    stretch: float
    index: int
    frame: Frame


class Feed:
    """Iterates the bursts and the sound of a file in the order of time; once, in a ``with`` block.

    What cannot be decoded ends its own stream alone, and is told in ``tally``: what came before is
    kept. Times begin with the earliest stream.
    """

    def __init__(
        self, info: MediaInfo, options: ScanOptions, trackers: Trackers, threads: int = 0
    ) -> None:
        """``trackers`` is called in another thread, once; ``threads`` as for ``read_frames``."""
        self.tally = Tally()
        self._info, self._options, self._threads = info, options, threads
        self._origin = _origin(info)
        self._stopped = threading.Event()
        self._stages = ExitStack()
        sources: list[Iterator[Burst | AudioChunk]] = []
        if info.audio:
            heard = self._stages.enter_context(Ahead(self._sound(info), _CHUNKS_AHEAD))
            sources.append(self._until_error("sound", heard))
        if info.video is not None:
            size = info.video.width * info.video.height * (1.5 if info.video.bit_depth <= 8 else 3)
            self._room = threading.Semaphore(_fitting(_BURSTS, LENGTH * size))
            taken = Ahead(self._taken(), _fitting(LENGTH, 2 * size))
            faces = Ahead(self._bursts(info.video, taken, trackers), _BURSTS)
            self._stages.enter_context(taken)
            self._stages.enter_context(faces)
            sources.append(self._until_error("video", faces))
        self._merged = heapq.merge(*sources, key=_when)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._stages.close()

    def __iter__(self) -> Iterator[Burst | AudioChunk]:
        for item in self._merged:
            yield item
            if isinstance(item, Burst):
                self._room.release()

    def _until_error(
        self, what: str, source: Iterable[Burst | AudioChunk]
    ) -> Iterator[Burst | AudioChunk]:
        """The items up to an error of the file, which is noted."""
        try:
            yield from source
        except (MemoryError, ResourceError, WeightsError):
            raise
        except Exception as error:
            # Whatever a hostile file sets off: the other stream, and the next file, go on.
            known = isinstance(error, AvsynthError)
            said = error if known else InputError(f"{type(error).__name__}: {error}")
            assert isinstance(said, AvsynthError)
            self.tally.errors.append(said)
            self.tally.notes.append(f"the {what} ends early, or is missing: {said.what}")

    def _sound(self, info: MediaInfo) -> Iterator[AudioChunk]:
        """The first audio stream, on the file's time."""
        if info.audio[0].rate > HIGHEST_RATE:
            raise InputError(f"it claims {info.audio[0].rate} samples a second", info.path)
        if len(info.audio) > 1:
            self.tally.notes.append(f"only the first of {len(info.audio)} sounds was listened to")
        first: Fraction | None = None
        chunks = read_audio(info.path, SOUND_RATE)
        for chunk in self.tally.timed("decoding sound", chunks):
            first = chunk.time if first is None else first
            if chunk.time - first > self._options.max_duration:
                self._stop_at_limit("sound")
                return
            moved = AudioChunk(chunk.time - self._origin, chunk.rate, chunk.samples)
            self.tally.heard = float(moved.end)
            yield moved

    def _taken(self) -> Iterator[_Taken]:
        """The frames that are looked at, of all that are decoded."""
        tally, most = self.tally, self._options.max_duration
        sampler = Sampler(self._options.period, stated_length(self._info))
        first: Fraction | None = None
        with read_frames(self._info.path, threads=self._threads) as reader:
            for index, frame in enumerate(tally.timed("decoding video", reader)):
                first = frame.time if first is None else first
                since = float(frame.time - first)
                if since > most or index > most * _FASTEST:
                    self._stop_at_limit("video")
                    return
                if self._stopped.is_set():
                    return
                tally.frames, tally.damaged = index + 1, reader.damaged
                shown = frame.time + frame.duration * frame.time_base
                tally.seen = float(shown - self._origin)
                if sampler.take(since):
                    yield _Taken(sampler.burst, sampler.stretch, index, frame)

    def _bursts(
        self, video: VideoInfo, taken: Iterable[_Taken], trackers: Trackers
    ) -> Iterator[Burst]:
        """Frames with the faces in them, burst by burst."""
        began = time.perf_counter()
        tracker = trackers(video.width, video.height)
        self.tally.spent("loading face networks", began)
        side = wanted_side(video.width, video.height)
        run: _Run | None = None
        for each in taken:
            if run is None or each.burst != run.number:
                yield from self._finished(run)
                if not self._enter():
                    return
                run = _Run(each.burst, each.stretch)
            began = time.perf_counter()
            shot = tracker.shot
            faces = tracker.update(each.index, each.frame.small(side), each.frame.rgb)
            self.tally.spent("finding faces", began)
            self.tally.looks += 1
            self.tally.crowded |= len(faces) >= tracker.max_faces
            when = float(each.frame.time - self._origin)
            run.add(Look(each.frame, each.index, when, faces), cut=tracker.shot != shot)
        yield from self._finished(run)

    def _enter(self) -> bool:
        """Wait until there is room for another burst; False when nobody wants it any more."""
        while not self._stopped.is_set():
            if self._room.acquire(timeout=_POLL_S):
                return True
        return False

    def _finished(self, run: _Run | None) -> Iterator[Burst]:
        if run is None:
            return
        looks = run.longest()
        if looks:
            yield Burst(run.number, looks, run.stretch)
        else:
            self._room.release()

    def _stop_at_limit(self, what: str) -> None:
        most = self._options.max_duration
        self.tally.notes.append(f"only the first {most:g} s of {what} were looked at")


class _Run:
    """The frames of one burst, in pieces where a cut, a damaged frame or a gap is between them."""

    def __init__(self, number: int, stretch: float) -> None:
        self.number, self.stretch = number, stretch
        self._pieces: list[list[Look]] = [[]]

    def add(self, look: Look, cut: bool) -> None:
        """The next frame; ``cut``: it begins a shot."""
        before = self._pieces[-1]
        gap = bool(before) and look.time - before[-1].time > _LONGEST_STEP
        if cut or gap or look.frame.damaged:
            self._pieces.append([])
        if not look.frame.damaged:
            self._pieces[-1].append(look)

    def longest(self) -> list[Look]:
        """The longest piece, of equal ones the first."""
        return max(self._pieces, key=len)


def _fitting(wanted: int, size: float) -> int:
    """``wanted``, or as many things of ``size`` bytes as may be alive at a time; at least one."""
    return max(1, min(wanted, int(_IN_FLIGHT / max(size, 1))))


def _when(item: Burst | AudioChunk) -> float:
    """When an item is over: only then have its detectors all that belongs to it."""
    return item.looks[-1].time if isinstance(item, Burst) else float(item.end)


def _origin(info: MediaInfo) -> Fraction:
    """The earliest stream's start; a start near 0 (codecs' delay, an edit) counts as 0."""
    starts = [info.video.start] if info.video else []
    starts += [sound.start for sound in info.audio[:1]]
    earliest = min(starts)
    return Fraction(0) if abs(earliest) <= _NEAR_ZERO else earliest
