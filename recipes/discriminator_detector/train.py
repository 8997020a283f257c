"""Train a judge: a discriminator with a new head, or the same network from scratch.

    python recipes/discriminator_detector/train.py --pack .packs/judge_voices \
        --config recipes/discriminator_detector/vocoder.yaml --out runs/vocoder-judge-small

Needs torch, numpy, safetensors, pydantic and PyYAML. Deterministic under its seed. Writes log.jsonl
and NAME.safetensors (half precision).
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from examples import Draw, Examples, load
from settings import Settings
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import softplus

from avsynth import weights
from avsynth.errors import UsageError
from avsynth.models.judge import Judge, JudgeConfig, Part
from avsynth.training.command import read_run
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything
from avsynth.training.steps import improve, in_float
from avsynth.weights import file as weights_file
from detectors.from_discriminator import SOURCES
from detectors.views import VIEWS


def main() -> None:
    """Train."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), load(run.pack), run.out, run.device)


def train(settings: Settings, examples: Examples, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the weights file."""
    torch.set_num_threads(settings.threads)
    generator = seed_everything(settings.seed)
    draw = Draw(examples.rows, settings.purpose, settings.without, settings.share, settings.seed)
    judge = build(settings).to(device)
    optimizer, schedule = optimizers(judge, settings)
    view, log = VIEWS[view_of(settings)], RunLog(out, tensorboard=False)
    log.truncate(0)
    began = time.monotonic()
    for step in range(1, settings.steps + 1):
        pairs = draw.pairs(settings.batch // 2, generator, settings.paired > 0)
        numbers = [number for side in zip(*pairs, strict=True) for number in side]
        seeds = [int(seed) for seed in generator.integers(2**31, size=len(numbers))]
        if settings.paired:
            seeds[len(pairs) :] = seeds[: len(pairs)]
        batch = {k: v.to(device) for k, v in view(examples.batch(numbers, seeds)).items()}
        losses = step_losses(judge, batch, settings)
        improve(optimizer, torch.stack(list(losses.values())).sum())
        schedule.step()
        log.write(step, **{name: round(float(v.detach()), 5) for name, v in losses.items()})
        if step % 50 == 0 or step == settings.steps:
            print(f"{out.name} step {step} {time.monotonic() - began:.0f} s", flush=True)
    final = out / f"{settings.name}.safetensors"
    judge.eval()
    weights_file.write(final, "judge", judge, judge.config, {}, statement(settings, draw))
    return final


def build(settings: Settings) -> Judge:
    """The judge before its training."""
    read = [sourced(name, settings.branches) for name in settings.sources]
    parts = tuple(part for part, _ in read)
    judge = Judge(JudgeConfig(parts=parts, hidden=settings.hidden, dropout=settings.dropout))
    if settings.start == "trained":
        for network, (_, state) in zip(judge.parts, read, strict=True):
            network.load_state_dict(state)
    judge.parts.requires_grad_(not settings.frozen)
    return judge


def sourced(name: str, branches: tuple[int, ...]) -> tuple[Part, dict[str, Tensor]]:
    """A discriminator's kind and config and its weights, of those ``branches`` alone.

    Branches are what a discriminator of sound lists in its config: windows or periods.
    """
    source = weights.read(name)
    config, state = source.config.model_dump(mode="json"), source.network.state_dict()
    listed = next((key for key in ("windows", "periods") if key in config), None)
    if branches and listed:
        config[listed] = [config[listed][branch] for branch in branches]
        state = {
            f"judges.{new}.{key.split('.', 2)[2]}": value
            for new, old in enumerate(branches)
            for key, value in state.items()
            if key.startswith(f"judges.{old}.")
        }
    return Part(kind=source.kind, config=config), state


def view_of(settings: Settings) -> str:
    """What the sources see, which must be the same. UsageError when it is not."""
    found = {SOURCES[Path(name).stem].view for name in settings.sources}
    if len(found) > 1:
        raise UsageError(f"these discriminators see different things: {', '.join(sorted(found))}")
    return found.pop()


def optimizers(
    judge: Judge, settings: Settings
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW, and a short warm-up before half a cosine down to nothing."""
    groups = [{"params": list(judge.head.parameters()), "lr": settings.head_rate}]
    if not settings.frozen:
        groups.append({"params": list(judge.parts.parameters()), "lr": settings.learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / min(30, settings.steps))
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * step / settings.steps)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def step_losses(judge: Judge, batch: dict[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """Of a batch whose first half is real and whose second half is made.

    Cross entropy of the head; where halves are matched item by item a relativistic loss of the
    pairs, in which what both show cancels, so that small differences are learned from; and the
    same of the discriminators' own logits, place by place, which then say where.
    """
    judge.train()
    device = batch["x"].device
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.bfloat16):
        judged = [in_float(each) for each in judge.judge(batch)]
    logits = judge.score(judged)
    fake = torch.arange(len(logits), device=device) >= len(logits) // 2
    losses = {"head": cross_entropy(logits, fake.float())}
    if settings.paired:
        losses["pairs"] = settings.paired * _paired(logits)
    if settings.places and not settings.frozen:
        losses_of = _paired if settings.paired else _single
        terms = [losses_of(-each.flatten(1)) for judgement in judged for each in judgement.logits]
        losses["places"] = settings.places * torch.stack(terms).mean()
    return losses


def _single(logits: Tensor) -> Tensor:
    """Cross entropy of logits whose first half is real."""
    real, fake = logits.chunk(2)
    return 0.5 * (softplus(real) + softplus(-fake)).mean()


def _paired(logits: Tensor) -> Tensor:
    """Softplus of how far the first half lies above the second."""
    real, fake = logits.chunk(2)
    return softplus(real - fake).mean()


def statement(settings: Settings, draw: Draw) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "sources": list(settings.sources),
        "view": view_of(settings),
        "trained_on": list(draw.families),
        "people": len({row.person for row in draw.rows}),
        "items": len(draw.rows),
        "settings": settings.model_dump(mode="json"),
        "steps": settings.steps,
        "seed": settings.seed,
    }


if __name__ == "__main__":
    main()
