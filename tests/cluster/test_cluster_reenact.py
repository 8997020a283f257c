"""A reenactment rendered on a cluster has the very frames of one that is not."""

from __future__ import annotations

from pathlib import Path

from cluster_helpers import killing_one
from dub_helpers import command, same_pictures
from reenact_helpers import covers, film, person

from avsynth.cluster.connection import Cluster
from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions


def test_the_same_frames_with_a_worker_killed(two_workers: Cluster, tmp_path: Path) -> None:
    """The source is a film: a worker finds its frame again."""
    driver = film(tmp_path / "driver.mp4", list(person()[:50]), sound=True)
    source = film(tmp_path / "source.mp4", list(person()[50:60]))
    record = covers(tmp_path / "record.json", source, driver)
    options = ReenactOptions(segment_seconds=1.0, lossless=True, audio="keep")
    here, there = tmp_path / "here.mp4", tmp_path / "there.mp4"
    reenact(source, driver, record, here, options)
    with killing_one() as killed:
        report = reenact(source, driver, record, there, options, cluster=two_workers)
    assert killed and report.outcomes == {"rendered": 50}
    assert same_pictures(here, there)
    assert command("verify", there).code == 0
    made = {path.name for path in tmp_path.iterdir() if path.name.startswith((".", "there"))}
    assert made == {"there.mp4", "there.mp4.report.json"}
