"""avsynth studio: dubs, scans and consent records in a browser on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from avsynth.errors import UsageError


def studio(
    host: Annotated[
        str, typer.Option(help="To listen at; other than this machine alone asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    max_upload: Annotated[
        int, typer.Option(min=1, help="Largest file taken, in MB; four times as much in all.")
    ] = 4000,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps results. Default: none are kept."),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a page for dubs, scans and consent records; prints its address; Ctrl-C ends it.

    AVSYNTH_STUDIO_TOKEN sets the token, which is then asked for on this machine, too.
    """
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the studio page needs {' and '.join(missing)}, which is not installed",
            hint="pip install 'avsynth[studio]'",
        )
    from avsynth.studio.limits import Limits
    from avsynth.studio.serve import serve

    largest = max_upload * 10**6
    serve(host, port, Limits(file=largest, total=4 * largest), keep, show)
