"""The vocoder recipe on made sound: golden losses, resuming, phases, variants."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from avsynth.errors import UsageError
from avsynth.models.vocoder import Vocoder, VocoderConfig
from avsynth.models.wave_discriminators import PeriodDiscriminator, ResolutionDiscriminator
from avsynth.speech.excitation import phases
from avsynth.training import pack
from avsynth.training.vocoder import spectra
from avsynth.weights import file as weights_file

RECIPE = Path(__file__).parents[2] / "recipes" / "vocoder"

#: Sum of the losses of the six steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [6.82645, 5.84046, 11.34959, 11.4647, 11.51239, 11.77564]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules, whose names other recipes use too."""
    threads = torch.get_num_threads()
    names = {path.stem for path in RECIPE.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in names & set(sys.modules)}
    path = list(sys.path)
    sys.path.insert(0, str(RECIPE))
    yield lambda name: importlib.import_module(name)
    sys.path[:] = path
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.modules.update(hidden)
    torch.set_num_threads(threads)


def buzz(hertz, frames, shift=0.0):
    """A voice of ten harmonics at steady pitch and some noise, (frames, 160) int16."""
    time = np.arange(frames * 160) / 16000
    sound = sum(np.cos(k * 2 * np.pi * (hertz * time + shift)) / k for k in range(1, 11))
    sound = 0.05 * sound + np.random.default_rng(0).normal(0, 0.002, len(time))
    return np.round(sound * 32767).astype(np.int16).reshape(-1, 160)


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """Four speakers of steady pitch; the first frames of each utterance are called unvoiced."""
    folder = tmp_path_factory.mktemp("pack")
    clips, sounds, pitches = [], [], []
    for person, hertz in enumerate((100.0, 130.0, 210.0, 160.0)):
        clips.append(
            pack.Clip(
                name=f"c{person}", source="made", person=f"p{person}",
                split="dev" if person == 3 else "train", licence="none",
                purpose="research" if person == 2 else "commercial", start=50 * person, rows=50,
            )
        )  # fmt: skip
        sounds.append(buzz(hertz, 50, 0.2 * person))
        pitches.append(np.where(np.arange(50) < 5, 0, hertz).astype(np.float32))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=tuple(clips)))
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_array(folder, "pitch", np.concatenate(pitches))
    return folder


def configured(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe("settings").Settings.model_validate(values)


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def sums(folder):
    return [
        sum(v for k, v in line.items() if k != "step") for line in lines(folder) if "bins" in line
    ]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    path = recipe("train").train(configured(recipe), made_pack, tmp_path)
    assert sums(tmp_path) == pytest.approx(GOLDEN, rel=1e-3)
    assert "judges" not in lines(tmp_path)[1]  # the warm-up
    assert {"adversarial", "matching", "judges"} <= lines(tmp_path)[2].keys()
    made = weights_file.read(path)
    assert isinstance(made.network, Vocoder)
    assert made.metadata["people"] == 2 and made.metadata["steps"] == 6  # p2 is for research alone
    for suffix, kind in (
        ("discriminator", ResolutionDiscriminator),
        ("period-discriminator", PeriodDiscriminator),
    ):
        judge = weights_file.read(path.with_name(f"vocoder-debug-{suffix}.safetensors"))
        assert isinstance(judge.network, kind)
        assert judge.metadata["name"] == f"vocoder-debug-{suffix}"


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, made_pack, tmp_path):
    train = recipe("train").train
    whole = train(configured(recipe), made_pack, tmp_path / "whole")
    original = recipe("trainer").Trainer.step

    def stop(self, batch, number):
        if number == 5:
            raise KeyboardInterrupt
        return original(self, batch, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe("trainer").Trainer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(configured(recipe), made_pack, tmp_path / "cut")
    resumed = train(configured(recipe), made_pack, tmp_path / "cut")
    assert sums(tmp_path / "cut") == sums(tmp_path / "whole")
    a, b = (weights_file.read(path).network.state_dict() for path in (resumed, whole))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "changes",
    [
        {"adversarial": 0, "matching": 0},
        {"locked": False},
        {"network": {"hidden": 16, "layers": 1, "source": False}},
        {"bfloat16": True},
    ],
)
def test_variants_run_and_leave_out_what_they_say(recipe, made_pack, tmp_path, changes):
    path = recipe("train").train(configured(recipe, steps=3, **changes), made_pack, tmp_path)
    last = [line for line in lines(tmp_path) if "bins" in line][-1]
    assert ("judges" in last) == ("adversarial" not in changes)
    assert all(np.isfinite(v) for v in last.values())
    head = weights_file.read(path).network.head.out_features
    assert head == 321 * (2 if "network" in changes else 3)


