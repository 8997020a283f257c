"""Dub: new speech for a filmed face. The output is the input but for the mouths and the sound.

What happens to a frame: pass one reads it, finds its faces, keeps their landmarks and, now and
then, a picture of the mouth. The new speech becomes mouth motion. Pass two decodes the frame
again, moves the mouth's pixels to where the speech wants them, and encodes it. Segments of about
ten seconds are joined without encoding again, with the speech, in another voice if one is wanted;
the other streams are copied, the file is signed, read back, and only then gets its name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import avsynth
from avsynth.cluster.connection import Cluster
from avsynth.errors import InputError, NothingToDoError
from avsynth.media import EncoderSettings, join, sha256_file
from avsynth.media.encoding import tags_of
from avsynth.pipelines.acting import DUBBED
from avsynth.pipelines.analyse import Analysis, analyse
from avsynth.pipelines.casting import Part, cast_faces
from avsynth.pipelines.dub_report import face_report, notes_of
from avsynth.pipelines.dub_voice import (
    DubVoice,
    convert_speech,
    find_voice,
    refuse_many,
    voice_files,
)
from avsynth.pipelines.dub_work import DubWork
from avsynth.pipelines.hearing import Hearing
from avsynth.pipelines.inputs import Cast, Inputs, check_inputs
from avsynth.pipelines.job import Job
from avsynth.pipelines.networks import device, frames_at_once, networks
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.outputs import publish, weights_report
from avsynth.pipelines.preview import preview as write_preview
from avsynth.pipelines.progress import Callback, Progress
from avsynth.pipelines.segment import Plan, render_segment
from avsynth.pipelines.segments import encoder_for, one_by_one, render_missing, segment_file
from avsynth.pipelines.segments_on_cluster import on_cluster
from avsynth.pipelines.speech import Speech, soundtrack
from avsynth.pipelines.timeline import Timeline, fit, fit_note
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.certificates import Signer
from avsynth.reporting import FileHash, Report, peak_memory_mb
from avsynth.weights.dubbing import DubbingModels

_JOB_FORMAT = 2  # of the files in the job folder; others are started afresh


def dub(
    video: Path,
    cast: Cast,
    consent: Path,
    output: Path,
    options: DubOptions | None = None,
    *,
    preview: Path | None = None,
    signer: Signer | None = None,
    progress: Callback | None = None,
    cluster: Cluster | None = None,
) -> Report:
    """Give faces of ``video`` new speech; write ``output`` and ``OUTPUT.report.json``.

    Args:
        video: anything with a picture.
        cast: pairs of face (as ``DubOptions.face``) and audio file (anything with sound).
        consent: the consent record that covers the video.
        output: its suffix names the container.
        options: see ``DubOptions``.
        preview: where to write a contact sheet (PNG), source and result side by side; where
            that fails the report's notes say so.
        signer: certificate and key for the credentials; default this machine's own.
        progress: called with a ``Step`` as the work goes on.
        cluster: where segments are rendered; default this process.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name, and what was finished is kept for a second try.
    """
    options = options or DubOptions()
    steps = Progress(progress)
    steps.start("checks")
    inputs = check_inputs(video, cast, consent, output, preview, voice_files(options))
    refuse_many(cast, inputs.info, options)
    encoder = encoder_for(inputs.info.video, options, output)
    allowed = consents.authorise(consent, video, "face", options.purpose, language=options.language)
    credentials.refuse_tampered(video)
    steps.start("networks")
    models = networks(inputs, options, allowed)
    to_motion = models.speech
    voice = find_voice(video, options, consent, allowed.commercial)
    if voice is not None:
        inputs = replace(inputs, hashes=inputs.hashes | voice.target.files)
    settings = _settings(inputs, options, models, voice, allowed.record_sha256)
    loaded = [*models.loaded, *(() if voice is None else voice.models.loaded)]
    with Job(output, settings) as job:
        with Hearing((audio for _, audio in cast), to_motion, options.strength, job) as hearing:
            analysis = analyse(video, inputs.info, job, steps)
            speeches = hearing.speeches(steps)
        if voice is not None:
            speeches = {
                path: convert_speech(voice, speech, job, steps, cluster)
                for path, speech in speeches.items()
            }
        longest = max(speech.seconds for speech in speeches.values())
        timeline = fit(analysis.pts, analysis.end, analysis.time_base, longest, options.fit)
        parts = cast_faces(inputs, speeches, analysis, to_motion.space)
        research = models.research is not None or (voice is not None and voice.research)
        label = allowed.label is not None or research
        plan = _plan(inputs, analysis, timeline, parts, models, encoder, options, label)
        outcomes = _render(plan, job, options, steps, models, cluster)
        steps.start("sync")
        faces = [face_report(inputs, part, plan) for part in parts]
        steps.start("join and sign")
        joined, dropped = _join(job, plan, inputs, list(speeches.values()), options, output)
        signed = credentials.sign(
            joined,
            job.path(f"signed{output.suffix}"),
            actions=_actions(voice),
            title=output.name,
            parent=credentials.Source(video, inputs.hashes[video]),
            inputs=[
                credentials.Source(path, sha256)
                for path, sha256 in inputs.hashes.items()
                if path != video
            ],
            models=list(dict.fromkeys(credentials.Model(m.name, m.sha256) for m in loaded)),
            consent=allowed.consent,
            signer=signer,
        )
        credentials.verify_ours(signed, consent=allowed.consent)
        missing = inputs.missing(len(analysis.pts))
        notes = notes_of(inputs, plan, parts, dropped, options, allowed, models, voice)
        if preview is not None:
            notes += write_preview(plan, signed.path, preview)
        sha256 = sha256_file(signed.path)
        steps.finish()
        report = Report(
            verb="dub",
            avsynth_version=avsynth.__version__,
            output=FileHash(path=str(output), sha256=sha256),
            inputs=inputs.report,
            weights=weights_report(loaded),
            settings=options.model_dump(mode="json"),
            consent=allowed.as_dict(),
            frames=len(timeline),
            seconds=float(timeline.duration),
            fit=fit_note(timeline, longest, options.fit),
            outcomes=dict(outcomes),
            faces=faces,
            renderer=plan.actors[0][1].name,
            voice=None if voice is None else voice.report,
            damaged_frames=max(analysis.damaged, missing),
            missing_frames=missing,
            resumed=job.resumed,
            stage_seconds=steps.seconds,
            frames_per_second=len(timeline) / sum(steps.seconds.values()),
            peak_memory_mb=peak_memory_mb(),
            notes=notes,
        )
        publish(report, signed, output, job)
    return report


def _settings(
    inputs: Inputs, options: DubOptions, models: DubbingModels, voice: DubVoice | None, consent: str
) -> dict[str, Any]:
    """All that the result depends on; another of these is another job."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "video": inputs.hashes[inputs.video],
        "cast": [[face, inputs.hashes[audio]] for face, audio in inputs.cast],
        "options": options.model_dump(mode="json"),
        "weights": {model.kind: [model.sha256, model.engine] for model in models.loaded},
        "voice": None if voice is None else voice.fingerprint,
        "consent": consent,
    }


