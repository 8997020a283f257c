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
from avsynth.training.command import read_run
from avsynth.training.run import Run
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
    run = Run(
        settings.name, out, settings.steps, settings.validate_every,
        trainer.networks, trainer.optimizers, random, rank=rank,
    )  # fmt: skip
    for step in run.steps():
        run.log(trainer.step(windows.batch(settings.batch, random, settings.locked), step))
        if not run.due:
            continue
        scores = validate(trainer.ema.average, windows, settings, device)
        run.validated(scores)
        if rank == 0:
            write(trainer, run.final, statement(settings, windows, step, run.seconds, scores))
        run.save()
    return run.final


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
