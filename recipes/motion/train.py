"""Train a motion network on a pack.

    python recipes/motion/train.py --pack packs/motion --config recipes/motion/config.yaml \
        --out runs/motion-small

Needs torch, numpy, safetensors, pydantic and PyYAML, no media library. Deterministic under its
seed; interrupted, the same command goes on at the step of the last checkpoint. Writes log.jsonl,
checkpoint.safetensors, and NAME.safetensors (half precision, with config, mouth space and data
statement) from the averaged weights at the end, or (``keep: best``) when they validated best.
An adversarial run writes the discriminator's weights beside them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from configuration import Settings
from losses import Adversary, MotionLoss, opens
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import nn
from windows import Example, Sampler, load_examples

from avsynth.errors import UsageError
from avsynth.face.mouth_space import MouthSpace
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.training import checkpoint
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file

Floats = NDArray[np.float32]


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    generator = seed_everything(settings.seed)
    torch.set_num_threads(settings.threads)
    statistics = load_file(folder / "statistics.safetensors")
    space = MouthSpace.from_arrays(statistics)
    network = build(settings.network, statistics).to(device)
    if settings.network.coefficients != space.size:
        raise UsageError(f"network.coefficients must be {space.size}, as in the pack")
    training, validation = load_examples(settings, folder, space)
    loss_of = MotionLoss(space, settings).to(device)
    ema = Ema(network)
    networks: dict[str, nn.Module] = {"network": network, "ema": ema.average}
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    optimizers: dict[str, torch.optim.Optimizer] = {"network": optimizer}
    adversary = None
    if settings.adversarial:
        adversary = Adversary(space, settings.network.projected, settings.adversarial)
        networks["discriminator"] = adversary.network.to(device)
        optimizers["discriminator"] = torch.optim.Adam(
            adversary.network.parameters(), settings.adversarial.learning_rate, betas=(0.5, 0.9)
        )
    log = RunLog(out)
    saved, kept = out / "checkpoint.safetensors", out / "kept.safetensors"
    step, best, waited = 0, -1.0, 0
    if saved.is_file():
        step, notes = checkpoint.resume(saved, networks, optimizers, generator)
        best, waited = notes["best"], notes["waited"]
        log.truncate(step)
    draw = Sampler(training, settings, generator)
    began = time.monotonic()
    while step < settings.steps and waited < settings.patience:
        step += 1
        optimizer.param_groups[0]["lr"] = schedule(step, settings)
        network.train()
        batch = {name: value.to(device) for name, value in draw().items()}
        losses = loss_of(network.move(batch["heard"]), batch["motion"], batch["mask"])
        for each in optimizers.values():
            each.zero_grad()
        if adversary and step > adversary.settings.start:
            batch = draw.pairs(adversary.settings.window, adversary.settings.batch)
            batch = {name: value.to(device) for name, value in batch.items()}
            losses["discriminator"], losses["adversarial"] = adversary(network.move, batch, step)
            losses["discriminator"].backward()
            losses["loss"] = losses["loss"] + losses["adversarial"]
        losses["loss"].backward()
        for each in optimizers.values():
            each.step()
        ema.update(network, step)
        log.write(step, **{name: round(float(v.detach()), 6) for name, v in losses.items()})
        if step % settings.validate_every == 0 or step == settings.steps:
            score = validate(ema.average, validation, space, device)
            log.write(step, validation=score, seconds=round(time.monotonic() - began, 1))
            print(f"{settings.name} step {step} validation {score:.4f}", flush=True)
            best, waited = (score, 0) if score > best else (best, waited + 1)
            if waited == 0 or settings.keep == "last":
                data = statement(settings, training, step, score)
                extras = {k: torch.from_numpy(v) for k, v in space.arrays().items()}
                weights_file.write(kept, "motion", ema.average, settings.network, extras, data)
                if adversary:
                    write_discriminator(out, settings, adversary, extras, data)
            notes = {"best": best, "waited": waited}
            checkpoint.save(saved, step, networks, optimizers, generator, notes)
    final = out / f"{settings.name}.safetensors"
    final.write_bytes(kept.read_bytes())
    return final


def write_discriminator(
    out: Path,
    settings: Settings,
    adversary: Adversary,
    extras: dict[str, torch.Tensor],
    data: dict[str, object],
) -> None:
    """The discriminator beside the weights, with the same statement but the network's score."""
    name = adversary.settings.name or f"{settings.name}-discriminator"
    data = {key: value for key, value in data.items() if key != "validation"}
    data |= {"name": name, "front_end": settings.network.front_end}
    judge = adversary.network.eval()
    path = out / f"{name}.safetensors"
    weights_file.write(path, "sequence-discriminator", judge, adversary.config, extras, data)
    judge.train()


def build(config: MotionConfig, statistics: dict[str, Floats]) -> MotionNetwork:
    """An untrained network that holds the pack's projection of its front end."""
    network = MotionNetwork(config)
    network.mean.copy_(torch.from_numpy(statistics[f"{config.front_end}.mean"]))
    network.directions.copy_(torch.from_numpy(statistics[f"{config.front_end}.directions"]))
    return network


def schedule(step: int, settings: Settings) -> float:
    """Learning rate: 100 steps of warm-up, then a half cosine down to nothing."""
    warm = min(1.0, step / min(100, settings.steps))
    return settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))


@torch.inference_mode()
def validate(
    network: MotionNetwork, examples: list[Example], space: MouthSpace, device: str
) -> float:
    """Mean over held-out people of the correlation of opening and first component, averaged."""
    direction = opens(space)
    scores: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        heard = torch.from_numpy(example.heard[0])[None].to(device)
        motion = network.move(heard)[0].float().cpu().numpy()
        for signal in (direction, np.eye(len(direction))[0]):
            pair = np.corrcoef(motion @ signal, example.motion @ signal)
            scores[example.clip.person].append(float(np.nan_to_num(pair[0, 1])))
    return round(float(np.mean([np.mean(values) for values in scores.values()])), 4)


def statement(
    settings: Settings, examples: list[Example], step: int, score: float
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    seen = [example for example in examples if example.real is not None]
    unseen = [example for example in examples if example.real is None]
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({example.clip.licence for example in examples}),
        "people": len({example.clip.person for example in seen}),
        "minutes": minutes(seen),
        "minutes_of_sound_alone": minutes(unseen),
        "steps": step,
        "seed": settings.seed,
        "validation": score,
        "held_out": sorted(settings.hold_out),
    }


def minutes(examples: list[Example]) -> float:
    """Length of all of them."""
    return round(sum(len(example.motion) for example in examples) / 25 / 60, 1)


if __name__ == "__main__":
    main()
