"""How the verbs that make media end: what ran is told, and outputs get their names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from avsynth.pipelines.inputs import report_path
from avsynth.pipelines.job import Job
from avsynth.provenance import credentials
from avsynth.provenance.credentials import Signed
from avsynth.reporting import Report, Weights
from avsynth.weights.registry import LoadedModel


def weights_report(models: Iterable[LoadedModel]) -> list[Weights]:
    """The networks that ran, for the report."""
    return [Weights(name=m.name, kind=m.kind, sha256=m.sha256, engine=m.engine) for m in models]


def publish(report: Report, signed: Signed, output: Path, job: Job) -> None:
    """Give a finished output and its report their names; the job is done then.

    Both wait in the job folder, so that a full disk leaves neither without the other.

    Raises:
        ResourceError: the folder refuses.
    """
    report.write(job.path("report.json"))
    credentials.publish(signed, output)
    job.path("report.json").replace(report_path(output))
    job.remove()
