"""Train one small GAN vocoder, or several, whose copies the corpus holds.

    python recipes/fake_sounds/train_upsampler.py --pack .packs/speech --out runs/upsamplers \
        --config recipes/fake_sounds/upsamplers.yaml NAME ...

Writes NAME-STEP.pt-like safetensors at each stage named by the config: early stages are fakes too.
Deterministic under the seed; a network whose last stage is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import l1_loss
from upsampler import Upsampler, UpsamplerConfig

from avsynth.models.wave_discriminators import (
    PeriodConfig,
    PeriodDiscriminator,
    ResolutionConfig,
    ResolutionDiscriminator,
)
from avsynth.training.adversarial import discriminator_loss, feature_matching, generator_loss
from avsynth.training.pack import Pack
from avsynth.training.steps import improve, in_float
from avsynth.training.vocoder import spectra

_RATE = 16_000
_WINDOWS = (1024, 512, 256, 128)


class Training(BaseModel):
    """How one network is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: UpsamplerConfig = UpsamplerConfig()
    stages: tuple[int, ...] = Field((300, 800, 1800), description="steps after which it is kept")
    warm_up: int = Field(600, ge=0, description="steps before the discriminators count")
    batch: int = Field(8, gt=0)
    frames: int = Field(40, gt=0, description="of a window")
    learning_rate: float = 1e-3
    adversarial: float = 1.0
    matching: float = 1.0
    wave: float = Field(0.0, ge=0, description="weight of the distance of samples")
    seed: int = 0


def main() -> None:
    """Train the networks that are named, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    values = yaml.safe_load(options.config.read_text("utf-8"))
    sounds = training_sounds(options.pack)
    for name in options.names:
        train(name, Training.model_validate(values[name]), sounds, options.out)


def training_sounds(folder: Path) -> list[NDArray[np.float32]]:
    """Samples of each ``train`` utterance of a speech pack."""
    pack = Pack.open(folder, ["sound"])
    return [
        pack.rows(clip, "sound").reshape(-1).astype(np.float32) / np.float32(32768)
        for clip in pack.index.clips
        if clip.split == "train"
    ]


def train(name: str, training: Training, sounds: list[NDArray[np.float32]], out: Path) -> None:
    """One network, kept at each stage."""
    if stage_path(out, name, training.stages[-1]).is_file():
        return
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(training.seed)
    random = np.random.default_rng(training.seed)
    network = Upsampler(training.network)
    judges = [
        PeriodDiscriminator(PeriodConfig(periods=(2, 3, 5, 7))),
        ResolutionDiscriminator(ResolutionConfig(windows=(1024, 256))),
    ]
    own = torch.optim.AdamW(network.parameters(), training.learning_rate, (0.8, 0.99))
    theirs = torch.optim.AdamW([p for j in judges for p in j.parameters()], 5e-4, (0.8, 0.99))
    began = time.monotonic()
    for step in range(1, training.stages[-1] + 1):
        truth = windows(sounds, training, random)
        with torch.autocast("cpu", torch.bfloat16):
            made = network(truth)
        made = made.float()
        distances = spectra(made, truth, _RATE, _WINDOWS)
        terms = [10 * distances["mel"], distances["bins"]]
        if training.wave:
            terms.append(training.wave * l1_loss(made, truth))
        if step > training.warm_up:
            terms += against(judges, made, truth, training)
        improve(own, torch.stack(terms).sum(), largest=5.0)
        if step > training.warm_up:
            improve(theirs, judged(judges, made.detach(), truth), largest=10.0)
        if step % 50 == 0:
            spent = time.monotonic() - began
            mel = distances["mel"].item()
            print(f"{name} {step}: mel {mel:.3f}, {spent:.0f} s", flush=True)
        if step in training.stages:
            meta = {"config": training.network.model_dump_json(), "step": str(step)}
            save_file(network.state_dict(), stage_path(out, name, step), meta)


def windows(
    sounds: list[NDArray[np.float32]], training: Training, random: np.random.Generator
) -> Tensor:
    """Random stretches (B, N), each as if recorded at another speed: 0.7 to 1.15 times."""
    length = training.frames * training.network.hop
    rows = []
    for number in random.integers(len(sounds), size=training.batch):
        speed = float(random.uniform(0.7, 1.15))
        needed = int(np.ceil(length * speed)) + 2
        sound = sounds[number]
        start = int(random.integers(max(1, len(sound) - needed)))
        part = np.resize(sound[start : start + needed], needed)
        places = np.arange(length) * speed
        level = 10 ** random.uniform(-1.0, 0.15)
        rows.append(np.interp(places, np.arange(needed), part).astype(np.float32) * level)
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def against(
    judges: list[PeriodDiscriminator | ResolutionDiscriminator],
    made: Tensor,
    truth: Tensor,
    training: Training,
) -> list[Tensor]:
    """What the discriminators tell the generator."""
    terms = []
    for judge in judges:
        judge.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            fake, real = judge(made), judge(truth)
        fake, real = in_float(fake), in_float(real)
        judge.requires_grad_(True)
        terms.append(training.adversarial * generator_loss(fake))
        terms.append(training.matching * feature_matching(real, fake))
    return terms


def judged(
    judges: list[PeriodDiscriminator | ResolutionDiscriminator], made: Tensor, truth: Tensor
) -> Tensor:
    """What the discriminators minimise."""
    terms = []
    for judge in judges:
        with torch.autocast("cpu", torch.bfloat16):
            real, fake = judge(truth), judge(made)
        terms.append(discriminator_loss(in_float(real), in_float(fake)))
    return torch.stack(terms).sum()


def stage_path(out: Path, name: str, step: int) -> Path:
    """Where a stage lies."""
    return out / f"{name}-{step:05d}.safetensors"


def read_stage(path: Path) -> Upsampler:
    """A network that was kept."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    network = Upsampler(UpsamplerConfig.model_validate(config))
    network.load_state_dict(load_file(path))
    return network.eval()


if __name__ == "__main__":
    main()
