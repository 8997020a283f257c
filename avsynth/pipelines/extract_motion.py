"""Motion extract: how a face moved in a film, as a file that holds neither face nor picture.

The file belongs to the consent record it was made under: another cannot be used with it, and when
that one is revoked or has run out, so has the motion.
"""

from __future__ import annotations

import time
from pathlib import Path

import avsynth
from avsynth.errors import InputError, UsageError
from avsynth.media import probe
from avsynth.pipelines.driver import Driver, watch
from avsynth.pipelines.inputs import check_outputs, report_path
from avsynth.pipelines.job import Job
from avsynth.pipelines.motion_report import MotionReport, figures
from avsynth.pipelines.progress import Callback, Progress
from avsynth.pipelines.reenact_inputs import authorise_driver
from avsynth.provenance import credentials
from avsynth.provenance.consent import Authorisation
from avsynth.reporting import FileHash, peak_memory_mb
from avsynth.weights.head_motions import SUFFIX, is_motion_file, read_motion

_JOB_FORMAT = 1


def extract_motion(
    driver: Path,
    consent: Path,
    output: Path,
    *,
    face: str = "largest",
    purpose: str | None = None,
    language: str | None = None,
    progress: Callback | None = None,
) -> MotionReport:
    """Store the motion of a face in ``driver``; write ``output`` and ``OUTPUT.report.json``.

    Args:
        driver: anything with a picture.
        consent: the record, of scope face, that covers it.
        output: a .safetensors file.
        face: "largest", "speaking", a number, or a box "x,y,w,h".
        purpose: what the work is for; default all purposes of the record.
        language: that is spoken, where a subject's record limits languages.
        progress: called with a ``Step`` as the work goes on.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name.
    """
    began = time.monotonic()
    steps = Progress(progress)
    steps.start("checks")
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"the output is a motion file: let its name end in {SUFFIX}", output)
    check_outputs([output, report_path(output)], [driver, consent])
    if is_motion_file(driver):
        raise UsageError("is a stored motion already", driver, "extract it from a film")
    info = probe(driver)
    if info.video is None:
        raise InputError("holds no picture", driver)
    allowed = authorise_driver(driver, None, consent, purpose, language)
    credentials.refuse_tampered(driver)
    settings = {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "verb": "motion extract",
        "driver": allowed.media_sha256,
        "face": face,
        "consent": allowed.record_sha256,
        "purpose": purpose,
    }
    with Job(output, settings) as job:
        found = watch(driver, info, face, job, steps, _metadata(output.stem, allowed))
        steps.finish()
        stored = job.path("motion.safetensors")
        read_motion(stored)  # as whoever uses it will
        report = _report(found, output, allowed, steps, time.monotonic() - began)
        report.write(job.path("report.json"))
        stored.replace(output)
        job.path("report.json").replace(report_path(output))
        job.remove()
    return report


def _metadata(name: str, allowed: Authorisation) -> dict[str, object]:
    """What the file says of itself: hashes, and no more."""
    return {
        "name": name,
        "purpose": "research" if allowed.label else "commercial",
        "licence": "as the consent record allows",
        "consent": {
            "record_id": allowed.record_id,
            "record_sha256": allowed.record_sha256,
            "kind": allowed.kind,
            "purposes": list(allowed.purposes),
        },
        "source_sha256": allowed.media_sha256,
    }


def _report(
    found: Driver, output: Path, allowed: Authorisation, steps: Progress, seconds: float
) -> MotionReport:
    unchecked = [allowed.reasons[0]] if allowed.identity == "not checked" else []
    return MotionReport(
        avsynth_version=avsynth.__version__,
        output=FileHash(path=str(output), sha256=found.stored.sha256),
        inputs=[FileHash(path=str(found.path), sha256=allowed.media_sha256)],
        consent=allowed.as_dict(),
        motion=figures(found.stored),
        damaged_frames=found.damaged,
        stage_seconds=steps.seconds,
        frames_per_second=len(found) / seconds,
        peak_memory_mb=peak_memory_mb(),
        notes=[*found.notes, *unchecked],
    )
