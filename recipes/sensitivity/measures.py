"""Figures of finished films and sounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soxr
from clips import RATE
from disturb import Samples
from numpy.typing import NDArray

from avsynth.face.mouth_space import PersonStyle, align, canonical_opening, opening
from avsynth.face.track import FaceTracker
from avsynth.media import probe, read_frames
from avsynth.metrics.identity import embedding_distance
from avsynth.metrics.intonation import log_f0_correlation
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.pipelines.speech import listen
from avsynth.provenance.dlib_face import DlibFace
from avsynth.speech.pitch_track import pitch_track

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]


def landmarks(film: Path) -> Floats:
    """Landmarks of the largest face of every frame, (T, 478, 3) pixels, NaN where none is found."""
    video = probe(film).video
    assert video is not None
    nobody = np.full((478, 3), np.nan)
    with FaceTracker(video.width, video.height) as tracker, read_frames(film) as frames:
        found = [tracker.update(number, frame.rgb()) for number, frame in enumerate(frames)]
    largest = [max(faces, key=lambda face: face.box.area, default=None) for faces in found]
    return np.stack([nobody if face is None else face.points for face in largest])


def asked_opening(film: Path, speech: Path, to_motion: SpeechToMotion) -> Floats:
    """The opening of the mouth, at 25 frames a second, that ``speech`` asks of a film's person.

    As ``dub`` does it: motion of the speech in units of the person, whose closed mouth and extent
    are read off the film; at strength 1.
    """
    seen = landmarks(film)
    seen = seen[np.isfinite(seen).all(axis=(1, 2))]
    canonical, _ = align(seen)
    space = to_motion.space
    style = PersonStyle.from_coefficients(
        space.encode(canonical), opening(seen), prior=space.deviation
    )
    heard = listen(speech, to_motion)
    times = np.arange(int(heard.seconds * 25)) / 25
    return canonical_opening(space.shape(style.from_units(heard.curve.at(times))))


def likeness(film: Path, source: Picture) -> float:
    """Distance (dlib) of the person in the middle of a film to the one in a picture (h, w, 3).

    1.0, that of strangers, where no face is found.
    """
    pictures = [frame.rgb() for frame in read_frames(film)]
    made, own = (_embedder().embed_picture(p) for p in (pictures[len(pictures) // 2], source))
    return 1.0 if made is None or own is None else embedding_distance(made[None], own[None])


@cache
def _embedder() -> DlibFace:
    return DlibFace()


def melody(source: Samples, made: Samples) -> float:
    """Correlation of log pitch where both sounds, 16 kHz, are voiced; 0 where hardly any is."""
    count = min(len(source), len(made))
    found = log_f0_correlation(pitch_track(source[:count]), pitch_track(made[:count]))
    return 0.0 if np.isnan(found) else found


def at_16k(samples: Samples) -> Samples:
    """Sound of the clips' rate as the measures hear it."""
    return np.asarray(soxr.resample(samples, RATE, 16_000), np.float32)
