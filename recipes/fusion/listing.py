"""A manifest of the ``folder`` protocol, written row by row."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS = ("file", "label", "group", "person", "split", "source", "original")


class Listing:
    """Collects rows; the list appears as ``manifest.csv`` when all is done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, **row: str) -> None:
        """One file; ValueError when a column is missing."""
        if set(row) != set(COLUMNS):
            raise ValueError(f"a row has {', '.join(COLUMNS)}")
        self.rows.append(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            with (self.folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(self.rows)
