"""Short runs of the voice recipe with and without its adversary: how alike are three seeds?

    python recipes/gan_vs_vae/voice.py --pack .packs/speech --config recipes/voice/small-gan.yaml \
        --out runs/gan_vs_vae/voice.json

A seed's two runs are one until half of the steps are done; then the VAE goes on alone, and the
VAE-GAN against a discriminator, on the same batches (dropout differs). Everything else is as the
config has it, but for the batch, the steps, and warm-ups that fit them. Writes every step's losses
and what the held-out speakers' spectra came out like. ``voice_tables.py`` makes the tables.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "voice"))  # it has a train.py of its own
from settings import Settings
from train import validate
from trainer import Trainer
from windows import Windows

from avsynth.models.voice import STACK
from avsynth.training.seeds import seed_everything

KINDS = ("vae", "vae_gan")


def main() -> None:
    """Train what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True, help="of the VAE-GAN")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=240, help="of a run; half of them shared")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    compare(yaml.safe_load(options.config.read_text("utf-8")), options)


def compare(values: dict[str, Any], options: argparse.Namespace) -> None:
    """All seeds of a config; what is done is written after each."""
    half = options.steps // 2
    values |= {
        "steps": options.steps, "batch": options.batch, "warm_up": half,
        "trust_steps": max(1, half // 3), "divergence_steps": half,
    }  # fmt: skip
    settings = Settings.model_validate(values)
    widest = max(settings.target_warp, settings.content_warp)
    windows, held_out = (
        Windows(options.pack, settings.network, widest, settings.speaker, split)
        for split in ("train", "dev")
    )
    found: list[dict[str, Any]] = []
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        own = settings.model_copy(update={"seed": seed})
        found += pair(own, windows, held_out, options.out)
        text = json.dumps({"settings": settings.model_dump(mode="json"), "runs": found})
        options.out.write_text(text + "\n", "utf-8")


def pair(
    settings: Settings, windows: Windows, held_out: Windows, out: Path
) -> Iterator[dict[str, Any]]:
    """Both runs of a seed, as rows of the result."""
    seed_everything(settings.seed)
    trainer = Trainer(settings, windows, "cpu")
    shared = steps(trainer, windows, 0, settings.warm_up)
    for kind in KINDS:
        own = copy.deepcopy(trainer)
        own.settings = settings.model_copy(update={"variant": kind})
        rows = steps(own, windows, settings.warm_up, settings.steps)
        sheet = out.with_name(f"{out.stem}-{kind}-{settings.seed}.png")
        scores = validate(own.ema.average, held_out, sheet, "cpu")
        print(f"{kind} seed {settings.seed}: {scores}", flush=True)
        yield {"kind": kind, "seed": settings.seed, "steps": shared + rows, "dev": scores}


def steps(trainer: Trainer, windows: Windows, done: int, last: int) -> list[dict[str, float]]:
    """Train from step ``done`` to ``last``; the losses of each and its processor time."""
    settings, noise = trainer.settings, torch.Generator()
    length = round(settings.seconds * windows.pack.index.rate) // STACK
    batches = windows.batches(
        settings.batch, length, settings.seed, done, settings.target_warp, settings.content_warp
    )
    rows = []
    for step in range(done + 1, last + 1):
        noise.manual_seed(settings.seed * 10_000_019 + step)
        batch, began = next(batches), time.process_time()
        terms = trainer.step(batch, step, noise)
        rows.append({"step": step, **terms, "processor": round(time.process_time() - began, 4)})
        if not all(np.isfinite(value) for value in terms.values()):
            break
    return rows


if __name__ == "__main__":
    main()
