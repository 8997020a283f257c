"""The folder that imagined people go to: what lies in it, and how a portrait gets there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avsynth.errors import AvsynthError, UsageError
from avsynth.media import atomic_output, sha256_file
from avsynth.media.output import resource_error
from avsynth.pipelines.imagine_portrait import Drawn
from avsynth.pipelines.imagine_report import Portrait
from avsynth.pipelines.job import Job, unfinished
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.certificates import Signer
from avsynth.provenance.records import Nearest
from avsynth.provenance.vocabulary import TRAINED
from avsynth.reporting import FileHash
from avsynth.weights.faces import Faces

REPORT = "report.json"


@contextlib.contextmanager
def people_folder(output: Path, fingerprint: dict[str, Any]) -> Iterator[Job]:
    """The output folder and a job in it; neither is left behind by a job that made nothing.

    Raises:
        UsageError: the folder holds something else; ResourceError: it cannot be made.
    """
    report = output / REPORT
    new = not output.exists()
    try:
        output.mkdir(exist_ok=True)
        there = any(output.iterdir())
    except OSError as error:
        raise resource_error(error, output) from error
    if there and not unfinished(report, fingerprint):
        raise UsageError(
            "the folder is not empty", output, "name a new one, or repeat an interrupted command"
        )
    try:
        with Job(report, fingerprint) as job:
            yield job
    except BaseException:
        if new:
            with contextlib.suppress(OSError):  # not empty: finished portraits stay
                output.rmdir()
        raise


def finished(output: Path, job: Job, number: int) -> Portrait | None:
    """What an interrupted run made of ``number``, if all of it is still there as it was."""
    if not job.done(_step(number)):
        return None
    portrait = Portrait.model_validate(job.read_json(_step(number)))
    try:
        record = consents.load(_record(output, number)).sha256
        same = sha256_file(output / _name(number)) == portrait.file.sha256
    except (AvsynthError, OSError):
        return None
    return portrait if same and record == portrait.record.sha256 else None


def publish(
    output: Path, job: Job, drawn: Drawn, faces: Faces, seed: int, number: int,
    purposes: Sequence[str], signer: Signer | None,
) -> Portrait:  # fmt: skip
    """Sign a portrait, certify that it is nobody's, and only then give both their names."""
    name, record = _name(number), _record(output, number)
    path = job.path("drawn.png")
    bgr = np.ascontiguousarray(drawn.rgb[:, :, ::-1])
    with atomic_output(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
    signed = credentials.sign(
        path,
        job.path(name),
        actions=[_created(drawn, faces, seed, number)],
        title=name,
        models=[credentials.Model(faces.model.name, faces.model.sha256)],
        signer=signer,
    )
    credentials.verify_ours(signed)
    sha256 = sha256_file(signed.path)
    nearest = Nearest(
        distance=round(drawn.nearest.distance, 4), threshold=round(drawn.threshold, 4),
        measure=faces.people.measure, compared=len(faces.people.names),
    )  # fmt: skip
    title = f"imagined person {number:04d}, seed {seed}"
    made = consents.sign(consents.new_synthetic(title, [signed.path], nearest, purposes))
    saved = consents.save(made, record)  # first: no portrait is ever there without its record
    try:
        credentials.publish(signed, output / name)
    except BaseException:
        record.unlink(missing_ok=True)
        raise
    portrait = Portrait(
        file=FileHash(path=str(output / name), sha256=sha256),
        record=FileHash(path=str(record), sha256=saved.sha256),
        draws=drawn.draws,
        refused=dict(drawn.refused),
        nearest=drawn.nearest.name,
        distance=nearest.distance,
        threshold=nearest.threshold,
    )
    job.write_json(_step(number), portrait.model_dump(mode="json"))
    return portrait


def _created(drawn: Drawn, faces: Faces, seed: int, number: int) -> credentials.Action:
    """How the credentials say that it came about."""
    return credentials.Action(
        "c2pa.created",
        "a portrait of a person who does not exist, at a distance of "
        f"{drawn.nearest.distance:.2f} from the nearest of {len(faces.people.names)} training "
        f"people, {drawn.threshold:.2f} at least (by {faces.people.embedder})",
        TRAINED,
        {"seed": seed, "number": number, "measure": faces.people.measure},
    )


def _name(number: int) -> str:
    return f"person-{number:04d}.png"


def _record(output: Path, number: int) -> Path:
    return output / f"{_name(number)}.consent.json"


def _step(number: int) -> str:
    return f"{number:04d}.json"
