"""The voice recipe on made voices: golden losses, resuming, the adversary, warps."""

import importlib
import json
import math
import sys
from pathlib import Path

import pytest
import torch
import yaml
from recipe_helpers import made_voices

from avsynth.models.voice import VoiceConfig
from avsynth.speech.spectrum import mel_filters
from avsynth.weights import file as weights_file

RECIPE = Path(__file__).parents[2] / "recipes" / "voice"
MODULES = ("settings", "windows", "trainer", "train")

#: Losses of the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [1.58171, 1.53072, 1.5148, 1.51418]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules; other recipes have modules of the same names."""
    threads = torch.get_num_threads()
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    sys.path.insert(0, str(RECIPE))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(RECIPE))
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """Five buzzing people."""
    return made_voices(tmp_path_factory.mktemp("pack"))


def settings(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe["settings"].Settings.model_validate(values)


def totals(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [sum(v for k, v in x.items() if k != "step") for x in lines if "spectra" in x]


def test_golden_losses_and_weights(recipe, made_pack, tmp_path):
    final = recipe["train"].train(settings(recipe), made_pack, tmp_path)
    assert totals(tmp_path) == pytest.approx(GOLDEN, rel=2e-3)
    stored = weights_file.read(final)
    assert stored.kind == "voice" and isinstance(stored.config, VoiceConfig)
    assert stored.metadata["speakers"] == 4 and stored.metadata["variant"] == "vae"
    assert (tmp_path / "preview-000004.png").is_file()


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(recipe, made_pack, tmp_path):
    train = recipe["train"].train
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(settings(recipe, variant="vae_gan"), made_pack, whole)
    # The rate falls over all steps: the shorter run must be cut, not configured.
    step = recipe["trainer"].Trainer.step

    def cut(self, batch, number, generator):
        if number == 3:
            raise KeyboardInterrupt
        return step(self, batch, number, generator)

    recipe["trainer"].Trainer.step = cut
    try:
        with pytest.raises(KeyboardInterrupt):
            train(settings(recipe, variant="vae_gan"), made_pack, parts)
    finally:
        recipe["trainer"].Trainer.step = step
    train(settings(recipe, variant="vae_gan"), made_pack, parts)
    assert totals(parts) == totals(whole)


def test_the_adversary_is_one_switch(recipe, made_pack, tmp_path):
    train = recipe["train"].train
    train(settings(recipe), made_pack, tmp_path / "vae")
    train(settings(recipe, variant="vae_gan"), made_pack, tmp_path / "gan")
    plain, against = totals(tmp_path / "vae"), totals(tmp_path / "gan")
    assert plain[0] == against[0]  # before the warm-up is over they are one
    assert plain[2] != against[2]
    judge = weights_file.read(tmp_path / "gan" / "voice-debug-discriminator.safetensors")
    assert judge.kind == "patch-discriminator"


def test_unknown_keys_are_errors(recipe):
    with pytest.raises(ValueError, match="stepps"):
        settings(recipe, stepps=3)


@pytest.mark.parametrize("warp", [-8, -3, 0, 5, 8])
def test_stretched_filters_read_a_stretched_spectrum(recipe, warp):
    bank = mel_filters(VoiceConfig().spectrum)
    stretched = recipe["windows"].stretched(bank, warp)
    bins = torch.arange(len(bank)).float()

    def line(place: float) -> torch.Tensor:
        return (-0.5 * ((bins - place) / 3) ** 2).exp()

    found = (stretched.T @ line(100)).argmax()
    expected = (bank.T @ line(100 * 2 ** (warp / 24))).argmax()
    assert abs(int(found) - int(expected)) <= 1
    assert (stretched.sum(dim=0) > 0).all()


def test_warped_voices_are_told_apart_from_their_own(recipe, made_pack):
    config = settings(recipe).network
    windows = recipe["windows"].Windows(made_pack, config, 4, "none")
    which = torch.tensor([0, 0])
    told = windows.speakers(which, torch.tensor([0, 4]))
    assert float(told[1, -2] - told[0, -2]) == pytest.approx(math.log(2) * 4 / 24, abs=1e-5)
    assert float((told[1, :80] - told[0, :80]).abs().mean()) > 0.1


def test_batches_are_the_same_after_a_stop(recipe, made_pack):
    windows = recipe["windows"].Windows(made_pack, settings(recipe).network, 4, "none")
    first = windows.batches(2, 20, 0, 0, 2, 4)
    again = windows.batches(2, 20, 0, 1, 2, 4)
    next(first)
    one, two = next(first), next(again)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert one["content"].shape == (2, 20, 160) and one["truth"].shape == (2, 80, 40)
