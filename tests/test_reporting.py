"""The job report and its published schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from pydantic import ValidationError

from avsynth.reporting import FileHash, Report, schema


def report(path: str = "out.mp4") -> Report:
    return Report(
        verb="dub", avsynth_version="1", output=FileHash(path=path, sha256="0" * 64), inputs=[],
        weights=[], settings={"a": 1}, consent={}, frames=1, seconds=0.04, fit="trim",
        outcomes={"dubbed": 1}, faces=[], damaged_frames=0, resumed=False,
        stage_seconds={"x": 0.1}, frames_per_second=10.0, peak_memory_mb=1.0, notes=[],
    )  # fmt: skip


def test_the_shipped_schema_is_that_of_the_code() -> None:
    shipped = resources.files("avsynth").joinpath("report.schema.json").read_text()
    assert shipped == schema(), "write schema() into avsynth/report.schema.json"


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    report().write(tmp_path / "r.json")
    assert Report.model_validate_json((tmp_path / "r.json").read_text()) == report()


def test_every_field_of_a_report_is_in_the_schema() -> None:
    published = json.loads(schema())
    assert set(json.loads(report().model_dump_json())) == set(published["properties"])
    assert published["additionalProperties"] is False


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Report.model_validate({**report().model_dump(), "more": 1})


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    report(os.fsdecode(b"\xff.mp4")).write(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["output"]["path"] == "\\xff.mp4"


def test_peak_memory_is_this_process() -> None:
    code = (
        "from avsynth.reporting import peak_memory_mb as peak; before = peak()\n"
        "block = bytes(b'x') * 100_000_000; del block; print(before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    before, after = map(float, done.stdout.split())
    assert 10 < before < after - 90 < 1000
