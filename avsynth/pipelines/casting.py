"""Who says what: faces of the film and the speech that each is given."""

from __future__ import annotations

from pathlib import Path

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.choice import SPEAKING, select
from avsynth.face.mouth_space import MouthSpace
from avsynth.face.speaking import SoundLevel, score_tracks
from avsynth.face.store import TrackInfo
from avsynth.media import read_audio
from avsynth.pipelines.acting import Actor, meet
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.inputs import Inputs
from avsynth.pipelines.speech import Speech

Part = tuple[Actor, Speech]


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
    parts: list[Part] = []
    taken: set[int] = set()
    for face, audio in inputs.cast:
        already = len(parts)
        for track in _chosen(face, inputs, analysis):
            if track.id not in taken:
                taken.add(track.id)
                actor = meet(track, speeches[audio].curve, analysis.tracks, space)
                parts.append((actor, speeches[audio]))
        if len(parts) == already:
            raise UsageError(f"face {face!r} of the cast has another part already", audio)
    return parts


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