def test_training_lowers_the_distances(recipe, made_pack, tmp_path):
    changes = {"adversarial": 0, "matching": 0, "learning_rate": 0.01}
    settings = configured(recipe, steps=60, validate_every=60, **changes)
    recipe("train").train(settings, made_pack, tmp_path)
    steps = [line for line in lines(tmp_path) if "bins" in line]
    first, last = (np.mean([line["mel"] for line in part]) for part in (steps[:5], steps[-5:]))
    assert last < 0.9 * first


def test_windows_are_of_the_allowed_people_and_what_lies_beyond_is_silent(recipe, made_pack):
    windows = recipe("windows").Windows
    config = VocoderConfig(hidden=16, layers=1)
    assert {c.person for c in windows(made_pack, config, 16, "commercial").clips} == {"p0", "p1"}
    whole = windows(made_pack, config, 50, "research")
    assert [c.person for c in whole.held_out] == ["p3"] and len(whole.clips) == 3
    batch = whole.batch(4, np.random.default_rng(0), True)
    shapes = {name: tuple(value.shape) for name, value in batch.items()}
    assert shapes == {
        "mel": (4, 80, 50), "pitch": (4, 50), "sound": (4, 8000), "start": (4, 50), "seed": ()
    }  # fmt: skip
    heard, real = whole.utterance(whole.held_out[0])
    assert real.shape == (1, 8000) and heard["mel"].shape == (1, 80, 50)
    with pytest.raises(UsageError, match="no sound"):
        windows(made_pack, config, 51, "commercial")
    with pytest.raises(UsageError, match="240 samples"):
        windows(made_pack, VocoderConfig(rate=24000, window=960, hop=240), 16, "commercial")


def test_the_phase_of_the_fundamental_is_found(recipe):
    """Of a pitch track that is half a hertz off, too."""
    config = VocoderConfig()
    sound = torch.from_numpy(buzz(150.0, 60, 0.35).astype(np.float32).reshape(1, -1) / 32767)
    truth = phases(torch.full((1, 61), 150.0), 160, 16000, 0.35)[0][:, ::160]
    for hertz in (150.0, 150.5):
        found = recipe("windows").fundamental_phase(sound, torch.full((1, 60), hertz), config)
        away = (found - truth)[:, 5:-5]
        assert (away - away.round()).abs().max() < 0.02


def test_distances_of_spectra():
    torch.manual_seed(0)
    sound = torch.randn(2, 4000) * 0.1
    same = spectra(sound, sound, 16000, (512, 64))
    assert same["mel"] == 0 and same["bins"] == 0
    louder = spectra(2 * sound, sound, 16000, (512,))
    assert louder["mel"] == pytest.approx(np.log(2), rel=0.02)
    assert louder["bins"] == pytest.approx(np.log(2) + 1, rel=0.02)
    silent = torch.zeros(1, 1000, requires_grad=True)
    sum(spectra(silent, sound[:1, :1000], 16000, (256,)).values()).backward()
    assert torch.isfinite(silent.grad).all()


def test_configs_are_valid_and_the_purposes_right(recipe):
    for path in sorted(RECIPE.rglob("*.yaml")):
        made = recipe("settings").Settings.model_validate(yaml.safe_load(path.read_text()))
        assert ("research" in made.name) == (made.purpose == "research")


@pytest.mark.data
def test_preparing_real_recordings_at_another_rate(recipe, data_dir, tmp_path, monkeypatch):
    name = "speech/libri_tc100/19-198-0000.flac"
    listed = tmp_path / "list.csv"
    columns = "file,speaker,corpus,licence,split"
    rows = [
        f"{data_dir / name},LS-{k},LibriSpeech,CC-BY-4.0,{s}"
        for k, s in enumerate(("train", "dev"))
    ]
    listed.write_text("\n".join([columns, *rows]) + "\n")
    arguments = ["prepare.py", "--list", str(listed), "--out", str(tmp_path / "pack")]
    monkeypatch.setattr(sys, "argv", arguments)
    recipe("prepare").main()
    config = VocoderConfig(rate=24000, window=960, hop=240, bands=100, hidden=16, layers=1)
    windows = recipe("windows").Windows(tmp_path / "pack", config, 32, "commercial")
    batch = windows.batch(2, np.random.default_rng(0), True)
    assert batch["sound"].shape == (2, 32 * 240) and batch["mel"].shape == (2, 100, 32)
    assert (batch["pitch"] > 0).any()
