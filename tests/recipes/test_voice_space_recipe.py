"""The recipe of the space of voices, on voices made from one: fitted, measured, written, drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from voice_helpers import line, small_encoder

from avsynth.pipelines.imagine_voice import draw
from avsynth.training import pack
from avsynth.weights import load

RECIPE = Path(__file__).parents[2] / "recipes" / "voice" / "space.py"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of one sentence at six speeds: six training speakers; and three more."""
    folder = tmp_path_factory.mktemp("pack")
    clips, sounds, start = [], [], 0
    for number, speed in enumerate(np.linspace(0.8, 1.3, 9)):
        places = np.arange(0, len(line()) - 1, speed)
        played = np.interp(places, np.arange(len(line())), line())[: 4 * 16_000].reshape(-1, 160)
        sounds.append(np.round(played * 32767).astype(np.int16))
        clips.append(
            pack.Clip(
                name=f"c{number}", source="made", person=f"p{number}",
                split="dev" if number % 3 == 2 else "train", licence="CC-BY-4.0",
                purpose="commercial", start=start, rows=len(played),
            )
        )  # fmt: skip
        start += len(played)
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=tuple(clips)))
    return folder


def test_from_a_pack_to_a_draw(speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "space.safetensors"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", RECIPE, "--pack", speech, "--speaker", small_encoder(),
         "--out", out, "--components", "3"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["threshold"] == pytest.approx(1.0, abs=1e-3)  # a cosine of 0.5
    assert told["pitch_thirds"][0] < told["pitch_thirds"][1]
    space = load(str(out), "torch")
    assert space.metadata["people"] == 6 and space.extras["speakers"].shape == (6, 128)
    assert space.metadata["speaker"]["sha256"] == load(str(small_encoder()), "torch").sha256
    # An untrained encoder puts everybody in one place, so nobody is far: the limit is lowered.
    space.metadata["threshold"] = 0.0
    found = draw(space, 0)
    assert 50 < np.exp(found.voice.pitch.mean) < 400 and found.compared == 6
