"""What every adversarial trainer does the same: take a step, on one machine or under torchrun."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn

from avsynth.models.discriminators import Judgement


def improve(optimizer: torch.optim.Optimizer, loss: Tensor, largest: float = 1.0) -> None:
    """One step down ``loss``; gradients averaged over ranks and clipped to the norm ``largest``."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if dist.is_initialized():
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad, dist.ReduceOp.AVG)
    nn.utils.clip_grad_norm_(parameters, largest)
    optimizer.step()


def in_float(judgement: Judgement) -> Judgement:
    """In float32, for the losses."""
    return Judgement(
        [x.float() for x in judgement.logits], [[x.float() for x in y] for y in judgement.features]
    )


@contextlib.contextmanager
def ranks(device: str) -> Iterator[tuple[str, int]]:
    """Device and number of this process: ``device`` and 0, or what torchrun gave it."""
    if "RANK" not in os.environ:
        yield device, 0
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        yield device, int(os.environ["RANK"])
    finally:
        dist.destroy_process_group()
