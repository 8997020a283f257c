"""What a dub says of itself: faces, and notes in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from avsynth.pipelines.casting import Part
from avsynth.pipelines.dub_voice import DubVoice
from avsynth.pipelines.inputs import Inputs
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.segment import Plan
from avsynth.pipelines.sync import sync_after, sync_before
from avsynth.provenance.consent import Authorisation
from avsynth.reporting import FaceReport
from avsynth.weights.dubbing import DubbingModels


def face_report(inputs: Inputs, part: Part, plan: Plan) -> FaceReport:
    """One face: where it is, what it says, how mouth and sound agree."""
    actor, speech = part
    return FaceReport(
        track=actor.track.id,
        shot=actor.track.shot,
        first_frame=actor.track.first,
        last_frame=actor.track.last,
        audio=str(speech.path),
        sync_before=sync_before(inputs.video, inputs.info, actor, plan.analysis),
        sync_after=sync_after(speech, actor, plan.space),
    )


def notes_of(
    inputs: Inputs, plan: Plan, parts: Sequence[Part], dropped: Sequence[str], options: DubOptions,
    allowed: Authorisation, models: DubbingModels, voice: DubVoice | None,
) -> list[str]:  # fmt: skip
    """All that is to be known of the output beside figures; ``dropped`` streams are not in it."""
    speeches = [speech for _, speech in parts]
    shown = len(plan.analysis.pts)
    missing = inputs.missing(shown)
    notes = [f"not copied, the container cannot hold it: {stream}" for stream in dropped]
    if plan.label:
        notes.append("the visible research label was burnt in")
    if not any(speech.curve.activity.any() for speech in speeches):
        notes.append("no voice was found in the new sound: mouths stay closed")
    if voice is not None:
        notes += voice.target.notes
        if all(speech.made is None for speech in speeches):
            notes.append("no voice was found in the new sound: it is heard as it was")
    if options.quality == "best" and models.lipsync is None:
        notes.append("no lip-sync network may be used here: quality is that of --quality fast")
    if allowed.identity == "not checked":
        notes.append(allowed.reasons[0])
    if missing:
        notes.append(
            f"{shown} of {shown + missing} frames could be decoded; the film is damaged or cut off"
        )
    if shown == 1 and plan.timeline.duration < max(speech.seconds for speech in speeches):
        notes.append("a single picture: --fit hold shows it for the length of the speech")
    return notes
