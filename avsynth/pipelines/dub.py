"""Dub: new speech for a filmed face. The output is the input but for the mouths and the sound.

What happens to a frame: pass one reads it, finds its faces, keeps their landmarks and, now and
then, a picture of the mouth. The new speech becomes mouth motion. Pass two decodes the frame
again, moves the mouth's pixels to where the speech wants them, and encodes it. Segments of about
ten seconds are joined without encoding again, the other streams are copied, the file is signed,
read back, and only then gets its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import avsynth
from avsynth.errors import (
    ConsentError,
    InputError,
    NothingToDoError,
    ResourceError,
    UsageError,
    WeightsError,
)
from avsynth.face.choice import SPEAKING, select
from avsynth.face.render import ClassicalRenderer
from avsynth.face.speaking import SoundLevel, score_tracks
from avsynth.face.store import TrackInfo
from avsynth.media import (
    Box,
    EncoderSettings,
    MediaInfo,
    join,
    probe,
    read_audio,
    same_file,
    sha256_file,
)
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.pipelines.acting import DUBBED, Actor, meet
from avsynth.pipelines.analyse import Analysis, analyse
from avsynth.pipelines.job import Job
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.preview import contact_sheet
from avsynth.pipelines.progress import Callback, Progress
from avsynth.pipelines.segment import Plan, render_segment
from avsynth.pipelines.speech import Speech, listen, soundtrack
from avsynth.pipelines.sync import sync_after, sync_before
from avsynth.pipelines.timeline import Timeline, fit
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.certificates import Signer
from avsynth.reporting import FaceReport, FileHash, Report, Weights, peak_memory_mb
from avsynth.speech import whisper
from avsynth.weights import LoadedModel, list_weights, load

Cast = Sequence[tuple[str, Path]]
Part = tuple[Actor, Speech]

_CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
_JOB_FORMAT = 2  # of the files in the job folder; others are started afresh
_PREVIEWS = 12


@dataclass(frozen=True)
class Inputs:
    """What a job works on, checked and hashed."""

    video: Path
    info: MediaInfo
    cast: Cast
    hashes: dict[Path, str]

    @property
    def report(self) -> list[FileHash]:
        """For the report."""
        return [FileHash(path=str(path), sha256=value) for path, value in self.hashes.items()]


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
) -> Report:
    """Give faces of ``video`` new speech; write ``output`` and ``OUTPUT.report.json``.

    Args:
        video: anything with a picture.
        cast: pairs of face (as ``DubOptions.face``) and audio file (anything with sound).
        consent: the consent record that covers the video.
        output: its suffix names the container.
        options: see ``DubOptions``.
        preview: where to write a contact sheet (PNG), source and result side by side.
        signer: certificate and key for the credentials; default this machine's own.
        progress: called with a ``Step`` as the work goes on.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name, and what was finished is kept for a second try.
    """
    options = options or DubOptions()
    steps = Progress(progress)
    steps.start("checks")
    inputs = _inputs(video, cast, consent, output, preview)
    encoder = _encoder(inputs, options, output)
    allowed = consents.authorise(consent, video, "face", options.purpose, language=options.language)
    credentials.refuse_tampered(video)
    steps.start("networks")
    model = _motion_weights(options, allowed.allows_research_weights)
    to_motion = SpeechToMotion(model, _device(options))
    settings = _settings(inputs, options, model, allowed.record_sha256)
    with Job(output, settings) as job:
        analysis = analyse(video, inputs.info, job, steps)
        steps.start("speech")
        speeches = {audio: listen(audio, to_motion, options.strength) for _, audio in cast}
        longest = max(speech.seconds for speech in speeches.values())
        timeline = fit(analysis.pts, analysis.end, analysis.time_base, longest, options.fit)
        parts = _casting(inputs, speeches, analysis, to_motion)
        label = allowed.label is not None or model.purpose == "research"
        plan = _plan(inputs, analysis, timeline, parts, to_motion, encoder, label)
        outcomes = _render(plan, job, options, steps)
        steps.start("sync")
        faces = [_face_report(inputs, part, plan) for part in parts]
        steps.start("join and sign")
        joined, dropped = _join(job, plan, inputs, list(speeches.values()), options, output)
        signed = credentials.sign(
            joined,
            job.path(f"signed{output.suffix}"),
            actions=[credentials.Action("c2pa.dubbed", "mouths moved to follow new speech")],
            title=output.name,
            parent=credentials.Source(video, inputs.hashes[video]),
            inputs=[credentials.Source(audio, inputs.hashes[audio]) for audio in speeches],
            models=[credentials.Model(model.name, model.sha256)],
            consent=allowed.consent,
            signer=signer,
        )
        credentials.verify_ours(signed, consent=allowed.consent)
        if preview is not None:
            contact_sheet(video, signed.path, _moments(plan), preview)
        sha256 = sha256_file(signed.path)
        steps.finish()
        report = Report(
            verb="dub",
            avsynth_version=avsynth.__version__,
            output=FileHash(path=str(output), sha256=sha256),
            inputs=inputs.report,
            weights=[Weights(name=model.name, sha256=model.sha256, engine=model.engine)],
            settings=options.model_dump(mode="json"),
            consent=allowed.as_dict(),
            frames=len(timeline),
            seconds=float(timeline.duration),
            fit=_fit_note(timeline, longest, options),
            outcomes=dict(outcomes),
            faces=faces,
            damaged_frames=analysis.damaged,
            resumed=job.resumed,
            stage_seconds=steps.seconds,
            frames_per_second=len(timeline) / sum(steps.seconds.values()),
            peak_memory_mb=peak_memory_mb(),
            notes=_notes(parts, label, dropped),
        )
        # Both wait in the job folder, so that a full disk leaves neither without the other.
        report.write(job.path("report.json"))
        credentials.publish(signed, output)
        job.path("report.json").replace(_report_path(output))
        job.remove()
    return report


def _inputs(video: Path, cast: Cast, consent: Path, output: Path, preview: Path | None) -> Inputs:
    """Everything that can be refused without work."""
    if not cast:
        raise UsageError("no audio was given")
    if output.suffix.lower() not in _CONTAINERS:
        raise UsageError("the output's kind is not known", output, "use " + ", ".join(_CONTAINERS))
    files = [video, *dict.fromkeys(audio for _, audio in cast)]
    made = [output, _report_path(output), *([preview] if preview is not None else [])]
    for path in made:
        if any(same_file(path, file) for file in (*files, consent)):
            raise UsageError("the output would overwrite an input", path)
        try:
            if path.exists() and not path.is_file():
                raise ResourceError("cannot be written: is a directory or a device", path)
        except OSError as error:  # such as a name too long
            raise ResourceError(f"cannot be written: {error.strerror}", path) from error
        if not path.parent.is_dir():
            raise ResourceError("cannot be written: the folder does not exist", path)
    if preview is not None and preview.absolute() in {path.absolute() for path in made[:2]}:
        raise UsageError("the preview would overwrite the output", preview)
    info = probe(video)
    if info.video is None:
        raise InputError("holds no picture", video)
    for path in files[1:]:
        if not probe(path).audio:
            raise InputError("holds no sound", path)
    return Inputs(video, info, cast, {path: sha256_file(path) for path in files})


def _encoder(inputs: Inputs, options: DubOptions, output: Path) -> EncoderSettings:
    assert inputs.info.video is not None
    return EncoderSettings.for_source(
        inputs.info.video, options.codec, options.crf, options.preset, options.lossless,
        out=output,
    )  # fmt: skip


def _report_path(output: Path) -> Path:
    return output.with_name(output.name + ".report.json")


def _motion_weights(options: DubOptions, research: bool) -> LoadedModel:
    """The network asked for, else the best that the consent allows."""
    name = options.weights or _best_weights(research)
    model = load(name, engine=options.engine, device=_device(options))
    if model.purpose == "research" and not research:
        raise ConsentError(
            f"the consent is for commercial work, which excludes {model.name}",
            hint="use --weights motion-small",
        )
    return model


def _best_weights(research: bool) -> str:
    """The best motion network that the consent allows and whose front end is installed."""
    purposes = ("research", "commercial") if research else ("commercial",)
    for purpose in purposes:
        for entry in list_weights():
            usable = entry.needs != "whisper" or whisper.find_weights() is not None
            if entry.kind == "motion" and entry.purpose == purpose and usable:
                return entry.name
    raise WeightsError("no motion network can be used here", hint="avsynth doctor tells more")


def _device(options: DubOptions) -> str:
    """The device that "auto" means here."""
    import torch

    if options.device != "auto":
        return options.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _settings(
    inputs: Inputs, options: DubOptions, model: LoadedModel, consent: str
) -> dict[str, Any]:
    """All that the result depends on; another of these is another job."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "video": inputs.hashes[inputs.video],
        "cast": [[face, inputs.hashes[audio]] for face, audio in inputs.cast],
        "options": options.model_dump(mode="json"),
        "weights": model.sha256,
        "consent": consent,
    }


