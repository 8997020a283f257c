"""Train the frame detector on a corpus of faces.

    python recipes/visual_detector/train.py --pack packs/fake_faces --out runs/detect/visual \
        --config recipes/visual_detector/small.yaml [--set without=[lipsync] name=visual-x]

Needs what ``recipes/fake_faces`` wrote, and the extra ``metrics`` for the ImageNet weights that it
begins with. Deterministic under its seed; interrupted, the same command goes on at the step of the
last checkpoint. Writes log.jsonl, checkpoint.safetensors, and NAME.safetensors (half precision):
the averaged weights at that validation, on people of the dev split, whose mean AUC was best.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import imagenet
import numpy as np
import torch
from judge import validate
from pairs import Batch, Pairs
from settings import Settings
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from avsynth import weights
from avsynth.models.frame_detector import FrameDetector, to_batch
from avsynth.training.command import read_run
from avsynth.training.ema import Ema
from avsynth.training.face_corpus import open_faces
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file


class Learner:
    """The network, its average, and the optimiser."""

    def __init__(self, settings: Settings, device: str) -> None:
        self.settings, self.device = settings, torch.device(device)
        network = FrameDetector(settings.network)
        if settings.begin is not None:
            network.load_state_dict(weights.read(settings.begin).network.state_dict())
        elif settings.imagenet:
            imagenet.fill(network)
        self.network: FrameDetector = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.network, 0.99)
        if settings.imagenet:
            freeze(self.network, settings.frozen)
        slow, fast = [], []
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                (slow if name.startswith(("stem", "blocks")) else fast).append(parameter)
        self._shares = (0.3 if settings.imagenet else 1.0, 1.0)
        self.optimizer = torch.optim.AdamW(
            [{"params": slow}, {"params": fast}],
            lr=settings.learning_rate, weight_decay=settings.weight_decay,
        )  # fmt: skip
        self.networks: dict[str, nn.Module] = {"network": self.network, "ema": self.ema.average}

    def step(self, batch: Batch, number: int) -> dict[str, Tensor]:
        """Improve once; the losses by name."""
        settings = self.settings
        self._prepare(number)
        given = {k: v.to(self.device) for k, v in to_batch(batch.views).items()}
        given["picture"] = given["picture"].contiguous(memory_format=torch.channels_last)
        fast = settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            made = self.network(given)
        logits, places = made["logit"].float()[:, 0], made["map"].float()[:, 0]
        masks = torch.from_numpy(batch.masks).to(self.device)
        count = len(logits) // 2
        shown = torch.from_numpy(batch.shown).to(self.device)
        label = torch.cat([torch.zeros(count), torch.ones(count)]).to(self.device)
        weight = torch.cat([torch.ones_like(shown), shown])
        each = binary_cross_entropy_with_logits(logits, label, reduction="none")
        # Beside its own original, a fake differs by nothing but the making: no face, no light.
        above = softplus(1.0 - (logits[count:] - logits[:count]))
        there = softplus(1.0 - (places[count:] - places[:count]))
        share = shown[:, None, None] * masks[count:]
        losses = {
            "frame": (weight * each).sum() / weight.sum(),
            "places": settings.places * binary_cross_entropy_with_logits(places, masks),
            "contrast": settings.contrast * (shown * above).sum() / shown.sum().clamp(min=1.0),
            "there": settings.there * (share * there).sum() / share.sum().clamp(min=1.0),
        }
        losses["loss"] = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad()
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.ema.update(self.network, number)
        return losses

    def _prepare(self, number: int) -> None:
        """Rates. Normalisation stays ImageNet's: batches are small."""
        settings = self.settings
        done = number / settings.steps
        factor = min(1.0, number / 40) * 0.5 * (1.0 + float(np.cos(np.pi * min(done, 1.0)))) + 0.01
        for group, share in zip(self.optimizer.param_groups, self._shares, strict=True):
            group["lr"] = settings.learning_rate * factor * share
        self.network.train()
        if settings.imagenet:
            for layer in self.network.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()


def freeze(network: FrameDetector, blocks: int) -> None:
    """Keep what ImageNet taught where learning is dear: large pictures, and kernels of 5 x 5.

    On a processor their gradients cost two thirds of a step.
    """
    for part in (network.stem, *network.blocks[:blocks]):
        part.requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.groups > 1 and layer.kernel_size[0] == 5:
            layer.weight.requires_grad_(False)


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    seed_everything(settings.seed)
    corpus = open_faces(folder)
    pairs = Pairs(corpus, settings.purpose, settings.without, settings.avoid)
    learner = Learner(settings, device)
    optimizers = {"optimizer": learner.optimizer}
    run = Run(
        settings.name, out, settings.steps, settings.validate_every, learner.networks, optimizers
    )
    size = settings.network.size
    for step in run.steps():
        seed = [settings.seed, step]
        batch = pairs.batch(settings.pairs, size, settings.online, settings.subtle, seed)
        losses = learner.step(batch, step)
        run.log({name: round(float(v.detach()), 5) for name, v in losses.items()})
        if not run.due:
            continue
        found = validate(learner.ema.average, corpus, settings.judged)
        run.validated(found)
        # Where nobody is left to validate on, the last state is the best.
        if run.better(1.0 - float(np.mean([*found.values()])) if found else -step):
            about = statement(settings, pairs, step, run.seconds, found)
            network = learner.ema.average
            weights_file.write(run.final, "frame-detector", network, settings.network, {}, about)
        run.save()
    return run.final


def statement(
    settings: Settings, pairs: Pairs, step: int, seconds: float, found: dict[str, float]
) -> dict[str, Any]:
    """What the weights say of themselves."""
    return {
        "name": settings.name, "purpose": settings.purpose, "licence": settings.licence,
        "families": pairs.families, "people": len(pairs.people),
        "films": sum(map(len, pairs.people.values())),
        "steps": step, "of_steps": settings.steps, "seed": settings.seed,
        "begun_from": Path(settings.begin).stem if settings.begin else "ImageNet",
        "minutes": round(seconds / 60, 1), "validation": found,
    }  # fmt: skip


if __name__ == "__main__":
    main()
