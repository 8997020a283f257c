"""Reenactment on real clips: it follows, it stays the person. Figures are printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from dub_helpers import times_of
from reenact_helpers import covers

from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.reporting import Reenactment, Report

pytestmark = pytest.mark.data


def run(source: Path, driver: Path, out: Path, **options: object) -> tuple[Report, Reenactment]:
    consent = covers(out.with_suffix(".json"), source, driver)
    report = reenact(source, driver, consent, out, ReenactOptions(quality="fast").model_copy(
        update=options))  # fmt: skip
    assert report.reenactment is not None
    found = report.reenactment
    print(f"{source.name} <- {driver.name}: {found.followed}, {found.likeness}, {report.notes}")
    return report, found


def test_another_person_drives(data_dir: Path, tmp_path: Path) -> None:
    """A GRID person the project never trained on, driven by a phone film of variable rate."""
    source = sorted((data_dir / "grid").glob("s26_*.mp4"))[0]
    driver = data_dir / "clips" / "portrait352x640_phone_selfie_beard_vfr.mp4"
    out = tmp_path / "out.mp4"
    report, found = run(source, driver, out)
    assert times_of(out) == times_of(driver)
    assert found.followed.lost_frames == 0 and report.outcomes["rendered"] == report.frames
    assert found.followed.pose_error_degrees is not None
    assert found.followed.expression_error is not None
    assert found.followed.pose_error_degrees < 4.0
    assert found.followed.expression_error < 0.05
    if found.likeness is not None:
        assert found.likeness.mean_distance < found.likeness.same_person_below


def test_cuts_profiles_and_several_faces(data_dir: Path, tmp_path: Path) -> None:
    source = sorted((data_dir / "grid").glob("s26_*.mp4"))[1]
    driver = data_dir / "clips" / "640x360_multiface_profile_cuts_noaudio.mp4"
    report, found = run(source, driver, tmp_path / "out.mp4")
    assert any("the motion jumps" in note for note in report.notes)
    assert any("faces in a shot of the driver" in note for note in report.notes)
    assert sum(report.outcomes.values()) == report.frames == 150
    assert found.followed.lost_frames <= found.followed.measured_frames // 4
