"""What a reenactment says of itself: figures, actions for the credentials, notes."""

from __future__ import annotations

from collections.abc import Sequence

from avsynth.face.head_motion import HELD
from avsynth.pipelines.reenact_inputs import Allowed
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.pipelines.reenact_segment import Plan
from avsynth.provenance import credentials
from avsynth.reporting import Followed, Likeness, Reenactment
from avsynth.weights.reenacting import ReenactModels


def reenactment(plan: Plan, followed: Followed, likeness: Likeness | None) -> Reenactment:
    """Figures for the report."""
    box = plan.source.portrait.box
    return Reenactment(
        driver="motion file" if plan.driver.info is None else "film",
        driver_frame=plan.retargeter.start,
        source_seconds=plan.source.seconds,
        region=(box.x0, box.y0, box.x1, box.y1),
        face_frames=int(plan.driver.stored.motion.seen.sum()),
        followed=followed,
        likeness=likeness,
    )


def actions(plan: Plan, allowed: Allowed) -> list[credentials.Action]:
    """What was done, for the credentials; the record for the driver's motion is named here."""
    record = allowed.driver.record_sha256
    under = (
        "under the same consent record"
        if record == allowed.source.record_sha256
        else f"under the {allowed.driver.kind} consent record {record}"
    )
    what = "a single picture" if plan.source.seconds is None else "a single frame of it"
    return [
        credentials.Action(
            "c2pa.edited",
            f"{what} was made to move: the face follows another person's recorded motion, {under}",
            parameters={"driver_consent": record},
        )
    ]


def notes_of(
    plan: Plan, allowed: Allowed, models: ReenactModels, options: ReenactOptions,
    likeness: Likeness | None, dropped: Sequence[str],
) -> list[str]:  # fmt: skip
    """All that is to be known of the output beside figures; ``dropped`` streams are not in it."""
    motion = plan.driver.stored.motion
    notes = [*plan.source.notes, *plan.driver.notes]
    notes += [f"not copied, the container cannot hold it: {stream}" for stream in dropped]
    if plan.label:
        notes.append("the visible research label was burnt in")
    if len(plan.driver) == 1 and not options.absolute:
        notes.append("the driver is a single picture: only --absolute shows what it looks like")
    held = sum(outcome == HELD for outcome in motion.outcomes())
    if held:
        notes.append(
            f"in {held} frames the driver's face is not seen, or from the side: the last motion is "
            "held"
        )
    cuts = int(motion.cut.sum()) - 1
    if cuts:
        what = "a cut: the motion jumps with it" if cuts == 1 else f"{cuts} cuts: the motion jumps"
        notes.append(f"the driver has {what}")
    if options.quality == "best" and not models.loaded:
        notes.append("no reenactment network may be used here: quality is that of --quality fast")
    if likeness is None:
        notes.append("whether the result looks like the source was not measured: no embedder "
                     "of faces is installed, or it found no face")  # fmt: skip
    elif likeness.mean_distance > likeness.same_person_below:
        notes.append(
            f"the result is not like the source any more: {likeness.embedder} distance "
            f"{likeness.mean_distance:.2f}, limit {likeness.same_person_below:.2f}"
        )
    return notes + allowed.unchecked
