"""The second tab's work: files scanned, a page and a line of JSON of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from avsynth.pipelines.progress import Callback, Progress
from avsynth.studio.jobs import TellPart

#: One JSON object a file, in the order in which they were done.
LINES: Final = "scan.jsonl"


@dataclass(frozen=True)
class ScanOrder:
    """Files to scan; the page of file n is ``page-n.html`` in ``folder``."""

    folder: Path
    files: tuple[Path, ...]
    names: dict[str, str] = field(default_factory=dict)

    def carry_out(self, tell: Callback, found: TellPart) -> dict[str, Any]:
        """Scan as ``avsynth scan`` does; a part of the result for every file."""
        from detectors.batch import scan_many
        from detectors.report import html, phrases, words
        from detectors.report.json import line
        from detectors.sharing import processors

        places = {str(path): number for number, path in enumerate(self.files)}
        steps = Progress(tell)
        steps.start("scanning", len(self.files))
        with Path(LINES).open("w", encoding="utf-8") as lines:
            for given in scan_many(self.files, jobs=min(processors(), len(self.files))):
                number = places[str(given.path)]
                verdict = replace(given, path=self.names[str(given.path)])
                html.write(verdict, Path(f"page-{number}.html"))
                lines.write(json.dumps(line(verdict)) + "\n")
                lines.flush()
                found({
                    "number": number,
                    "answer": verdict.answer,
                    "headline": phrases.HEADLINES[verdict.answer],
                    "reason": words.sentence(verdict.error or verdict.reason),
                    "score": None if verdict.score is None else words.signed(verdict.score),
                    "interval": words.interval(verdict.interval),
                })  # fmt: skip
                steps.advance()
        steps.finish()
        return {"files": len(self.files)}
