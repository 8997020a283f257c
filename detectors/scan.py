"""One file in, one verdict out.

A file is checked from its headers, decoded once, and shown to every detector; what they found is
calibrated and weighed together. Nothing grows with the length of the file but a few numbers a
second. Whatever goes wrong with a detector or a stream costs what it would have said, no more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from avsynth.errors import InputError, ResourceError, UsageError, WeightsError
from avsynth.media import AudioChunk, MediaInfo, probe, sha256_file
from avsynth.media.opening import StrPath
from avsynth.pipelines.progress import Callback, Progress
from detectors import calibration, registry
from detectors.base import Detector, Evidence
from detectors.feed import Feed
from detectors.fusion import Fused, fuse
from detectors.limits import check
from detectors.options import ScanOptions
from detectors.properties import kind_of, properties, same_file, stated_length, versions
from detectors.sharing import narrow
from detectors.tally import Tally, shortcomings
from detectors.unreadable import unreadable
from detectors.verdict import Verdict
from detectors.watched import Watched

if TYPE_CHECKING:
    from avsynth.face.track import FaceTracker


def scan(
    path: StrPath, options: ScanOptions | None = None, progress: Callback | None = None
) -> Verdict:
    """Look at one file with all detectors, or those that ``options`` names.

    Raises:
        UsageError: an unknown detector.
        WeightsError: a network is missing.
    """
    with Scanner(options) as scanner:
        return scanner.scan(path, progress)


def scan_file(
    path: StrPath, options: ScanOptions | None = None, detectors: Sequence[Detector] | None = None
) -> Verdict:
    """The same with ``detectors`` that are already there."""
    with Scanner(options, detectors) as scanner:
        return scanner.scan(path)


class Scanner:
    """Detectors and face networks that are loaded once, for one file after the other.

    Loading begins at once, in the background: a file is being decoded meanwhile.
    """

    def __init__(
        self, options: ScanOptions | None = None, detectors: Sequence[Detector] | None = None,
        threads: int = 0,
    ) -> None:  # fmt: skip
        """``detectors`` that are already there, or those that ``options`` names.

        ``threads`` is over how many decoding is split; 0: as many as there are processors.
        """
        self.options = options or ScanOptions()
        self._settings = self.options.settings()
        self._threads = threads
        self._aside = ThreadPoolExecutor(2, thread_name_prefix="scan")
        self._tracker: FaceTracker | None = None
        self._detectors: Future[list[Detector]] = self._aside.submit(self._made, detectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the face networks; a second call does nothing."""
        self._aside.shutdown()
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def load(self) -> None:
        """Wait until the detectors are there; errors as of ``scan``."""
        self._detectors.result()

    def scan(self, path: StrPath, progress: Callback | None = None) -> Verdict:
        """One file's verdict; "unreadable" where it cannot be judged at all.

        Raises:
            UsageError, WeightsError: the detectors cannot be had, for this or any file.
        """
        verdict = self._scan(path, progress)
        if not self.options.sensitivity or verdict.answer == "unreadable":
            return verdict
        from detectors.sensitivity import sensitivity, worst_time

        try:
            found = sensitivity(Path(path), self._scan, around=worst_time(verdict))
        except (InputError, ResourceError) as error:
            notes = [*verdict.properties["notes"], f"its sensitivity is not known: {error.what}"]
            return replace(verdict, properties={**verdict.properties, "notes": notes})
        return replace(verdict, sensitivity=found)

    def _scan(self, path: StrPath, progress: Callback | None = None) -> Verdict:
        began = time.perf_counter()
        name = os.fspath(path)
        try:
            state = Path(path).stat()
            check(path, self.options.max_pixels)
            info = probe(path)
        except Exception as error:
            self.load()  # what stops every file is said at the first one
            return unreadable(name, error, self._settings)
        digest = self._aside.submit(sha256_file, path)
        try:
            seen = self._look(info, progress)
            return self._verdict(name, info, state, seen, digest, began)
        except (UsageError, WeightsError):
            raise
        except Exception as error:  # whatever one file sets off, the next is looked at
            return unreadable(name, error, self._settings, digest)

    def evidence(self, path: StrPath) -> list[Evidence]:
        """What the detectors say of a file before calibration: raw logits, for fitting one.

        Raises:
            InputError: nothing in the file can be read.
            UsageError, WeightsError: as ``scan``.
        """
        return self._look(probe(path), None).evidence

    def _look(self, info: MediaInfo, progress: Callback | None) -> _Seen:
        """Show the file to the detectors."""
        steps = Progress(progress)
        with Feed(info, self.options, self._track, self._threads) as feed, ExitStack() as stack:
            began = time.perf_counter()
            detectors = self._detectors.result()
            feed.tally.spent("loading detectors", began)
            stack.enter_context(narrow())  # by now torch is loaded, if it is needed at all
            watched = [Watched(each, info) for each in detectors]
            length = stated_length(info)
            steps.start("scanning", None if length is None else round(length), "s")
            reached = 0.0
            for item in feed:
                for each in watched:
                    each.show(item)
                now = float(item.end) if isinstance(item, AudioChunk) else item.looks[-1].time
                steps.advance(max(now - reached, 0.0))
                reached = max(now, reached)
            if not feed.tally.frames and not feed.tally.heard:
                raise feed.tally.errors[0] if feed.tally.errors else InputError("holds nothing")
            evidence = [each.finish() for each in watched]
        steps.finish()
        return _Seen(watched, evidence, feed.tally)

    def _verdict(
        self, name: str, info: MediaInfo, state: os.stat_result, seen: _Seen,
        digest: Future[str], began: float,
    ) -> Verdict:  # fmt: skip
        fused = fuse(seen.evidence, self.options.operating_point)
        tally = seen.tally
        kind = kind_of(info, tally.frames)
        notes = [*tally.notes, *shortcomings(tally, info, self.options)]
        sha256 = digest.result()
        if not same_file(Path(name), state):
            notes.append("the file changed while it was being looked at")
        seconds = tally.seconds | {each.name: each.seconds for each in seen.watched}
        return Verdict(
            path=name,
            answer=fused.answer,
            reason=fused.reason,
            score=fused.score,
            interval=fused.interval,
            parts=fused.parts,
            evidence=fused.evidence,
            sha256=sha256,
            size=state.st_size,
            kind=kind,
            duration=0.0 if kind == "picture" else max(tally.seen, tally.heard),
            properties=properties(info, state, notes),
            credentials=seen.credentials(),
            settings=self._settings | _steered(fused),
            versions=versions(),
            seconds=seconds | {"total": time.perf_counter() - began},
        )

    def _made(self, detectors: Sequence[Detector] | None) -> list[Detector]:
        if detectors is not None:
            return list(detectors)
        names = self.options.detectors or tuple(registry.DETECTORS)
        return registry.make(names)

    def _track(self, width: int, height: int) -> FaceTracker:
        from avsynth.face.track import FaceTracker

        if self._tracker is None:
            self._tracker = FaceTracker(width, height, self.options.max_faces)
        else:
            self._tracker.begin(width, height)
        return self._tracker


class _Seen:
    """What the detectors made of a file."""

    def __init__(self, watched: list[Watched], evidence: list[Evidence], tally: Tally) -> None:
        self.watched, self.evidence, self.tally = watched, evidence, tally

    def credentials(self) -> dict[str, Any] | None:
        """What Content Credentials say, where a detector has read them."""
        from avsynth.provenance.report import CredentialReport

        reports = [getattr(each.detector, "report", None) for each in self.watched]
        found = next((each for each in reports if isinstance(each, CredentialReport)), None)
        return None if found is None else found.as_dict()


def _steered(fused: Fused) -> dict[str, Any]:
    """What the verdict rests on beyond the options, for a report: see ``detectors.report``."""
    parts = calibration.load().parts.values()
    weights = {
        name: w for part in parts for name, w in zip(part.members, part.weights, strict=True)
    }
    return {
        "thresholds": fused.thresholds,
        "fusion_weights": weights,
        "examined": datetime.now(UTC).isoformat(timespec="seconds"),
    }
