"""Train a vocoder and its discriminators on a speech pack.

    python recipes/vocoder/train.py --pack .packs/speech --config recipes/vocoder/small.yaml \
        --out runs/vocoder-small
    torchrun --nproc-per-node 8 recipes/vocoder/train.py --config recipes/vocoder/base.yaml ...

Needs torch, torchaudio, numpy, safetensors, pydantic and PyYAML. Deterministic under its seed;
interrupted, the same command goes on at the step of the last checkpoint. Writes log.jsonl,
checkpoint.safetensors, and NAME.safetensors with NAME-discriminator.safetensors (resolutions) and
NAME-period-discriminator.safetensors beside it, in half precision; the generator is the averaged
one.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from settings import Settings
from torch import Tensor
from trainer import Trainer
from windows import Windows

from avsynth.models.synthesis import synthesise
from avsynth.models.vocoder import Vocoder
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.training import checkpoint
from avsynth.training.command import read_run
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.training.steps import ranks
from avsynth.training.vocoder import spectra
from avsynth.weights import file as weights_file


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    with ranks(run.device) as (device, rank):
        train(Settings.model_validate(run.values), run.pack, run.out, device, rank)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu", rank: int = 0) -> Path:
    """The whole run; returns the generator's file. ``rank`` other than 0 writes no weights."""
    torch.set_num_threads(settings.threads)
    random = seed_everything(settings.seed)  # equal weights on every device ...
    if rank:
        random = np.random.default_rng([settings.seed, rank])  # ... other windows
    trainer = Trainer(settings, device)
    windows = Windows(folder, settings.network, settings.frames, settings.purpose)
    out.mkdir(parents=True, exist_ok=True)
    saved, final = out / f"checkpoint{rank or ''}.safetensors", out / f"{settings.name}.safetensors"
    log = RunLog(out / f"rank{rank}" if rank else out)
    step, spent = 0, 0.0
    if saved.is_file():
        step, notes = checkpoint.resume(saved, trainer.networks, trainer.optimizers, random)
        spent = notes["seconds"]
        log.truncate(step)
    began = time.monotonic() - spent
    while step < settings.steps:
        step += 1
        terms = trainer.step(windows.batch(settings.batch, random, settings.locked), step)
        log.write(step, **terms)
        if step % settings.validate_every and step != settings.steps:
            continue
        seconds = time.monotonic() - began
        scores = validate(trainer.ema.average, windows, settings, device)
        log.write(step, seconds=round(seconds, 1), **scores)
        left = seconds / step * (settings.steps - step)
        line = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        print(f"{settings.name} step {step}: {line}; {left / 60:.0f} min left", flush=True)
        notes = {"seconds": seconds}
        checkpoint.save(saved, step, trainer.networks, trainer.optimizers, random, notes)
        if rank == 0:
            write(trainer, final, statement(settings, windows, step, seconds, scores))
    return final


@torch.inference_mode()
def validate(
    network: Vocoder, windows: Windows, settings: Settings, device: str
) -> dict[str, float]:
    """Held-out speakers' utterances: the losses, and L1 of the log-mel that the network hears."""
    found: dict[str, list[float]] = {"validation_mel": [], "validation_bins": [], "own_mel": []}
    for clip in windows.held_out:
        batch, real = windows.utterance(clip)
        batch = {name: value.to(device) for name, value in batch.items()}
        made = synthesise(network(batch), batch["pitch"], settings.network).cpu()
        distances = spectra(made, real, settings.network.rate, settings.windows)
        found["validation_mel"].append(float(distances["mel"]))
        found["validation_bins"].append(float(distances["bins"]))
        found["own_mel"].append(float(_own(made, batch["mel"], settings)))
    return {name: round(float(np.mean(values)), 5) for name, values in found.items()}


def _own(made: Tensor, mel: Tensor, settings: Settings) -> Tensor:
    return (log_mel_spectrum(made, settings.network.spectrum) - mel.cpu()).abs().mean()


def write(trainer: Trainer, path: Path, data: dict[str, object]) -> None:
    """The generator, and beside it the discriminators that made it."""
    weights_file.write(path, "vocoder", trainer.ema.average, trainer.settings.network, {}, data)
    for suffix, kind, judge in (
        ("discriminator", "resolution-discriminator", trainer.resolutions),
        ("period-discriminator", "period-discriminator", trainer.periods),
    ):
        named = data | {"name": f"{data['name']}-{suffix}"}
        beside = path.with_name(f"{path.stem}-{suffix}.safetensors")
        weights_file.write(beside, kind, judge, judge.config, {}, named)


def statement(
    settings: Settings, windows: Windows, step: int, seconds: float, scores: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    rows = sum(clip.rows for clip in windows.clips)
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in windows.clips}),
        "people": len({clip.person for clip in windows.clips}),
        "minutes_of_sound": round(rows * settings.network.hop / settings.network.rate / 60, 1),
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "seed": settings.seed,
        "validation": scores,
    }


if __name__ == "__main__":
    main()
