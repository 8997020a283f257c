"""Who says what: faces of the film and the speech that each is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.choice import SPEAKING, select
from avsynth.face.mouth_space import MouthSpace
from avsynth.face.speaking import SoundLevel, score_tracks
from avsynth.face.store import TrackInfo
from avsynth.media import read_audio
from avsynth.pipelines.acting import Actor, meet
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.inputs import Inputs
from avsynth.pipelines.speech import Speech, minute_by_minute
from avsynth.speech.activity import voice_activity

Part = tuple[Actor, Speech]

_VOICE_RATE = 25  # values of voice activity a second


def cast_faces(
    inputs: Inputs,
    speeches: dict[Path, Speech],
    analysis: Analysis,
    space: MouthSpace,
) -> list[Part]:
    """Which face says what. A face that two parts name is given to the first.

    Raises:
        NothingToDoError: no face at all.
        UsageError: a face that does not exist, or that has another part already.
    """
    speaking = _speaking(inputs, analysis)
    parts: list[Part] = []
    taken: set[int] = set()
    for face, audio in inputs.cast:
        already = len(parts)
        for track in _chosen(face, inputs, analysis):
            if track.id not in taken:
                taken.add(track.id)
                curve = speeches[audio].curve
                actor = meet(track, curve, analysis.tracks, space, speaking)
                parts.append((actor, speeches[audio]))
        if len(parts) == already:
            raise UsageError(f"face {face!r} of the cast has another part already", audio)
    return parts


def _speaking(inputs: Inputs, analysis: Analysis) -> NDArray[np.bool_] | None:
    """In which frames of the film somebody speaks; None where it has no sound."""
    if not inputs.info.audio:
        return None
    voice = minute_by_minute(read_audio(inputs.video, 16000), voice_activity)
    times = analysis.pts * float(analysis.time_base)
    places = np.clip((times * _VOICE_RATE).astype(int), 0, max(len(voice) - 1, 0))
    return np.asarray(voice[places] > 0.5) if len(voice) else None


def _chosen(face: str, inputs: Inputs, analysis: Analysis) -> list[TrackInfo]:
    """The tracks that a choice of face means."""
    tracks, scores = analysis.tracks, None
    if not tracks.tracks:
        raise NothingToDoError("no face was found in any frame", inputs.video)
    if face == SPEAKING and inputs.info.audio:
        sound = SoundLevel.of(read_audio(inputs.video, 16000))
        scores = score_tracks(tracks, analysis.pts * float(analysis.time_base), sound)
    ids = select(tracks.tracks, face, scores)
    return [track for track in tracks.tracks if track.id in ids]
