"""``write(verdict, path)``: one page that opens offline; ``write_index`` lists a batch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from avsynth.media import atomic_output
from detectors.report.values import text
from detectors.verdict import Verdict


def page_name(verdict: Verdict) -> str:
    """A plain file name for a verdict's page: from the file's name, unique by its path."""
    path = text(verdict.path)  # as in the JSON line, which an index may be made from
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(path).name).strip("-.")[:60] or "file"
    return f"{stem}-{hashlib.sha256(path.encode()).hexdigest()[:8]}.html"


def write(verdict: Verdict, path: Path) -> None:
    """Write the page of one verdict.

    Raises:
        ResourceError: it cannot be written there.
    """
    from detectors.report.page import render

    with atomic_output(path) as temporary:
        temporary.write_text(render(verdict), encoding="utf-8", errors="replace")


def write_index(verdicts: Iterable[Verdict], folder: Path) -> Path:
    """Write ``index.html`` into ``folder``: every file with verdict, score and link to its page.

    Pages are linked where ``folder / page_name(verdict)`` exists. ``verdicts`` is read once; what
    is kept of each is a row.

    Raises:
        ResourceError: it cannot be written there.
    """
    from detectors.report.batch import render

    path = folder / "index.html"
    with atomic_output(path) as temporary:
        temporary.write_text(render(verdicts, folder), encoding="utf-8", errors="replace")
    return path