def _casting(
    inputs: Inputs,
    speeches: dict[Path, Speech],
    analysis: Analysis,
    to_motion: SpeechToMotion,
) -> list[Part]:
    """Which face says what. A face that two parts name is given to the first."""
    parts: list[Part] = []
    taken: set[int] = set()
    for face, audio in inputs.cast:
        already = len(parts)
        for track in _chosen(face, inputs, analysis):
            if track.id not in taken:
                taken.add(track.id)
                actor = meet(track, speeches[audio].curve, analysis.tracks, to_motion.space)
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


def _plan(
    inputs: Inputs,
    analysis: Analysis,
    timeline: Timeline,
    parts: list[Part],
    to_motion: SpeechToMotion,
    encoder: EncoderSettings,
    label: bool,
) -> Plan:
    assert inputs.info.video is not None
    actors = [(actor, ClassicalRenderer(actor.mean)) for actor, _ in parts]
    return Plan(
        inputs.video, inputs.info.video, analysis, timeline, actors, to_motion.space, encoder, label
    )


def _render(plan: Plan, job: Job, options: DubOptions, steps: Progress) -> Counter[str]:
    """Render the segments that are not there yet."""
    outcomes: Counter[str] = Counter()
    steps.start("mouths", len(plan.timeline))
    for segment in plan.timeline.segments(options.segment_seconds):
        name = f"segment-{segment.number:06d}"
        if not (job.done(f"{name}.json") and job.done(f"{name}.nut")):
            counted = render_segment(plan, segment, job.path(f"{name}.nut"), steps)
            job.write_json(f"{name}.json", counted)
        else:
            steps.advance(segment.stop - segment.first)
        outcomes += Counter(job.read_json(f"{name}.json"))
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
        [job.path(f"segment-{s.number:06d}.nut") for s in segments],
        inputs.video,
        inputs.info,
        chunks,
        rate,
        copy_streams=not timeline.extended,
    )
    if done.frames != len(timeline):
        raise InputError(f"{done.frames} frames were joined, not {len(timeline)}", inputs.video)
    return path, done.dropped


