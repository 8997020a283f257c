"""An audit as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avsynth.media import atomic_output
from detectors.audit.judge import Audit
from detectors.audit.text import conclusions
from detectors.metrics import results

FORMAT = "avsynth-audit/1"


def as_dict(audit: Audit) -> dict[str, Any]:
    """Everything in it, with the conclusions in words; what is not finite is null."""
    found: dict[str, Any] = results.as_dict(audit)
    found["pooled"].pop("scores")  # as many as files
    return {
        "format": FORMAT,
        "versions": results.versions(),
        **found,
        "conclusions": list(conclusions(audit)),
    }


def write(path: Path, audit: Audit) -> None:
    """Write it. ResourceError when that cannot be."""
    text = json.dumps(as_dict(audit), indent=2, ensure_ascii=True, allow_nan=False)
    with atomic_output(path) as temporary:
        temporary.write_text(text + "\n", "ascii")
