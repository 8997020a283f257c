"""Imagine: portraits of people who do not exist, each with the record that says so.

A picture is drawn, and drawn again until it shows one face with sane landmarks that is not the face
of anybody the network was trained on. It is signed as made by a model, read back, and gets a
consent record that lists it with its distance to the nearest training person.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import avsynth
from avsynth.errors import PartialError, UsageError, WeightsError
from avsynth.face.landmarks import open_detector
from avsynth.media import atomic_output
from avsynth.pipelines.imagine_files import REPORT, finished, people_folder, publish
from avsynth.pipelines.imagine_portrait import PictureEmbedder, Studio
from avsynth.pipelines.imagine_report import ImagineReport, Portrait
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Callback, Progress
from avsynth.provenance.certificates import Signer
from avsynth.provenance.identity import find_embedders
from avsynth.provenance.records import COMMERCIAL, RESEARCH
from avsynth.reporting import Weights, peak_memory_mb
from avsynth.weights.faces import NAME, Faces, load_faces

MOST = 10_000  # portraits: four digits name them
_LARGEST_DISTANCE = 1.5  # of dlib's points, which lie that far apart at most
_JOB_FORMAT = 1  # of the files in the job folder; others are started afresh


def imagine(
    output: Path,
    count: int,
    seed: int = 0,
    *,
    min_distance: float | None = None,
    purposes: Sequence[str] = (),
    weights: str = NAME,
    signer: Signer | None = None,
    progress: Callback | None = None,
) -> ImagineReport:
    """Draw ``count`` people who do not exist into the folder ``output``.

    ``person-0000.png`` and so on, each with ``person-0000.png.consent.json``, and ``report.json``.
    Interrupted, what is finished stays and is valid, and the same call goes on.

    Args:
        output: a folder that is new, empty, or left by the same call.
        count: 1 to ``MOST``.
        seed: equal seeds, options and weights give equal pictures, each by its number.
        min_distance: nobody's nearest training person is nearer, on top of the rule that holds
            always: not as near as that person's own frames are to each other.
        purposes: of the records; default all that the weights may be used for.
        weights: of kind "faces", by name or path.
        signer: certificate and key for the credentials; default this machine's own.
        progress: called with a ``Step`` as the work goes on.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``. PartialError where some portraits
            were made and then no draw was far enough from everybody.
    """
    began = time.monotonic()
    _check(count, seed, min_distance)
    steps = Progress(progress)
    steps.start("networks")
    embedder, faces = _embedder(), load_faces(weights)
    purposes = _purposes(faces, purposes)
    if faces.people.embedder != embedder.name:
        raise WeightsError(
            f"its training people are known to {faces.people.embedder!r}, not to {embedder.name!r}",
            faces.model.name,
        )
    settings = {"seed": seed, "min_distance": min_distance, "purposes": list(purposes)}
    with people_folder(output, _fingerprint(faces, count, settings)) as job:
        steps.start("portraits", count)
        with open_detector() as detector:
            studio = Studio(faces, detector, embedder, min_distance or 0.0)
            portraits, problem = _draw(studio, output, job, count, seed, purposes, signer, steps)
        steps.finish()
        report = ImagineReport(
            avsynth_version=avsynth.__version__,
            output=str(output),
            wanted=count,
            portraits=portraits,
            weights=[_weights(faces)],
            settings=settings,
            measure=faces.people.measure,
            compared=len(faces.people.names),
            draws=sum(each.draws for each in portraits),
            refused=dict(sum((Counter(each.refused) for each in portraits), Counter())),
            resumed=job.resumed,
            stage_seconds=steps.seconds,
            seconds=round(time.monotonic() - began, 3),
            peak_memory_mb=peak_memory_mb(),
            notes=[] if problem is None else [str(problem)],
        )
        with atomic_output(output / REPORT) as path:
            report.write(path)
        job.remove()
    if problem is not None:
        raise PartialError(f"{len(portraits)} of {count} portraits: {problem.what}", output)
    return report


def _draw(
    studio: Studio, output: Path, job: Job, count: int, seed: int, purposes: Sequence[str],
    signer: Signer | None, steps: Progress,
) -> tuple[list[Portrait], UsageError | None]:  # fmt: skip
    """All portraits that are not there yet; and why there are no more, where they ran out.

    Raises that very UsageError where there are none at all.
    """
    portraits: list[Portrait] = []
    for number in range(count):
        portrait = finished(output, job, number)
        if portrait is None:
            try:
                drawn = studio.draw(seed, number)
            except UsageError as problem:
                if not portraits:
                    raise
                return portraits, problem
            portrait = publish(output, job, drawn, studio.faces, seed, number, purposes, signer)
        portraits.append(portrait)
        steps.advance()
    return portraits, None


def _check(count: int, seed: int, min_distance: float | None) -> None:
    if not 1 <= count <= MOST:
        raise UsageError(f"-n must be 1 to {MOST}")
    if not 0 <= seed < 2**63:
        raise UsageError("--seed must be 0 or more")
    if min_distance is not None and not 0 < min_distance <= _LARGEST_DISTANCE:
        raise UsageError(f"--min-distance must be above 0 and at most {_LARGEST_DISTANCE}")


def _embedder() -> PictureEmbedder:
    """What tells people apart. WeightsError where nothing does.

    Nothing of ours may stand in: what ten training people can teach does not judge an eleventh, and
    the record would then state what nobody measured.
    """
    if not find_embedders("face"):
        raise WeightsError(
            "no identity embedder is installed, so whom a portrait looks like cannot be told",
            hint="install the extra 'metrics'",
        )
    from avsynth.provenance.dlib_face import DlibFace

    return DlibFace()


def _purposes(faces: Faces, wanted: Sequence[str]) -> tuple[str, ...]:
    allowed = (RESEARCH,) if faces.model.purpose == RESEARCH else (RESEARCH, COMMERCIAL)
    if COMMERCIAL in wanted and COMMERCIAL not in allowed:
        raise UsageError(f"the weights {faces.model.name} are for research alone")
    return tuple(wanted) or allowed


def _fingerprint(faces: Faces, count: int, settings: dict[str, Any]) -> dict[str, Any]:
    """All that the result depends on; another of these is another job."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "verb": "imagine",
        "count": count,
        "weights": faces.model.sha256,
        **settings,
    }


def _weights(faces: Faces) -> Weights:
    model = faces.model
    return Weights(name=model.name, kind=model.kind, sha256=model.sha256, engine=model.engine)
