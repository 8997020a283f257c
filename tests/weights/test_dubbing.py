"""Which networks a dub gets: by name, by file, by purpose, by quality."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avsynth import weights
from avsynth.errors import UsageError, WeightsError
from avsynth.models.discriminators import PatchConfig, PatchDiscriminator
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.weights import dubbing, file
from avsynth.weights.dubbing import best_lipsync, load_dubbing
from avsynth.weights.manifest import Entry, Purpose, list_weights
from avsynth.weights.subject import write_parts

SMALL = LipsyncConfig(size=32, widths=(4, 4, 4, 4), depth=1)
MOTION = "motion-small-mel"  # runs without Whisper


def generator(path: Path, purpose: str = "commercial") -> str:
    torch.manual_seed(0)
    file.write(path, "lipsync", LipsyncNetwork(SMALL), SMALL, {}, {"purpose": purpose})
    return str(path)


def entry(path: Path, purpose: Purpose) -> Entry:
    generator(path, purpose)
    return Entry(
        name=path.stem, kind="lipsync", file=str(path), sha256=file.sha256(path),
        licence="none", purpose=purpose, card="",
    )  # fmt: skip


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest with lip-sync weights for either purpose."""
    motion = [each for each in list_weights() if each.kind == "motion"]
    more = [entry(tmp_path / "ours.safetensors", "commercial"),
            entry(tmp_path / "ours-research.safetensors", "research")]  # fmt: skip
    monkeypatch.setattr(dubbing, "list_weights", lambda: (*motion, *more))


@pytest.mark.parametrize(
    ("purpose", "name"), [("commercial", "ours"), ("research", "ours-research")]
)
@pytest.mark.usefixtures("shipped")
def test_each_purpose_has_its_own(purpose: Purpose, name: str) -> None:
    models = load_dubbing([MOTION], purpose)
    assert models.lipsync is not None and models.lipsync.name == name
    assert [model.kind for model in models.loaded] == ["motion", "lipsync"]
    assert models.renderer(_mean()).name == "gan"
    assert (models.research is not None) == (purpose == "research")


def _mean() -> torch.Tensor:
    from avsynth.face.lower_face import VERTICES

    return torch.rand(VERTICES, 2, generator=torch.Generator().manual_seed(0)).numpy() * 100


def test_a_manifest_without_any_leaves_the_classical_renderer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dubbing, "list_weights", lambda: ())
    assert best_lipsync("research") is None
    models = load_dubbing([MOTION], "commercial")
    assert models.lipsync is None and models.renderer(_mean()).name == "classical"


@pytest.mark.usefixtures("shipped")
def test_research_weights_are_no_default_of_commercial_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [each for each in dubbing.list_weights() if each.purpose == "research"]
    monkeypatch.setattr(dubbing, "list_weights", lambda: tuple(rows))
    assert best_lipsync("commercial") is None and best_lipsync("research") is not None


@pytest.mark.usefixtures("shipped")
def test_fast_does_without(tmp_path: Path) -> None:
    models = load_dubbing([MOTION], "commercial", "fast")
    assert models.loaded == (models.motion,)
    with pytest.raises(UsageError, match="--quality fast does not use --weights mine"):
        load_dubbing([generator(tmp_path / "mine.safetensors")], "commercial", "fast")


@pytest.mark.usefixtures("shipped")
def test_files_take_the_place_of_defaults_and_only_once(tmp_path: Path) -> None:
    mine = generator(tmp_path / "mine.safetensors", "research")
    models = load_dubbing([MOTION, mine], "commercial")
    assert [model.name for model in models.loaded] == [MOTION, "mine"]
    assert models.research is models.lipsync  # the caller refuses it
    with pytest.raises(UsageError, match="names two lipsync networks: mine, mine"):
        load_dubbing([mine, mine], "commercial")
    other = tmp_path / "other.safetensors"
    config = PatchConfig()
    file.write(other, "patch-discriminator", PatchDiscriminator(config), config, {}, {})
    with pytest.raises(WeightsError, match="patch-discriminator"):
        load_dubbing([str(other)], "commercial")


@pytest.mark.usefixtures("shipped")
def test_a_subjects_file_is_both(tmp_path: Path) -> None:
    found = weights.manifest.find(MOTION)
    parts = {
        "motion": file.read(found.path),
        "lipsync": file.read(Path(generator(tmp_path / "g.safetensors"))),
    }
    subject = tmp_path / "anna.safetensors"
    metadata = {"purpose": "commercial", "consent": {"record_sha256": "0" * 64}}
    write_parts(subject, parts, metadata)  # type: ignore[arg-type]
    models = load_dubbing([str(subject)], "commercial")
    assert [(m.name, m.kind) for m in models.loaded] == [("anna", "motion"), ("anna", "lipsync")]
    assert len({model.sha256 for model in models.loaded}) == 1
    assert load_dubbing([str(subject)], "commercial", "fast").loaded[0].name == "anna"
    write_parts(subject, {"motion": parts["motion"]}, metadata)
    models = load_dubbing([str(subject)], "commercial")
    assert [model.name for model in models.loaded] == ["anna", "ours"]
