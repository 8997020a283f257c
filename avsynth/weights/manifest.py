"""The weights that ship with the package: names, hashes, licences, purposes, cards."""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from avsynth.errors import WeightsError

#: "commercial" weights may be used for anything; "research" ones for research alone.
Purpose = Literal["commercial", "research"]


class Entry(BaseModel):
    """One row of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str
    file: str
    sha256: str
    licence: str
    purpose: Purpose
    card: str
    needs: str = ""  # "" or the optional front end without which it cannot run

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return _folder() / self.file


def _folder() -> Path:
    return Path(str(resources.files("avsynth.weights"))) / "shipped"


@functools.cache
def list_weights() -> tuple[Entry, ...]:
    """All named weights, best first within each kind and purpose."""
    text = (_folder() / "manifest.json").read_text("utf-8")
    return tuple(TypeAdapter(list[Entry]).validate_json(text))


def find(name: str) -> Entry:
    """The row called ``name``; WeightsError that lists the names when there is none."""
    for entry in list_weights():
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in list_weights())
    raise WeightsError(f"no weights are called {name!r}", hint=f"there are: {names}")


def card(name: str) -> str:
    """The card of named weights as Markdown; WeightsError when the name or the card is missing."""
    entry = find(name)
    path = _folder() / entry.card
    if not path.is_file():
        raise WeightsError("the card is missing", path)
    return path.read_text("utf-8")


def write_manifest(entries: list[Entry], folder: Path) -> None:
    """Store ``entries`` as the manifest of ``folder`` (used by recipes)."""
    rows = [entry.model_dump(mode="json") for entry in entries]
    (folder / "manifest.json").write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
