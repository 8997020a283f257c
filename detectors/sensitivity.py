"""How a file's score moves under what files suffer in everyday use.

An excerpt around the worst stretch is disturbed in a few ways, one at a time and moderately, and
scanned again. A score that falls apart under the first of them rests on faint traces.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from avsynth.errors import InputError, UsageError
from avsynth.media import MediaInfo, probe, read_frames
from detectors.corrupt_file import corrupt_file
from detectors.corruptions import Corruption, corrupt_film
from detectors.properties import kind_of, stated_length
from detectors.verdict import Verdict

#: The first entry of every result: the excerpt, decoded and stored without loss.
UNTOUCHED: Final = "the excerpt as it is"

PICTURE: Final = (
    Corruption("h264", 4), Corruption("resize", 2), Corruption("blur", 3), Corruption("noise", 3),
    Corruption("crop", 3),
)  # fmt: skip
SOUND: Final = (Corruption("mp3", 3), Corruption("hiss", 3), Corruption("bandwidth", 3))
STILL: Final = (Corruption("jpeg", 3), *PICTURE[1:])


def sensitivity(
    path: str | Path,
    scan: Callable[[Path], Verdict],
    *,
    around: float | None = None,
    seconds: float = 10.0,
) -> dict[str, float]:
    """Scores of an excerpt of ``path``, first untouched, then after each disturbance.

    Keys are the disturbances in words with their settings, such as "H.264 CRF 35"; the first is
    ``UNTOUCHED``. A disturbance after which no detector has anything to go by is left out; without
    a score for the untouched excerpt the result is empty. Files are kept in a temporary folder, one
    at a time. Sound is disturbed in films and sounds, pictures in films and pictures.

    Args:
        path: a film, a sound or a picture.
        scan: judges a file.
        around: middle of the excerpt, seconds; None: the middle of the file.
        seconds: longest excerpt.

    Raises:
        InputError: the file cannot be read.
        ResourceError: there is no room for the excerpt.
    """
    info = probe(path)
    # Formats of pictures; one that turns out to move is a film like any other.
    still = kind_of(info, 1) == "picture" and stated_length(info) is None
    limits = (None, None) if still else excerpt(info, around, seconds)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="avsynth-") as folder:
        for corruption in (None, *_rungs(info, still)):
            disturbed = Path(folder) / _name(info, still)
            try:
                if still:
                    _corrupt_picture(path, corruption, disturbed)
                else:
                    corrupt_file(path, corruption, disturbed, *limits)
                score = scan(disturbed).score
            except (InputError, UsageError):
                score = None  # what cannot be disturbed so has no entry
            finally:
                disturbed.unlink(missing_ok=True)
            if score is not None and math.isfinite(score):
                found[UNTOUCHED if corruption is None else corruption.words] = score
            elif corruption is None:
                return {}
    return found


def worst_time(verdict: Verdict) -> float | None:
    """When the detector that says "synthetic" most clearly says it most clearly, seconds.

    None where no detector gave scores over time.
    """
    scored = [e for e in verdict.evidence if e.score is not None and np.isfinite(e.scores).any()]
    if not scored:
        return None
    loudest = max(scored, key=lambda evidence: evidence.score or 0.0)
    if loudest.where:
        worst = max(loudest.where, key=lambda stretch: stretch.score)
        return (worst.start + worst.stop) / 2
    return float(loudest.times[int(np.nan_to_num(loudest.scores, nan=-np.inf).argmax())])


def excerpt(
    info: MediaInfo, around: float | None, seconds: float
) -> tuple[Fraction | None, Fraction | None]:
    """Begin and end of an excerpt of at most ``seconds``, moved to lie within the file.

    (None, None) for the whole of a file that is no longer; a file that does not say how long it is
    is taken to reach as far as is asked for.
    """
    length = stated_length(info)
    if length is not None and length <= seconds:
        return None, None
    middle = around if around is not None else (length or seconds) / 2
    last = math.inf if length is None else length - seconds
    start = Fraction(max(min(middle - seconds / 2, last), 0.0)).limit_denominator(1000)
    return start, start + Fraction(seconds).limit_denominator(1000)


def _rungs(info: MediaInfo, still: bool) -> Iterator[Corruption]:
    if still:
        yield from STILL
        return
    if info.video is not None:
        yield from PICTURE
    if info.audio:
        yield from SOUND


def _name(info: MediaInfo, still: bool) -> str:
    """A plain name whatever the file's own is."""
    if still:
        return "excerpt.png"
    return "excerpt.wav" if info.video is None else "excerpt.mkv"


def _corrupt_picture(path: str | Path, corruption: Corruption | None, out: Path) -> None:
    import cv2

    frame = next(iter(read_frames(path)), None)
    if frame is None:
        raise InputError("holds no picture", path)
    film = frame.rgb()[None]
    if corruption is not None:
        film = corrupt_film(film, corruption)
    # Not imwrite: on Windows it loses names that are not of the system's code page.
    fine, data = cv2.imencode(out.suffix, np.ascontiguousarray(film[0, ..., ::-1]))
    if not fine:
        raise InputError("cannot be stored as a picture", path)
    out.write_bytes(data.tobytes())
