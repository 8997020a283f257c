"""The voice half of the comparison: paired short runs, differences clip by clip, spikes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from recipe_helpers import RECIPES, made_voices, recipe_modules


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, ModuleType]]:
    with recipe_modules("gan_vs_vae", ("voice", "voice_tables")) as modules:
        yield modules


@pytest.fixture(scope="module")
def result(recipe: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the debug config, six steps each."""
    folder = tmp_path_factory.mktemp("voice")
    values = yaml.safe_load((RECIPES / "voice" / "debug.yaml").read_text())
    options = argparse.Namespace(
        pack=made_voices(folder / "pack"), out=folder / "voice.json", steps=6, batch=3, seeds=[0, 1]
    )
    recipe["voice"].compare(values, options)
    found: Path = options.out
    return found


def test_a_seeds_two_runs_share_their_first_half_and_no_more(result: Path) -> None:
    told = json.loads(result.read_text())
    assert [(run["kind"], run["seed"]) for run in told["runs"]] == [
        ("vae", 0), ("vae_gan", 0), ("vae", 1), ("vae_gan", 1),
    ]  # fmt: skip
    vae, gan, other, _ = (run["steps"] for run in told["runs"])
    assert [step["step"] for step in gan] == [1, 2, 3, 4, 5, 6]
    assert vae[:3] == gan[:3] and vae[0] != other[0]
    assert all("judge" not in step for step in vae) and all("judge" in step for step in gan[3:])
    # The first adversarial step starts where the VAE's does, on the same batch; dropout differs.
    assert vae[3]["spectra"] == pytest.approx(gan[3]["spectra"], rel=1e-3)


def test_the_tables(recipe: dict[str, ModuleType], result: Path, tmp_path: Path) -> None:
    tables = recipe["voice_tables"]
    told = json.loads(result.read_text())
    lines = tables.short(told)
    l1 = [run["dev"]["l1"] for run in told["runs"] if run["kind"] == "vae"]
    assert lines[0].startswith("| 6 steps, batch 3 | seeds |")
    assert lines[2].startswith(f"| VAE | 2 | {np.mean(l1):.3f} ({np.std(l1, ddof=1):.3f}) |")
    assert lines[3].startswith("| VAE-GAN | 2 |") and len({line.count("|") for line in lines}) == 1
    logs = []
    for kind in ("vae", "gan"):
        steps = [{"step": n, "spectra": 1.0 + 0.01 * (n % 7)} for n in range(1, 201)]
        steps[99]["spectra"] = 5.0 if kind == "gan" else 1.0
        score = {"step": 200, "l1": 0.5, "variance_ratio": 0.7, "seconds": 50.0}
        logs.append(tmp_path / f"{kind}.jsonl")
        logs[-1].write_text("\n".join(json.dumps(line) for line in [*steps, score]))
    vae, gan = tables.full(logs)[2:]
    assert vae == "| VAE | 200 | 0.500 | 0.700 | 0.0 |  |  | 0.25 |"
    assert gan == "| VAE-GAN | 200 | 0.500 | 0.700 | 5.0 |  |  | 0.25 |"


def test_differences_are_between_the_same_clips(recipe: dict[str, ModuleType]) -> None:
    tables = recipe["voice_tables"]

    def rows(system: str, more: float) -> list[dict[str, object]]:
        return [
            {"system": system, "clip": f"c{n}", "pair": f"p{n // 2}", "mcd_noc0": 6 + n + more,
             "target": 0.5, "source": 0.5, "closer": 1.0, "accepted": 0.0, "mistaken": 0.0,
             "word_edits": 1 + 2 * more, "word_length": 10, "phoneme_edits": 0, "phoneme_length": 5,
             "overall": 3.0, "signal": 3.0, "background": 3.0, "variance": 1.0, "modulation": 2.0}
            for n in range(6)
        ]  # fmt: skip

    lines = tables.conversions([*rows("voice-small", 0), *rows("voice-small-gan-x", 0.5)])
    assert lines[0] == "| 6 conversions | VAE | VAE-GAN | VAE-GAN less VAE, 95 % |"
    assert lines[2] == "| MCD without c0, dB | 8.50 | 9.00 | +0.50 [+0.50, +0.50] |"
    (words,) = [line for line in lines if line.startswith("| WER")]
    assert words == "| WER, % | 10.0 | 20.0 | +10.0 [+10.0, +10.0] |"
