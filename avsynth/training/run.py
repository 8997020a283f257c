"""A training run's bookkeeping: the step it is at, its log, its checkpoint, when it is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avsynth.training import checkpoint
from avsynth.training.runlog import RunLog


class Run:
    """Yields steps until all are done, or until nothing has become better for too long.

    A run that was interrupted goes on after its last checkpoint.

    Args:
        name: of the weights.
        out: the run's folder, made where it is missing.
        steps: how many there are in all.
        every: steps between validations; the last one is validated, too.
        networks: what a checkpoint holds, as they were built for the run.
        optimizers: the same.
        generator: whose state is kept, too; None where every step draws from a seed of its own.
        rank: of this process among those that train together; each has its own log.
        patience: validations without an improvement after which the run ends.

    Attributes:
        final: where the weights go.
        step: the present one, from 1; 0 before the first.
        best: the lowest of the values that ``better`` was asked about.

    Raises:
        InputError: the checkpoint is of another run.
    """

    def __init__(
        self,
        name: str,
        out: Path,
        steps: int,
        every: int,
        networks: dict[str, nn.Module],
        optimizers: Mapping[str, torch.optim.Optimizer],
        generator: np.random.Generator | None = None,
        *,
        rank: int = 0,
        patience: float = math.inf,
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._name, self._steps, self._every, self._patience = name, steps, every, patience
        self._kept = networks, optimizers, generator or np.random.default_rng()
        self._saved = out / f"checkpoint{rank or ''}.safetensors"
        self._log = RunLog(out / f"rank{rank}" if rank else out)
        self.final = out / f"{name}.safetensors"
        self.step, self.best, self._waited, spent = 0, math.inf, 0, 0.0
        if self._saved.is_file():
            self.step, notes = checkpoint.resume(self._saved, *self._kept)
            self.best, self._waited = notes["best"], notes["waited"]
            spent = notes["seconds"]
            self._log.truncate(self.step)
        self._began = time.monotonic() - spent

    @property
    def seconds(self) -> float:
        """That the run has taken, those before an interruption included."""
        return time.monotonic() - self._began

    @property
    def due(self) -> bool:
        """Whether this step is followed by a validation."""
        return self.step % self._every == 0 or self.step == self._steps

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are left."""
        while self.step < self._steps and self._waited < self._patience:
            self.step += 1
            yield self.step

    def log(self, terms: Mapping[str, float]) -> None:
        """Write the losses of this step down."""
        self._log.write(self.step, **terms)

    def validated(self, scores: Mapping[str, float]) -> None:
        """Write down and print what a validation found."""
        seconds = self.seconds
        self._log.write(self.step, seconds=round(seconds, 1), **scores)
        told = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        left = seconds / self.step * (self._steps - self.step) / 60
        print(f"{self._name} step {self.step}: {told}; {left:.0f} min left", flush=True)

    def better(self, value: float) -> bool:
        """Whether ``value`` is below all earlier ones; patience is counted from the last such."""
        lower = value < self.best
        self.best, self._waited = (value, 0) if lower else (self.best, self._waited + 1)
        return lower

    def save(self) -> None:
        """Write the checkpoint: after the weights, or a kill between them would lose these."""
        notes = {"best": self.best, "waited": self._waited, "seconds": self.seconds}
        checkpoint.save(self._saved, self.step, *self._kept, notes)
