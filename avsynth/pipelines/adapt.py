"""Adapt: copies of the motion network and of the generator learn one person from own footage.

The footage is read as by ``dub``: shots, faces, landmarks. Its sound, as the network hears it, is
put on one clock with the mouth, and the motion network learns how this person says things; the
generator learns to make some pictures of the person from others. Each is kept only where it is
better on footage that it did not learn from. What is written holds weights and hashes, no media.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import avsynth
from avsynth.media import atomic_output
from avsynth.pipelines.adapt_bases import Bases, find_bases
from avsynth.pipelines.adapt_inputs import AdaptOptions, check_footage
from avsynth.pipelines.adapt_report import AdaptReport, gains, part_report
from avsynth.pipelines.adapt_scenes import LEAST_SPEECH, Scene, refuse_too_little, watch
from avsynth.pipelines.footage_pictures import films_of
from avsynth.pipelines.inputs import report_path
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Callback, Progress
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.consent import Authorisation
from avsynth.reporting import FileHash, peak_memory_mb
from avsynth.training.adapt_lipsync import AdaptedLipsync, adapt_lipsync
from avsynth.training.adapt_motion import AdaptedMotion, adapt_motion, total_steps
from avsynth.weights.subject import write_parts
from avsynth.weights.threads import one_thread

_JOB_FORMAT = 1


def adapt(
    videos: Sequence[Path],
    consent: Path,
    output: Path,
    options: AdaptOptions | None = None,
    *,
    progress: Callback | None = None,
) -> AdaptReport:
    """Learn the person in ``videos``; write ``output`` and ``OUTPUT.report.json``.

    Args:
        videos: films of one person who speaks in them.
        consent: the consent record that covers every one of them.
        output: a .safetensors file, for ``dub --weights``.
        options: see ``AdaptOptions``.
        progress: called with a ``Step`` as the work goes on.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name, and the faces that were found are kept for a second try.
    """
    options = options or AdaptOptions()
    began = time.monotonic()
    steps = Progress(progress)
    steps.start("checks")
    films = check_footage(videos, consent, output)
    allowed = {
        path: consents.authorise(consent, path, "face", options.purpose, language=options.language)
        for path in films
    }
    for path in films:
        credentials.refuse_tampered(path)
    steps.start("networks")
    record = next(iter(allowed.values()))  # one record allows them all
    bases = find_bases(
        options.weights, options.generator,
        "research" if record.allows_research_weights else "commercial", record.record_sha256,
    )  # fmt: skip
    settings = _settings(allowed)
    with Job(output, settings) as job:
        scenes = watch(films, allowed, bases, options.face, job, steps)
        refuse_too_little(scenes)
        clock = _Clock(began, options.minutes)
        with one_thread():  # small networks, and equal seeds are to give equal weights
            motion = _learn_motion(scenes, bases, options, clock, steps)
            lipsync = _learn_lipsync(scenes, bases, options, clock, steps)
        steps.start("write")
        metadata = _metadata(output.stem, allowed, options, bases, motion, lipsync)
        with atomic_output(output) as path:
            sha256 = _write(path, bases, motion, lipsync, metadata)
            steps.finish()
            learnt = part_report(bases.motion.name, bases.motion.file.sha256, motion)
            painted = None
            if bases.lipsync is not None:
                its = bases.lipsync
                painted = part_report(its.name, its.file.sha256, lipsync)
            report = AdaptReport(
                avsynth_version=avsynth.__version__,
                output=FileHash(path=str(output), sha256=sha256),
                purpose=metadata["purpose"],
                footage=[scene.report for scene in scenes],
                motion=learnt,
                lipsync=painted,
                settings=options.model_dump(mode="json"),
                consent=[each.as_dict() for each in allowed.values()],
                resumed=job.resumed,
                stage_seconds=steps.seconds,
                peak_memory_mb=peak_memory_mb(),
                notes=[*_notes(allowed, scenes, bases, clock), *gains(learnt, painted)],
            )
            report.write(job.path("report.json"))
        job.path("report.json").replace(report_path(output))
        job.remove()
    return report


class _Clock:
    """When training has to end: ``minutes`` after the start, but never at once."""

    def __init__(self, began: float, minutes: float) -> None:
        now = time.monotonic()
        self._end = max(began + 60.0 * minutes, now + 30.0 * minutes)
        self.cut_short = False

    def until(self, share: float) -> Callable[[], bool]:
        """A function that says whether ``share`` of what is left now is over."""
        now = time.monotonic()
        end = now + share * (self._end - now)

        def over() -> bool:
            late = time.monotonic() > end
            self.cut_short |= late
            return late

        return over


def _learn_motion(
    scenes: list[Scene], bases: Bases, options: AdaptOptions, clock: _Clock, steps: Progress
) -> AdaptedMotion | None:
    """None where no sound goes with its mouth for long enough."""
    clear = [scene for scene in scenes if scene.sync.clear]
    if sum(scene.speech for scene in clear) < LEAST_SPEECH:
        return None
    steps.start("motion", total_steps())
    takes = [take for scene in clear for take in scene.takes]
    return adapt_motion(
        bases.network, bases.space, takes, seed=options.seed, over=clock.until(0.5),
        advance=steps.advance,
    )  # fmt: skip


def _learn_lipsync(
    scenes: list[Scene], bases: Bases, options: AdaptOptions, clock: _Clock, steps: Progress
) -> AdaptedLipsync | None:
    """None where there is no generator, or too few pictures."""
    if bases.generator is None:
        return None
    steps.start("pictures", sum(len(scene.film.analysis.pts) for scene in scenes))
    config = bases.generator.config
    footage = [(scene.film, scene.faces) for scene in scenes]
    films = films_of(footage, config.size, options.seed, steps.advance)
    if films is None:
        return None
    steps.start("generator", options.steps)
    return adapt_lipsync(
        bases.generator, *films, bases.judge, steps=options.steps, seed=options.seed,
        over=clock.until(0.95), advance=steps.advance,
    )  # fmt: skip


def _write(
    path: Path, bases: Bases, motion: AdaptedMotion | None, lipsync: AdaptedLipsync | None,
    metadata: dict[str, Any],
) -> str:  # fmt: skip
    """Both networks, learnt or as they were; the file's hash."""
    moved = bases.network if motion is None else motion.network
    parts = {"motion": dataclasses.replace(bases.motion.file, network=moved)}
    if bases.lipsync is not None and bases.generator is not None:
        painted = bases.generator if lipsync is None else lipsync.network
        parts["lipsync"] = dataclasses.replace(bases.lipsync.file, network=painted)
    return write_parts(path, parts, metadata)


