"""What the tests of recipes share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

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
