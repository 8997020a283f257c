"""Train a VAE on real faces or real speech, and fit what is usual about them.

    python recipes/anomaly/train.py --pack .packs/fake_faces --out runs/anomaly-face-small \
        --config recipes/anomaly/face-small.yaml
    python recipes/anomaly/train.py --pack .packs/speech --out runs/anomaly-voice-small \
        --config recipes/anomaly/voice-small.yaml

Nothing that was made by a machine takes part: not in the network, not in the density, not in the
scale (see pool.py). The weights are those of the step at which other real people were likeliest.
Deterministic under its seed; interrupted, the same command goes on at the last
checkpoint. Writes log.jsonl, checkpoint.safetensors and NAME.safetensors.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from density import best_shrink, fit, grouped, survey
from numpy.typing import NDArray
from pool import Pool, fill
from settings import Settings
from torch import Tensor

from avsynth.models.anomaly import COARSE, AnomalyVae
from avsynth.models.anomaly_scorer import explained
from avsynth.models.typicality import FACE_REGIONS, VOICE_REGIONS, Floats
from avsynth.training import checkpoint
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.training.steps import improve
from avsynth.weights import file as weights_file

_FARTHEST = 12  # pixels that a face is moved in training


def main() -> None:
    """Train, or go on training."""
    told = read_run(__doc__)
    train(Settings.model_validate(told.values), told.pack, told.out, told.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    unused = seed_everything(settings.seed)  # every step draws from a seed of its own
    pool, unseen = fill(settings, folder, "train"), fill(settings, folder, "dev")
    print(
        f"{settings.name}: {len(pool.pictures)} films, {len(set(pool.people))} people", flush=True
    )
    network = AnomalyVae(settings.network).to(device)
    ema = Ema(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
    best = copy.deepcopy(ema.average)
    networks = {"network": network, "ema": ema.average, "best": best}
    optimizers = {"optimizer": optimizer}
    log, saved = RunLog(out), out / "checkpoint.safetensors"
    step, notes = 0, {"seconds": 0.0, "validation": float("inf"), "best": 0}
    if saved.is_file():
        step, notes = checkpoint.resume(saved, networks, optimizers, unused)
        log.truncate(step)
    began, weights = time.process_time() - notes["seconds"], pool.weights()
    while step < settings.steps:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = schedule(step, settings)
        losses = one_step(settings, network, optimizer, pool, weights, step)
        ema.update(network, step)
        log.write(step, **{name: round(float(v.detach()), 6) for name, v in losses.items()})
        if step % settings.save_every == 0 or step == settings.steps:
            notes["seconds"] = time.process_time() - began
            found = validate(ema.average, unseen, settings)
            log.write(step, validation=round(found, 6), seconds=round(notes["seconds"], 1))
            print(f"step {step} {found:.4f} nats a pixel, {notes['seconds']:.0f} s", flush=True)
            if found < notes["validation"]:
                best.load_state_dict(ema.average.state_dict())
                notes |= {"validation": found, "best": step}
            checkpoint.save(saved, step, networks, optimizers, unused, notes)
    final = out / f"{settings.name}.safetensors"
    publishable(settings, best.cpu(), pool, unseen, int(notes["best"]), final)
    return final


def schedule(step: int, settings: Settings) -> float:
    """Learning rate: a short warm-up, then a half cosine down to nothing."""
    warm = min(1.0, step / min(100, settings.steps))
    return settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))


def one_step(
    settings: Settings, network: AnomalyVae, optimizer: torch.optim.Optimizer, pool: Pool,
    weights: Floats, step: int,
) -> dict[str, Tensor]:  # fmt: skip
    """Improve once; step ``step`` has draws of its own. The losses by name."""
    random = np.random.default_rng([settings.seed, step])
    chosen = random.choice(len(pool.pictures), settings.batch, p=weights)
    which = random.integers(pool.pictures.shape[1], size=settings.batch)
    device = next(network.parameters()).device
    pictures = pool.pictures[chosen, which]
    if settings.subject == "face":
        pictures = np.stack([moved(each, random) for each in pictures])
    picture = torch.from_numpy(pictures).to(device).float()[:, None]
    noise = _noise(picture, settings, settings.seed * 10_000_019 + step)
    bfloat16 = settings.precision == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        losses = network.loss(picture, noise, min(1.0, step / max(1, settings.warm_up)))
    improve(optimizer, losses["loss"])
    return losses


def moved(picture: NDArray[np.float16], random: np.random.Generator) -> NDArray[np.float16]:
    """A face (H, W) a few pixels elsewhere, mirrored or not: few people look like more."""
    down, across = random.integers(-_FARTHEST, _FARTHEST + 1, size=2)
    padded = np.pad(picture, _FARTHEST, mode="edge")
    height, width = picture.shape
    top, left = _FARTHEST + int(down), _FARTHEST + int(across)
    part = padded[top : top + height, left : left + width]
    return part[:, ::-1] if random.random() < 0.5 else part


def _noise(picture: Tensor, settings: Settings, seed: int) -> Tensor:
    height, width = (size // COARSE for size in picture.shape[-2:])
    generator = torch.Generator().manual_seed(seed)
    shape = (len(picture), settings.network.latent, height, width)
    return torch.randn(shape, generator=generator).to(picture.device)


@torch.inference_mode()
def validate(network: AnomalyVae, unseen: Pool, settings: Settings) -> float:
    """Negative ELBO of at most 64 pictures of other people, nats a pixel."""
    few = np.linspace(0, len(unseen.pictures) - 1, min(64, len(unseen.pictures))).astype(int)
    device = next(network.parameters()).device
    total = 0.0
    for number in few:
        picture = torch.from_numpy(unseen.pictures[number, :1]).to(device).float()[:, None]
        total += float(network.loss(picture, _noise(picture, settings, int(number)))["loss"])
    return total / len(few)


def publishable(
    settings: Settings, network: AnomalyVae, pool: Pool, unseen: Pool, step: int, path: Path
) -> None:
    """Fit the density on the training people, scale it on the others, and write all of it."""
    network.half().float()  # as the file will have it
    regions = FACE_REGIONS if settings.subject == "face" else VOICE_REGIONS
    measured, cells = survey(network, pool, regions)
    layout = [kind for kind in settings.kinds for _ in range(measured[kind].shape[1])]
    shrink = best_shrink(measured, layout, pool)
    context, density = fit(measured, layout, pool, np.arange(len(pool.people)), shrink)
    others, _ = survey(network, unseen, regions)
    distances = [
        density.distance(r.mean(axis=0), len(r))
        for r in grouped(explained(others, layout, context), unseen)
    ]
    low, centre, high = np.quantile(distances, (0.1587, 0.5, 0.8413))
    extras = {
        **{f"density.{n}": torch.from_numpy(getattr(density, n)).float()
           for n in ("mean", "between", "within")},
        **{f"usual.{n}": torch.from_numpy(v).half() for n, v in cells.items()},
    }  # fmt: skip
    if context is not None:
        extras["context.mean"] = torch.from_numpy(context.mean).float()
        extras["context.slopes"] = torch.from_numpy(context.slopes).float()
    metadata = {
        "name": settings.name, "purpose": settings.purpose, "licence": settings.licence,
        "data": list(pool.data), "people": len(set(pool.people)), "films": len(pool.pictures),
        "steps": step, "seed": settings.seed, "layout": layout, "shrink": shrink,
        "centre": float(centre), "spread": float(high - low) / 2,
        "scaled_on": {"people": len(set(unseen.people)), "recordings": len(distances)},
    }  # fmt: skip
    weights_file.write(path, "anomaly", network, settings.network, extras, metadata)


if __name__ == "__main__":
    main()
