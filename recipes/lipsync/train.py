"""Train a lip-sync generator and its discriminators on a pack.

    python recipes/lipsync/train.py --pack packs/lipsync --config recipes/lipsync/small.yaml \
        --out runs/lipsync-small
    torchrun --nproc-per-node 8 recipes/lipsync/train.py --config recipes/lipsync/base.yaml ...

Needs torch, numpy, OpenCV, safetensors, pydantic and PyYAML. Deterministic under its seed;
interrupted, the same command goes on at the step of the last checkpoint. Writes log.jsonl,
checkpoint.safetensors, preview-STEP.jpg (held out; truth, classical, made), and NAME.safetensors
with NAME-discriminator.safetensors and NAME-temporal.safetensors beside it, in half precision; the
generator is the averaged one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from settings import Settings
from torch import Tensor
from trainer import Trainer
from windows import Windows

from avsynth.models.lipsync import LipsyncNetwork, compose
from avsynth.training.command import read_run
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.training.steps import ranks
from avsynth.weights import file as weights_file

_VALIDATED = 48  # windows


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    with ranks(run.device) as (device, rank):
        train(Settings.model_validate(run.values), run.pack, run.out, device, rank)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu", rank: int = 0) -> Path:
    """The whole run; returns the generator's file. ``rank`` other than 0 writes nothing."""
    torch.set_num_threads(settings.threads)
    seed_everything(settings.seed)  # equal weights on every device, other windows
    trainer = Trainer(settings, device)
    noise = torch.Generator()
    windows = Windows(folder, settings.purpose, settings.hold_out)
    run = Run(
        settings.name, out, settings.steps, settings.validate_every,
        trainer.networks, trainer.optimizers, rank=rank, patience=settings.patience,
    )  # fmt: skip
    batches = windows.batches(settings.batch, settings.seed + 7919 * rank, run.step, settings.far)
    for step in run.steps():
        noise.manual_seed((settings.seed + 7919 * rank) * 10_000_019 + step)
        run.log(trainer.step(next(batches), step, noise))
        if not run.due:
            continue
        scores = validate(trainer.ema.average, windows, out / f"preview-{step:06d}.jpg", device)
        run.validated(scores)
        run.better(scores["l1"])
        if rank == 0:
            write(trainer, run.final, statement(settings, windows, step, run.seconds, scores))
        run.save()
    return run.final


@torch.inference_mode()
def validate(
    network: LipsyncNetwork, windows: Windows, preview: Path, device: str
) -> dict[str, float]:
    """Held-out people's windows: distance and sharpness of the mouth, and of the classical one."""
    numbers = windows.held_out[:: max(1, len(windows.held_out) // _VALIDATED)][:_VALIDATED]
    batch = windows.batch(numbers, np.arange(len(numbers)) % 2)
    shape = batch["truth"].shape
    middle = {k: batch[k][:, shape[1] // 2].to(device) for k in ("truth", "picture", "maps")}
    truth, picture, maps = (middle[k] for k in ("truth", "picture", "maps"))
    made = compose(picture, truth, maps[:, :1], network({"picture": picture, "maps": maps}))
    inside = maps[:, :1]
    scores = {}
    # Both with the frame showing through the mask's soft edge, as it will in the end.
    classical = truth + inside * (picture - truth)
    for name, result in (("", made), ("classical_", classical)):
        error = ((result - truth).abs() * inside).sum() / (3 * inside.sum())
        detail = _detail(result, inside) / _detail(truth, inside)
        scores |= {f"{name}l1": float(error), f"{name}sharpness": float(detail)}
    rows = [
        torch.cat([x[i] for x in (truth, picture, made)], dim=2) for i in range(min(8, len(truth)))
    ]
    sheet = torch.cat(rows, dim=1).permute(1, 2, 0).cpu().numpy()
    cv2.imwrite(str(preview), np.clip(sheet[..., ::-1] * 255.0 + 0.5, 0, 255).astype(np.uint8))
    return {name: round(value, 5) for name, value in scores.items()}


def _detail(picture: Tensor, inside: Tensor) -> Tensor:
    """Energy of the Laplacian inside the mask."""
    grey = picture.mean(dim=1, keepdim=True)
    kernel = grey.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    edges = torch.nn.functional.conv2d(grey, kernel, padding=1)
    return (edges**2 * inside).sum()


def write(trainer: Trainer, path: Path, data: dict[str, object]) -> None:
    """The generator, and beside it the discriminators that made it."""
    weights_file.write(path, "lipsync", trainer.ema.average, trainer.settings.network, {}, data)
    for suffix, judge in (("discriminator", trainer.patches), ("temporal", trainer.temporal)):
        named = data | {"name": f"{data['name']}-{suffix}"}
        beside = path.with_name(f"{path.stem}-{suffix}.safetensors")
        weights_file.write(beside, "patch-discriminator", judge, judge.config, {}, named)


def statement(
    settings: Settings, windows: Windows, step: int, seconds: float, scores: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in windows.clips}),
        "people": len(windows.people),
        "windows": sum(len(mine) for mine in windows.people.values()),
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "seed": settings.seed,
        "validation": scores,
    }


if __name__ == "__main__":
    main()
