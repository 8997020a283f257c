"""Content Credentials of any content, valid or not: what our own signing would refuse to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avsynth.provenance import c2pa_library, vocabulary
from avsynth.provenance.certificates import anchors, local_signer

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": vocabulary.IPTC + "trainedAlgorithmicMedia",
}


def actions(*entries: dict[str, Any]) -> dict[str, Any]:
    """The assertion of what was done, which begins with having been created."""
    return {"label": "c2pa.actions.v2", "data": {"actions": [CREATED, *entries]}}


def sign(
    source: Path, target: Path, manifest: dict[str, Any] | None = None,
    parents: tuple[tuple[Path, dict[str, Any]], ...] = (),
    remote: str | None = None, embed: bool = True,
) -> bytes:  # fmt: skip
    """Sign ``source`` into ``target`` with this machine's key; the manifest's bytes.

    ``parents`` are ingredients, each with what is said of it.
    """
    import c2pa

    signer = local_signer()
    kind = c2pa_library.media_type(source)
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, None)
    stated: dict[str, Any] = {
        "claim_generator_info": [{"name": "tests", "version": "1"}],
        "format": kind,
        "assertions": [actions()],
        **(manifest or {}),
    }
    with (
        c2pa.Signer.from_info(info) as native,
        c2pa.Builder(stated, context=c2pa_library.context(anchors())) as builder,
    ):
        if remote is not None:
            builder.set_remote_url(remote)
        if not embed:
            builder.set_no_embed()
        for path, said in parents:
            with path.open("rb") as file:
                builder.add_ingredient(said, c2pa_library.media_type(path), file)
        with source.open("rb") as file, target.open("w+b") as out:
            return bytes(builder.sign(native, kind, file, out))