def _actions(voice: DubVoice | None) -> list[credentials.Action]:
    dubbed = credentials.Action("c2pa.dubbed", "mouths moved to follow new speech")
    return [dubbed] if voice is None else [voice.action, dubbed]


def _plan(
    inputs: Inputs,
    analysis: Analysis,
    timeline: Timeline,
    parts: list[Part],
    models: DubbingModels,
    encoder: EncoderSettings,
    options: DubOptions,
    label: bool,
) -> Plan:
    video = inputs.info.video
    assert video is not None
    actors = [(actor, models.renderer(actor.mean)) for actor, _ in parts]
    group = frames_at_once(models, video, device(options))
    return Plan(
        inputs.video, video, analysis, timeline, actors, models.speech.space, encoder, label, group
    )


def _render(
    plan: Plan, job: Job, options: DubOptions, steps: Progress, models: DubbingModels,
    cluster: Cluster | None,
) -> Counter[str]:  # fmt: skip
    """Render the segments that are not there yet."""
    steps.start("mouths", len(plan.timeline))
    segments = plan.timeline.segments(options.segment_seconds)
    render = one_by_one(partial(render_segment, plan))
    if cluster is not None:
        render = on_cluster(cluster, DubWork.of(plan, job.folder, models))
    outcomes = render_missing(segments, job, steps, render)
    if not outcomes[DUBBED]:
        why = ", ".join(f"{reason}: {count}" for reason, count in outcomes.items())
        raise NothingToDoError(f"no frame could be dubbed ({why})", plan.video)
    return outcomes


def _join(
    job: Job,
    plan: Plan,
    inputs: Inputs,
    speeches: list[Speech],
    options: DubOptions,
    output: Path,
) -> tuple[Path, tuple[str, ...]]:
    """The finished file but for its credentials, and the streams its container cannot hold."""
    timeline = plan.timeline
    start = Fraction(int(timeline.pts[0])) * timeline.time_base
    rate, chunks = soundtrack(speeches, start, timeline.duration)
    segments = timeline.segments(options.segment_seconds)
    path = job.path(f"joined{output.suffix}")
    done = join(
        path,
        [segment_file(job, segment) for segment in segments],
        inputs.video,
        replace(inputs.info, video=replace(plan.info, colour=tags_of(plan.encoder, plan.info))),
        chunks,
        rate,
        copy_streams=not timeline.extended,
    )
    if done.frames != len(timeline):
        raise InputError(f"{done.frames} frames were joined, not {len(timeline)}", inputs.video)
    return path, done.dropped
