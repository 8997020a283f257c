"""The one door to torchaudio, also where its compiled extension cannot be loaded.

The 2.11 wheel is linked against CUDA: beside a processor build of torch ``import torchaudio``
raises OSError, and RuntimeError where the CUDA minor versions differ. Everything written in
Python in it (mel, resampling, augmentation) works without the extension; ``forced_align`` and
``rnnt_loss`` do not, and ``lfilter`` becomes a slow loop (filter with scipy).
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


def load_torchaudio() -> Any:
    """Import torchaudio, without its extension if that cannot be loaded. Call it, never import."""
    if "torchaudio" in sys.modules:
        return sys.modules["torchaudio"]
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError):
        # A copy: the speech is heard in a thread, and others may import meanwhile.
        for name in [
            m for m in list(sys.modules) if m == "torchaudio" or m.startswith("torchaudio.")
        ]:
            del sys.modules[name]
    sys.modules["torchaudio._extension"] = _without_extension()
    return importlib.import_module("torchaudio")


def _without_extension() -> types.ModuleType:
    """What the rest of torchaudio expects of its extension module when there is none."""
    module = types.ModuleType("torchaudio._extension")

    def fail_if_no_align(function: Any) -> Any:
        def refuse(*_args: Any, **_options: Any) -> Any:
            raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension")

        return refuse

    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
    )
    return module