def _settings(allowed: dict[Path, Authorisation]) -> dict[str, Any]:
    """All that the found faces depend on, and what allows to keep them."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "verb": "adapt",
        "footage": [each.media_sha256 for each in allowed.values()],
        "consent": [each.record_sha256 for each in allowed.values()],
    }


def _metadata(
    name: str, allowed: dict[Path, Authorisation], options: AdaptOptions, bases: Bases,
    motion: AdaptedMotion | None, lipsync: AdaptedLipsync | None,
) -> dict[str, Any]:  # fmt: skip
    """What the weights say of themselves: hashes of what they were made of, and no more."""
    consent = next(iter(allowed.values()))
    # Footage of a data set taught them: what they make carries the label of its output.
    labelled = consent.label is not None
    named = {"motion": bases.motion, "lipsync": bases.lipsync}
    learnt = {"motion": motion, "lipsync": lipsync}
    return {
        "name": name,
        "purpose": "research" if labelled else bases.purpose,
        "licence": "as the consent record allows",
        "consent": {
            "record_id": consent.record_id,
            "record_sha256": consent.record_sha256,
            "kind": consent.kind,
            "purposes": list(consent.purposes),
        },
        "bases": {
            kind: {"name": base.name, "sha256": base.file.sha256}
            for kind, base in named.items()
            if base is not None
        },
        "footage": [each.media_sha256 for each in allowed.values()],
        "steps": {kind: its.steps for kind, its in learnt.items() if its is not None},
        "share": {kind: its.share for kind, its in learnt.items() if its is not None},
        "seed": options.seed,
    }


def _notes(
    allowed: dict[Path, Authorisation], scenes: list[Scene], bases: Bases, clock: _Clock
) -> list[str]:
    notes = [each.reasons[0] for each in allowed.values() if each.identity == "not checked"]
    for scene in scenes:
        if not scene.sync.clear:
            notes.append(
                f"{scene.film.path.name}: the mouth does not go with the sound (dubbed, or another "
                "speaks): only the pictures were learnt from"
            )
    if bases.lipsync is None:
        notes.append("no generator to begin with: the motion alone was learnt")
    if clock.cut_short:
        notes.append("the time was over before the training was: --minutes gives more")
    return list(dict.fromkeys(notes))
