"""Reenact: a picture of a person moves as somebody else, the driver, moved.

What happens: the driver is watched once, and his motion kept without his face (or it comes from a
motion file). One frame of the source is chosen and the face found in it. Its landmarks go where
the motion sends them, relative to the moment in which the two faces were most alike; the pixels
around the face follow, by a mesh and a network, and are put back into the source frame, of which
all else keeps every bit. Frames come at the driver's very times. Segments of about ten seconds are
joined, with the driver's sound if that is asked for; the file is measured again, signed, read
back, and only then gets its name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import avsynth
from avsynth.cluster.connection import Cluster
from avsynth.errors import InputError
from avsynth.face.head_motion import EASED, HELD, MEASURED
from avsynth.media import EncoderSettings, MediaInfo, join, sha256_file
from avsynth.media.encoding import tags_of
from avsynth.pipelines.driver import Driver, watch
from avsynth.pipelines.job import Job
from avsynth.pipelines.outputs import publish, weights_report
from avsynth.pipelines.progress import Callback, Progress
from avsynth.pipelines.reenact_inputs import Allowed, ReenactInputs, authorise, check_inputs
from avsynth.pipelines.reenact_measure import measure_output
from avsynth.pipelines.reenact_networks import networks
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.pipelines.reenact_preview import write_preview
from avsynth.pipelines.reenact_report import actions, notes_of, reenactment
from avsynth.pipelines.reenact_segment import Plan, make_plan, render_segment
from avsynth.pipelines.reenact_source import SourceFrame, film_source, still_source
from avsynth.pipelines.reenact_work import ReenactWork
from avsynth.pipelines.segments import encoder_for, one_by_one, render_missing, segment_file
from avsynth.pipelines.segments_on_cluster import on_cluster
from avsynth.provenance import credentials
from avsynth.provenance.certificates import Signer
from avsynth.reporting import FileHash, Report, peak_memory_mb
from avsynth.weights.reenacting import ReenactModels

_JOB_FORMAT = 2  # of the files in the job folder; others are started afresh
_WORDS = {MEASURED: "rendered", HELD: "held", EASED: "eased"}


def reenact(
    source: Path,
    driver: Path,
    consent: Path,
    output: Path,
    options: ReenactOptions | None = None,
    *,
    driver_consent: Path | None = None,
    preview: Path | None = None,
    signer: Signer | None = None,
    progress: Callback | None = None,
    cluster: Cluster | None = None,
) -> Report:
    """Move ``source`` as ``driver`` moved; write ``output`` and ``OUTPUT.report.json``.

    Args:
        source: a picture, or a film of which one frame is taken.
        driver: a film, or a stored motion (.safetensors).
        consent: the record that allows to make the source's face.
        output: its suffix names the container.
        options: see ``ReenactOptions``.
        driver_consent: the record for the driver's motion; default ``consent``. Of a stored
            motion it is the very one it was extracted under.
        preview: where to write a contact sheet (PNG); where that fails the report says so.
        signer: certificate and key for the credentials; default this machine's own.
        progress: called with a ``Step`` as the work goes on.
        cluster: where segments are rendered; default this process.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name, and what was finished is kept for a second try.
    """
    options = options or ReenactOptions()
    driver_consent = driver_consent or consent
    steps = Progress(progress)
    steps.start("checks")
    records = [consent, driver_consent]
    inputs = check_inputs(source, driver, records, output, preview, options)
    allowed = authorise(inputs, consent, driver_consent, options)
    still = still_source(inputs, options) if inputs.source_info is None else None
    encoder = _encoder(inputs, still, options, output)
    steps.start("networks")
    models = networks(inputs, options, allowed)
    with Job(output, _settings(inputs, options, models, allowed)) as job:
        moving = _driver(inputs, options, job, steps)
        steps.start("source")
        shown = still or film_source(inputs, options, moving.stored.motion, job)
        label = allowed.label or models.research is not None
        plan = make_plan(shown, moving, options, models, label, encoder)
        _render(plan, job, options, steps, models, cluster)
        steps.start("join and sign")
        joined, dropped = _join(job, plan, inputs, options, output)
        signed = credentials.sign(
            joined,
            job.path(f"signed{output.suffix}"),
            actions=actions(plan, allowed),
            title=output.name,
            parent=credentials.Source(source, inputs.hashes[source]),
            inputs=[credentials.Source(driver, inputs.hashes[driver])],
            models=[credentials.Model(m.name, m.sha256) for m in models.loaded],
            consent=allowed.source.consent,
            signer=signer,
        )
        credentials.verify_ours(signed, consent=allowed.source.consent)
        followed, likeness = measure_output(plan, signed.path, steps)
        notes = notes_of(plan, allowed, models, options, likeness, dropped)
        if preview is not None:
            notes += write_preview(plan, signed.path, preview)
        sha256 = sha256_file(signed.path)
        steps.finish()
        outcomes = Counter(_WORDS[each] for each in moving.stored.motion.outcomes())
        report = Report(
            verb="reenact",
            avsynth_version=avsynth.__version__,
            output=FileHash(path=str(output), sha256=sha256),
            inputs=inputs.report,
            weights=weights_report(models.loaded),
            settings=options.model_dump(mode="json"),
            consent=allowed.as_dict(),
            frames=len(moving),
            seconds=float(moving.seconds),
            fit="",
            outcomes=dict(outcomes),
            faces=[],
            renderer=plan.renderer.name,
            reenactment=reenactment(plan, followed, likeness),
            damaged_frames=moving.damaged,
            resumed=job.resumed,
            stage_seconds=steps.seconds,
            frames_per_second=len(moving) / sum(steps.seconds.values()),
            peak_memory_mb=peak_memory_mb(),
            notes=notes,
        )
        publish(report, signed, output, job)
    return report


def _settings(
    inputs: ReenactInputs, options: ReenactOptions, models: ReenactModels, allowed: Allowed
) -> dict[str, Any]:
    """All that the result depends on; another of these is another job."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "verb": "reenact",
        "inputs": list(inputs.hashes.values()),
        "options": options.model_dump(mode="json"),
        "weights": {model.kind: [model.sha256, model.engine] for model in models.loaded},
        "consent": [allowed.source.record_sha256, allowed.driver.record_sha256],
    }


