"""The log of a run: one JSON object a line, and TensorBoard where it is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any


class RunLog:
    """Appends to ``folder/log.jsonl``; a resumed run goes on in the same file."""

    def __init__(self, folder: Path, tensorboard: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        self._board: Any = None
        if tensorboard and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder))

    def write(self, step: int, **values: float | str) -> None:
        """One line: the step and named values."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            if self._board is not None and not isinstance(value, str):
                self._board.add_scalar(name, value, step)

    def truncate(self, step: int) -> None:
        """Drop lines after ``step``: what an interrupted run wrote after its last checkpoint."""
        if not self.path.is_file():
            return
        lines = self.path.read_text("utf-8").splitlines()
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        self.path.write_text("".join(f"{line}\n" for line in kept), "utf-8")
