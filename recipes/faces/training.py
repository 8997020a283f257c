"""A whole run: steps, checkpoints, previews, weights. The comparison's runs are such, too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from portraits import Bytes, Portraits, to_bytes, to_tensor
from settings import Settings
from trainer import Trainer

from avsynth.models.face_vae import FaceVae
from avsynth.training import checkpoint
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file

_SHOWN = 12
_SURVEYED = 2000  # portraits on which the density of latents is fitted


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    unused = seed_everything(settings.seed)  # every step draws from a seed of its own
    portraits = Portraits(folder, settings.network.size)
    training, trainer = portraits.training(), Trainer(settings, portraits, device)
    unseen = portraits.pictures(portraits.rows("morphs-unseen")[:64])
    log, noise = RunLog(out), torch.Generator()
    saved, final = out / "checkpoint.safetensors", out / f"{settings.name}.safetensors"
    step, spent = 0, {"seconds": 0.0, "cpu": 0.0}
    if saved.is_file():
        step, spent = checkpoint.resume(saved, trainer.networks, trainer.optimizers, unused)
        log.truncate(step)
    began = {"seconds": time.monotonic(), "cpu": time.process_time()}
    while step < settings.steps:
        step += 1
        noise.manual_seed(settings.seed * 10_000_019 + step)
        losses = trainer.step(training.batch(settings.batch, [settings.seed, step]), step, noise)
        log.write(step, **losses)
        if step % settings.validate_every and step != settings.steps:
            continue
        now = {"seconds": time.monotonic(), "cpu": time.process_time()}
        passed = {k: spent[k] + now[k] - began[k] for k in now}
        found = validate(trainer.ema.average, unseen, out / f"preview-{step:05d}.jpg")
        log.write(step, **found, **{k: round(v, 2) for k, v in passed.items()})
        print(f"{settings.name} step {step} {losses} {found} {passed['cpu']:.0f} s", flush=True)
        checkpoint.save(saved, step, trainer.networks, trainer.optimizers, unused, passed)
        if step == settings.steps:
            write(trainer, portraits, training.pictures, final, passed | found)
    return final


@torch.inference_mode()
def validate(network: FaceVae, unseen: Bytes, preview: Path) -> dict[str, float]:
    """Mean L1 on morphs that were not trained on (where there is an encoder), and a sheet."""
    given = to_tensor(unseen)
    noise = torch.Generator().manual_seed(0)
    shown = min(_SHOWN, len(unseen))
    drawn = network.decode(torch.randn(2 * shown, network.config.latent, generator=noise))[0]
    found, rows = {}, [given[:shown]]
    if network.encoder is not None:
        rebuilt = network.decode(network.encode(given)[0])[0]
        found["unseen_l1"] = round(float((rebuilt - given).abs().mean()), 5)
        rows.append(rebuilt[:shown])
    rows += [drawn[:shown], drawn[shown:]]
    sheet = np.concatenate([np.concatenate(list(to_bytes(row)), axis=1) for row in rows])
    cv2.imwrite(str(preview), sheet[..., ::-1])
    return found


@torch.inference_mode()
def settle(network: FaceVae, pictures: Bytes) -> None:
    """Fit the Gaussian that latents are drawn from to the posteriors of training portraits."""
    if network.encoder is None:
        return
    parts = [network.encode(to_tensor(pictures[i : i + 64])) for i in range(0, len(pictures), 64)]
    mean, variance = (torch.cat(x).double() for x in zip(*parts, strict=True))
    covariance = torch.cov(mean.T) + torch.diag(variance.exp().mean(dim=0))
    network.settle(mean.mean(dim=0).float(), covariance.float())


def write(
    trainer: Trainer, portraits: Portraits, pictures: Bytes, path: Path, spent: dict[str, float]
) -> None:
    """The network, and beside it the discriminator that made it."""
    settings, network = trainer.settings, trainer.ema.average
    settle(network, pictures[:_SURVEYED])
    about: dict[str, Any] = {
        "name": settings.name, "kind": settings.kind, "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in portraits.clips.values()}),
        "people": len({*portraits.people(portraits.rows("train"))}),
        "portraits": len(pictures), "steps": settings.steps, "seed": settings.seed,
        "minutes": round(spent["seconds"] / 60, 1), "validation": spent,
    }  # fmt: skip
    weights_file.write(path, "faces", network, settings.network, {}, about)
    if trainer.judge is not None:
        beside = path.with_name(f"{path.stem}-discriminator.safetensors")
        about |= {"name": f"{settings.name}-discriminator"}
        judge = trainer.judge
        weights_file.write(beside, "patch-discriminator", judge, judge.config, {}, about)
