"""avsynth demo: the main job on a person who does not exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Dub the demo person, sign, verify, give the new line another voice, scan; all into OUT."""
    from avsynth.cli.dub import summary
    from avsynth.cli.progress import bars
    from avsynth.cli.verify import describe
    from avsynth.pipelines.demonstrate import run_demo
    from detectors.demonstrate import scan_demo
    from detectors.report.json import line
    from detectors.report.text import render

    with bars(quiet=as_json) as show:
        done = run_demo(out, show)
        judged = scan_demo(out, show)
    if as_json:
        print(json.dumps({"report": done.report.model_dump(mode="json"),
                          "credentials": done.credentials.as_dict(),
                          "scans": [line(each.verdict) for each in judged]}, indent=2))  # fmt: skip
        return
    print(summary(done.report))
    print()
    print("\n".join(describe(done.credentials)))
    print()
    for each in judged:
        print(f"What the detectors make of {each.what}")
        print(render(each.verdict))
        print()
    print("Look at")
    pages = {each.page: f"the scan of {each.what}" for each in judged}
    for path, what in (done.files | pages).items():
        print(f"  {path!s:<32} {what}")
