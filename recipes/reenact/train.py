"""Train a reenactment generator and its discriminator on a pack.

    python recipes/reenact/train.py --pack packs/reenact --config recipes/reenact/small.yaml \
        --out runs/reenact-small
    torchrun --nproc-per-node 8 recipes/reenact/train.py --config recipes/reenact/base.yaml ...

Needs torch, numpy, OpenCV, safetensors, pydantic and PyYAML; EfficientNet-Lite0 for the perceptual
loss (``--set perceptual=0`` does without). Deterministic under its seed; interrupted, the same
command goes on at the step of the last checkpoint. Writes log.jsonl, checkpoint.safetensors,
preview-STEP.jpg (held out; source, truth, mesh, made), and NAME.safetensors with
NAME-discriminator.safetensors beside it, in half precision: the averaged generator of the best
validation so far.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from settings import Settings
from torch import Tensor
from trainer import Trainer, double
from windows import Windows

from avsynth.models.reenact import ReenactNetwork, compose
from avsynth.training.command import read_run
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.training.squares import cut, places_of
from avsynth.training.steps import ranks
from avsynth.weights import file as weights_file

_AT_ONCE = 8  # pictures of a validation
_SHOWN = 8  # rows of a preview


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    with ranks(run.device) as (device, rank):
        train(Settings.model_validate(run.values), run.pack, run.out, device, rank)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu", rank: int = 0) -> Path:
    """The whole run; returns the generator's file. ``rank`` other than 0 writes nothing."""
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    seed_everything(settings.seed)  # equal weights on every device, other windows
    trainer = Trainer(settings, device)
    noise = torch.Generator()
    windows = Windows(folder, settings)
    run = Run(
        settings.name, out, settings.steps, settings.validate_every,
        trainer.networks, trainer.optimizers, rank=rank, patience=settings.patience,
    )  # fmt: skip
    known: dict[str, float] = {}
    batches = windows.batches(settings.seed + 7919 * rank, run.step)
    for step in run.steps():
        noise.manual_seed((settings.seed + 7919 * rank) * 10_000_019 + step)
        run.log(trainer.step(next(batches), step, noise))
        if not run.due:
            continue
        scores, known = validate(trainer, windows, out / f"preview-{step:06d}.jpg", known)
        run.validated(scores)
        if run.better(scores["score"]) and rank == 0:
            write(trainer, run.final, statement(settings, windows, step, run.seconds, scores))
        run.save()
    return run.final


@torch.inference_mode()
def validate(
    trainer: Trainer, windows: Windows, preview: Path, known: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Held-out people's pictures: L1 and perceptual distance of region and mouth, and sharpness.

    ``repeated`` is the source as it is, ``mesh`` the classical renderer: ``known`` once they were
    scored; ``score`` is the mean of the distances, each over that of the mesh.
    """
    settings, device = trainer.settings, trainer.device
    network: ReenactNetwork = trainer.ema.average
    found: dict[str, list[float]] = {}
    rows: list[Tensor] = []
    pairs = windows.held_out
    for first in range(0, len(pairs), _AT_ONCE):
        batch = windows.batch(pairs[first : first + _AT_ONCE])
        batch = {name: value.to(device) for name, value in batch.items()}
        made = compose(batch["source"], batch["flow"], batch["mask"], network(batch))
        mesh = batch["source"] + batch["mask"] * (
            batch["warped"] + batch["hollow"] - batch["source"]
        )
        results = {"": made}
        if not known:
            results |= {"mesh_": mesh, "repeated_": batch["source"]}
        for name, result in results.items():
            for key, values in _scores(trainer, batch, result).items():
                found.setdefault(name + key, []).extend(values.tolist())
        rows += [
            torch.cat([x[i] for x in (batch["source"], batch["truth"], mesh, made)], dim=2)
            for i in range(len(made))
        ]
    shown = rows[:: max(1, len(rows) // _SHOWN)][:_SHOWN]
    sheet = torch.cat(shown, dim=1).permute(1, 2, 0).cpu().numpy()
    cv2.imwrite(str(preview), np.clip(sheet[..., ::-1] * 255.0 + 0.5, 0, 255).astype(np.uint8))
    means = known | {name: float(np.mean(values)) for name, values in found.items()}
    known = {name: value for name, value in means.items() if name.startswith(("mesh", "repeated"))}
    measured = ["l1", "mouth_l1"]
    if settings.perceptual:
        measured += ["perceptual", "mouth_perceptual"]
    score = np.mean([means[name] / means[f"mesh_{name}"] for name in measured])
    return {"score": round(float(score), 5)} | {k: round(v, 5) for k, v in means.items()}, known


def _scores(trainer: Trainer, batch: dict[str, Tensor], result: Tensor) -> dict[str, Tensor]:
    truth, mask, face = batch["truth"], batch["mask"], batch["drawn"][:, :1]
    side = trainer.settings.face // 2
    corners = places_of(batch["drawn"][:, 1], side)
    mouths = [cut(x, corners, side) for x in (result, truth)]
    scores = {
        "l1": ((result - truth).abs() * mask).mean(dim=(1, 2, 3)) / mask.mean(),
        "mouth_l1": (mouths[0] - mouths[1]).abs().mean(dim=(1, 2, 3)),
        "sharpness": _detail(result, face) / _detail(truth, face),
    }
    perceive = trainer.perceive
    if perceive is not None:
        pairs = {"": (result, truth), "mouth_": tuple(double(mouth) for mouth in mouths)}
        scores |= {
            f"{name}perceptual": torch.stack(
                [perceive(a[None], b[None]) for a, b in zip(*pair, strict=True)]
            )
            for name, pair in pairs.items()
        }
    return scores


def _detail(picture: Tensor, inside: Tensor) -> Tensor:
    """Energy of the Laplacian inside the mask, (N,)."""
    grey = picture.mean(dim=1, keepdim=True)
    kernel = grey.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    edges = torch.nn.functional.conv2d(grey, kernel, padding=1)
    return (edges**2 * inside).sum(dim=(1, 2, 3))


def write(trainer: Trainer, path: Path, data: dict[str, Any]) -> None:
    """The generator, and beside it the discriminator that made it."""
    weights_file.write(path, "reenact", trainer.ema.average, trainer.settings.network, {}, data)
    named = data | {"name": f"{data['name']}-discriminator"}
    beside = path.with_name(f"{path.stem}-discriminator.safetensors")
    judge = trainer.patches
    weights_file.write(beside, "patch-discriminator", judge, judge.config, {}, named)


def statement(
    settings: Settings, windows: Windows, step: int, seconds: float, scores: dict[str, float]
) -> dict[str, Any]:
    """What the weights were made of, for their metadata."""
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in windows.clips}),
        "people": len(windows.people),
        "pictures": sum(clip.rows for clip in windows.clips),
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "seed": settings.seed,
        "validation": scores,
    }


if __name__ == "__main__":
    main()
