"""Dubs with the lip-sync network and without it: the same surroundings, another mouth."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from dub_helpers import (
    LINE,
    Painted,
    consent_for,
    planes_of,
    same_pictures,
    shared_folder,
    short_person,
    write_consent,
)
from test_dub import unchanged_outside

from avsynth.errors import ConsentError, ResourceError
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.provenance.credentials import read
from avsynth.reporting import Report
from avsynth.weights import file

FRAMES = 12
SMALL = LipsyncConfig(size=32, widths=(4, 4, 4, 4), depth=1)


@functools.cache
def generator(purpose: str = "commercial", light: float = 0.2) -> str:
    """A network that has learnt nothing but to shade the mouth."""
    torch.manual_seed(0)
    network = LipsyncNetwork(SMALL)
    with torch.no_grad():
        network.coarse.bias[2:] = light
    path = shared_folder() / f"bright-{purpose}-{light}.safetensors"
    file.write(path, "lipsync", network, SMALL, {}, {"purpose": purpose})
    return str(path)


def run(out: Path, *weights: str, quality: str = "best", film: Path | None = None) -> Report:
    film = film or short_person(frames=FRAMES)
    options = DubOptions(weights=weights, quality=quality, lossless=True)  # type: ignore[arg-type]
    return dub(film, [("largest", LINE)], consent_for(film), out, options)


def light_inside(out: Path, painted: Painted) -> float:
    """Mean luma under the masks."""
    masks = [painted.masks[pts] for pts in sorted(painted.masks)]
    pictures = (planes[0] for planes in planes_of(out))
    return float(np.mean([p[m].mean() for p, m in zip(pictures, masks, strict=True)]))


def test_best_and_fast_differ_in_the_mouth_alone(tmp_path: Path) -> None:
    film, seen = short_person(frames=FRAMES), {}
    for quality in ("fast", "best"):
        out, painted = tmp_path / f"{quality}.mp4", Painted()
        named = [generator()] if quality == "best" else []
        with painted.watching():
            report = run(out, *named, quality=quality)
        assert unchanged_outside(film, out, painted) > 100 * FRAMES
        assert report.outcomes == {"dubbed": FRAMES}
        seen[quality] = (report, light_inside(out, painted))
    (fast, dark), (best, bright) = seen["fast"], seen["best"]
    assert bright > dark + 3
    assert fast.renderer == "classical" and best.renderer == "gan"
    assert [weights.kind for weights in fast.weights] == ["motion"]
    assert [weights.kind for weights in best.weights] == ["motion", "lipsync"]
    assert best.settings["quality"] == "best" and best.settings["weights"] == [generator()]
    assert not any("lip-sync" in note for note in best.notes + fast.notes)
    models = {weights.sha256 for weights in best.weights}
    told = str(read(tmp_path / "best.mp4"))
    assert len(models) == 2 and all(sha256 in told for sha256 in models)


def test_the_same_again_is_the_same(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        run(tmp_path / name, generator())
    assert same_pictures(tmp_path / "a.mp4", tmp_path / "b.mp4")


def test_changed_weights_start_the_job_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"

    def full(*_: object, **__: object) -> None:
        raise ResourceError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("avsynth.pipelines.dub.credentials.sign", full)
        with pytest.raises(ResourceError):
            run(out, generator())
    assert not run(out, generator(light=0.1)).resumed
    with monkeypatch.context() as patched:
        patched.setattr("avsynth.pipelines.dub.credentials.sign", full)
        with pytest.raises(ResourceError):
            run(out, generator())
    assert run(out, generator()).resumed


def test_research_weights_are_not_for_commercial_work(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="excludes bright-research"):
        run(tmp_path / "out.mp4", generator("research"))
    assert list(tmp_path.iterdir()) == []


def test_without_lip_sync_weights_the_classical_renderer_works_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avsynth.weights.dubbing.best_lipsync", lambda purpose: None)
    report = run(tmp_path / "out.mp4")
    assert report.renderer == "classical" and len(report.weights) == 1
    assert any("no lip-sync network" in note for note in report.notes)


@pytest.mark.data
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_real_clip(quality: str, data_dir: Path, tmp_path: Path) -> None:
    film, out, painted = data_dir / "grid" / "s1_bbaf2n.mp4", tmp_path / "out.mkv", Painted()
    named = (generator("research"),) if quality == "best" else ()
    record = write_consent(film, tmp_path / "consent.json", "dataset")
    options = DubOptions(weights=named, quality=quality, lossless=True)  # type: ignore[arg-type]
    with painted.watching():
        report = dub(film, [("largest", LINE)], record, out, options)
    assert unchanged_outside(film, out, painted) > 10_000
    assert report.outcomes.get("dubbed", 0) > 60
    assert any("research label" in note for note in report.notes)
    assert len(report.weights) == (2 if quality == "best" else 1)
