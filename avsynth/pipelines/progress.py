"""How a pipeline tells what it is doing: stages with a count, for a bar or a caller's own use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """The state of a job: ``done`` of ``total`` items of a stage (total None: not known).

    ``unit`` is "s" where the items are seconds of sound.
    """

    stage: str
    done: float
    total: int | None
    unit: str = ""


Callback = Callable[[Step], None]


class Progress:
    """Counts a job's stages, times them, and tells a callback at most ten times a second."""

    def __init__(self, callback: Callback | None = None) -> None:
        self._callback = callback
        self._step = Step("", 0, None)
        self._since = self._told = time.monotonic()
        self.seconds: dict[str, float] = {}

    def start(self, stage: str, total: int | None = None, unit: str = "") -> None:
        """Begin a stage (which ends the one before)."""
        self.finish()
        self._step = Step(stage, 0, total, unit)
        self._tell()

    def advance(self, items: float = 1) -> None:
        """Count finished items of the stage."""
        self._step = replace(self._step, done=self._step.done + items)
        if time.monotonic() - self._told > 0.1:
            self._tell()

    def finish(self) -> None:
        """End the stage: its seconds are in ``seconds``."""
        now = time.monotonic()
        if self._step.stage:
            before = self.seconds.get(self._step.stage, 0.0)
            self.seconds[self._step.stage] = before + now - self._since
            self._tell()
        self._since = now
        self._step = Step("", 0, None)

    def _tell(self) -> None:
        self._told = time.monotonic()
        if self._callback is not None and self._step.stage:
            self._callback(self._step)
