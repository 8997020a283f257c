"""A job: what is to be done, how far it is, what came of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from avsynth.pipelines.progress import Callback, Step

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Found:
    """A part of the result, as soon as it is there: JSON-ready."""

    part: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How the work ended: with a result, JSON-ready, or with an error in a line."""

    result: dict[str, Any] | None = None
    error: str | None = None


#: How work tells of a part of its result.
TellPart = Callable[[dict[str, Any]], None]


class Order(Protocol):
    """What a process of its own is given to do; to be sent there, and to run in ``folder``."""

    @property
    def folder(self) -> Path:
        """Where it works: what it makes lies here under fixed names."""

    @property
    def names(self) -> dict[str, str]:
        """Names of files on the disk, and those that people gave them."""

    def carry_out(self, tell: Callback, found: TellPart) -> dict[str, Any]:
        """Do it; the result, JSON-ready."""


@dataclass
class Stage:
    """A stage of a job. ``done`` of ``total`` (None: not known); ``unit`` as in ``Step``."""

    name: str
    began: float
    ended: float | None = None
    done: float = 0.0
    total: int | None = None
    unit: str = ""

    def view(self) -> dict[str, Any]:
        """For the page: with items a second, and seconds left where that can be told."""
        now = self.ended or time.monotonic()
        seconds = max(now - self.began, 1e-6)
        rate = self.done / seconds if self.done and seconds > 0.2 else None
        left = (self.total - self.done) / rate if rate and self.total else None
        return {
            "name": self.name, "over": self.ended is not None, "seconds": round(seconds, 1),
            "done": self.done, "total": self.total, "unit": self.unit,
            "rate": rate, "left": None if left is None else max(left, 0.0),
        }  # fmt: skip


@dataclass(eq=False)
class Job:
    """One thing to do, from asking for it to its result. Safe to be looked at from any thread."""

    kind: str
    order: Order
    uses: frozenset[str]  # uploads
    key: str = ""  # equal for what is the same job
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: State = "waiting"
    stages: list[Stage] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str | None = None
    turn: int = 0  # how often it was asked for
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ("done", "failed", "cancelled")

    def again(self, order: Order, uses: frozenset[str]) -> None:
        """Make it wait, also once more after it was cancelled or failed; its folder stays."""
        with self.lock:
            self.order, self.uses, self.turn = order, uses, self.turn + 1
            self.state, self.stages, self.parts = "waiting", [], []
            self.result = self.error = None

    def take(self, message: Step | Found | Ended) -> None:
        """Note what its process says."""
        with self.lock:
            if isinstance(message, Found):
                self.parts.append(message.part)
            elif isinstance(message, Ended):
                self.end("failed" if message.result is None else "done", message.error)
                self.result = message.result
            else:
                self._step(message)

    def going(self, turn: int) -> bool:
        """Whether what was begun in that turn is still wanted."""
        return self.turn == turn and not self.over

    def end(self, state: State, error: str | None = None) -> None:
        """No more comes."""
        with self.lock:
            self.state, self.error = state, error
            for stage in self.stages:
                stage.ended = stage.ended or time.monotonic()

    def _step(self, step: Step) -> None:
        now = time.monotonic()
        if not self.stages or self.stages[-1].name != step.stage:
            for before in self.stages:
                before.ended = before.ended or now
            self.stages.append(Stage(step.stage, now))
        stage = self.stages[-1]
        stage.done, stage.total, stage.unit = step.done, step.total, step.unit

    def view(self, before: int = 0) -> dict[str, Any]:
        """For the page; ``before`` is how many others are done first."""
        with self.lock:
            return {
                "id": self.id, "kind": self.kind, "state": self.state, "before": before,
                "stages": [stage.view() for stage in self.stages], "parts": list(self.parts),
                "result": self.result, "error": self.error,
            }  # fmt: skip
