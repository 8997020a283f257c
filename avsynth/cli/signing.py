"""With whose certificate outputs are signed: options that the verbs which sign have alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.errors import UsageError

if TYPE_CHECKING:
    from avsynth.provenance.certificates import Signer

Cert = Annotated[Path | None, typer.Option(help="Certificate chain (PEM) to sign with.")]
Key = Annotated[Path | None, typer.Option(help="Its private key (PEM).")]


def chosen_signer(cert: Path | None, key: Path | None) -> Signer | None:
    """Who signs; None: this machine itself.

    Raises:
        UsageError: one of the two without the other.
        AvsynthError: see ``load_signer``.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise UsageError("--cert and --key go together")
    from avsynth.provenance.certificates import load_signer

    return load_signer(cert, key)
