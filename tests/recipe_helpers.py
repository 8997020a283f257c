"""What the tests of recipes share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from avsynth.training import pack

RECIPES = Path(__file__).parents[1] / "recipes"


@contextmanager
def recipe_modules(recipe: str, names: Sequence[str]) -> Iterator[dict[str, ModuleType]]:
    """Modules of one recipe by name, on one thread; other recipes have a ``train`` too.

    ``sys.path`` is put back whatever the modules add to it, and every module that came from a
    recipe's folder is forgotten.
    """
    threads, path = torch.get_num_threads(), list(sys.path)
    torch.set_num_threads(1)
    hidden = _take_away()
    sys.path.insert(0, str(RECIPES / recipe))
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        _take_away()
        sys.modules.update(hidden)
        sys.path[:] = path
        torch.set_num_threads(threads)


def _take_away() -> dict[str, ModuleType]:
    found = {
        name: module
        for name, module in list(sys.modules.items())
        if "." not in name and str(getattr(module, "__file__", None) or "").startswith(str(RECIPES))
    }
    for name in found:
        del sys.modules[name]
    return found


def made_voices(folder: Path) -> Path:
    """A speech pack: five buzzing people, unlike in pitch and colour, 2.5 s each, one held out."""
    random = np.random.default_rng(0)
    rows, sounds, pitches, clips = 251, [], [], []
    time = np.arange(rows * 160) / 16_000
    for person in range(5):
        hertz = 100.0 + 30 * person
        parts = np.arange(1, 20)
        colour = np.exp(0.5 * random.standard_normal(19)) / parts
        buzz = colour @ np.sin(2 * np.pi * hertz * parts[:, None] * time)
        sound = 0.08 * buzz * (np.sin(2 * np.pi * 1.1 * time + person) > -0.5)
        sound += 1e-3 * random.standard_normal(len(time))
        sounds.append((np.clip(sound, -1, 1) * 32767).astype(np.int16).reshape(-1, 160))
        pitches.append(np.full(rows, hertz, np.float32))
        clips.append(
            pack.Clip(
                name=f"p{person}", source="made", person=f"p{person}",
                split="dev" if person == 4 else "train", licence="none", purpose="commercial",
                start=person * rows, rows=rows,
            )
        )  # fmt: skip
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_array(folder, "pitch", np.concatenate(pitches))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=tuple(clips)))
    return folder
