"""Packages that only metrics need: imported where they are used, missed in one clear sentence."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from avsynth.errors import WeightsError


def load(module: str, purpose: str) -> Any:
    """Import ``module``, without the warnings that its import gives.

    Args:
        module: Dotted name.
        purpose: What cannot be measured without it, as the beginning of a sentence.

    Raises:
        WeightsError: it, or something that it imports, is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(module)
        except ImportError as error:
            missing = (error.name or module).partition(".")[0]
            raise WeightsError(
                f"{purpose} needs the package {missing}, which is not installed",
                hint="pip install 'avsynth[metrics]'",
            ) from error
