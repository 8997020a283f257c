"""A detector on one file: what the file cannot give it, and what it fails at, end in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from avsynth.errors import AvsynthError, WeightsError
from avsynth.media import AudioChunk, MediaInfo
from detectors.base import Detector, Evidence, abstention
from detectors.looks import Burst


class Watched:
    """A detector on one file: timed, and silent from its first error on."""

    def __init__(self, detector: Detector, info: MediaInfo) -> None:
        self.detector, self.name = detector, detector.name
        self.seconds = 0.0
        self._silent = _missing(detector, info)
        self._call(lambda: detector.start(info))

    def show(self, item: Burst | AudioChunk) -> None:
        """Let it see a burst, or hear a chunk of sound."""
        if isinstance(item, Burst):
            self._call(lambda: self.detector.update_faces(item))
        else:
            self._call(lambda: self.detector.update_audio(item))

    def finish(self) -> Evidence:
        """What it found, or why it cannot say."""
        found: list[Evidence] = []
        self._call(lambda: found.append(self.detector.finish()))
        if found:
            return found[0]
        return abstention(self.name, self.detector.subject, self._silent or "it said nothing")

    def _call(self, step: Callable[[], None]) -> None:
        if self._silent is not None:
            return
        began = time.perf_counter()
        try:
            step()
        except WeightsError:
            raise  # this and every other file would lack it
        except Exception as error:
            # One detector's failure is no reason to lose what the others see.
            said = error.what if isinstance(error, AvsynthError) else str(error)
            self._silent = f"it failed: {type(error).__name__}: {said}"
        self.seconds += time.perf_counter() - began


def _missing(detector: Detector, info: MediaInfo) -> str | None:
    """Why a file holds nothing that a detector could speak of; None where it does."""
    picture, sound = info.video is not None, bool(info.audio)
    if detector.subject == "sync" and not (picture and sound):
        return f"it needs picture and sound, and there is no {'sound' if picture else 'picture'}"
    if detector.subject == "face" and not picture:
        return "the file holds no picture"
    if detector.subject == "voice" and not sound:
        return "the file holds no sound"
    return None