def _face_report(inputs: Inputs, part: Part, plan: Plan) -> FaceReport:
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


def _moments(plan: Plan) -> list[tuple[int, int, Box]]:
    """Evenly spread frames in which somebody was dubbed, with the face's surroundings."""
    found: list[tuple[int, int, Box]] = []
    for actor, _ in plan.actors:
        inside = np.flatnonzero(
            (plan.timeline.source >= actor.track.first) & (plan.timeline.source <= actor.track.last)
        )
        share = max(1, _PREVIEWS // len(plan.actors))
        for n in inside[np.linspace(0, len(inside) - 1, share).astype(int)]:
            seen = plan.analysis.tracks.read(
                int(plan.timeline.source[n]), int(plan.timeline.source[n]) + 1, actor.track.id
            )
            if len(seen):
                x0, y0, x1, y1 = seen.boxes[0]
                half = 0.6 * max(x1 - x0, y1 - y0)
                cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
                box = Box(int(cx - half), int(cy - half), int(cx + half), int(cy + half))
                at = int(plan.analysis.pts[plan.timeline.source[n]])
                found.append((at, int(plan.timeline.pts[n]), box))
    return found


def _fit_note(timeline: Timeline, speech: Fraction, options: DubOptions) -> str:
    picture = float(timeline.duration)
    return (
        f"{options.fit.value}: speech {float(speech):.3f} s, output {picture:.3f} s"
        + (", picture extended" if timeline.extended else "")
        + (", speech cut" if float(speech) > picture + 0.001 else "")
        + (", silence at the end" if float(speech) < picture - 0.001 else "")
    )


def _notes(parts: list[Part], label: bool, dropped: tuple[str, ...]) -> list[str]:
    notes = [f"not copied, the container cannot hold it: {stream}" for stream in dropped]
    if label:
        notes.append("the visible research label was burnt in")
    if all(not speech.curve.activity.any() for _, speech in parts):
        notes.append("no voice was found in the new sound: mouths stay closed")
    return notes