def _encoder(
    inputs: ReenactInputs, still: SourceFrame | None, options: ReenactOptions, output: Path
) -> EncoderSettings:
    info = inputs.source_info
    like = still.like if still is not None else None if info is None else info.video
    return encoder_for(like, options, output)


def _driver(inputs: ReenactInputs, options: ReenactOptions, job: Job, steps: Progress) -> Driver:
    if inputs.motion is not None:
        return Driver(inputs.driver, inputs.motion, None)
    assert inputs.driver_info is not None
    return watch(inputs.driver, inputs.driver_info, options.driver_face, job, steps, {})


def _render(
    plan: Plan, job: Job, options: ReenactOptions, steps: Progress, models: ReenactModels,
    cluster: Cluster | None,
) -> None:  # fmt: skip
    """Render the segments that are not there yet."""
    steps.start("portrait", len(plan.timeline))
    segments = plan.timeline.segments(options.segment_seconds)
    render = one_by_one(partial(render_segment, plan))
    if cluster is not None:
        render = on_cluster(cluster, ReenactWork.of(plan, options, models))
    render_missing(segments, job, steps, render)


def _join(
    job: Job, plan: Plan, inputs: ReenactInputs, options: ReenactOptions, output: Path
) -> tuple[Path, tuple[str, ...]]:
    """The finished film but for its credentials, and the sound its container cannot hold."""
    segments = [
        segment_file(job, segment) for segment in plan.timeline.segments(options.segment_seconds)
    ]
    keeps = options.audio == "keep"
    # Without sound nothing of the driver's file is in the result: the segment stands in for it.
    video = replace(plan.info, index=0, colour=tags_of(plan.encoder, plan.info))
    origin = segments[0]
    info = MediaInfo(str(origin), "nut", None, video, (), 0, 0, {}, 0)
    if keeps:
        assert inputs.driver_info is not None and inputs.driver_info.video is not None
        origin, given = inputs.driver, inputs.driver_info
        video = replace(video, index=inputs.driver_info.video.index)
        info = replace(given, video=video, metadata={})
    path = job.path(f"joined{output.suffix}")
    done = join(
        path, segments, origin, info, replace_audio=None, copy_streams=keeps, sound_only=True
    )
    if done.frames != len(plan.timeline):
        raise InputError(f"{done.frames} frames were joined, not {len(plan.timeline)}", output)
    return path, done.dropped
