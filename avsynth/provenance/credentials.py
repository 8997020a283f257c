"""Content Credentials for what the toolkit makes: sign, read back, and only then publish."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avsynth.errors import InputError, InvalidCredentialsError, ResourceError, UsageError
from avsynth.media import sha256_file
from avsynth.provenance import vocabulary
from avsynth.provenance.c2pa_library import (
    EMBEDDABLE,
    OPAQUE,
    SIDECAR,
    context,
    destination,
    embeds,
    media_type,
    sidecar_of,
)
from avsynth.provenance.certificates import Signer, anchors, local_signer
from avsynth.provenance.home import write_over
from avsynth.provenance.manifest import Action, Consent, Model, Source, build, identifier
from avsynth.provenance.reading import read
from avsynth.provenance.report import CredentialReport
from avsynth.provenance.text import as_text

__all__ = [
    "Action",
    "Consent",
    "CredentialReport",
    "Model",
    "Signed",
    "Source",
    "publish",
    "read",
    "refuse_tampered",
    "sign",
    "verify_ours",
]


@dataclass(frozen=True)
class Signed:
    """A signed file that has not got its final name yet.

    ``sidecar`` holds the credentials of a container that cannot; it moves with the file.
    """

    path: Path
    sidecar: Path | None
    signer: Signer
    seconds: float


def sign(
    src: Path,
    dst: Path,
    *,
    actions: Sequence[Action],
    title: str,
    parent: Source | None = None,
    inputs: Sequence[Source] = (),
    models: Sequence[Model] = (),
    consent: Consent | None = None,
    signer: Signer | None = None,
) -> Signed:
    """Write ``src`` with Content Credentials to ``dst``. No network, no time stamp.

    Args:
        src: the finished media file: mp4, m4v, mov, m4a, wav, mp3, flac, jpg, png, webp; or mkv,
            mka, webm, ogg, opus, nut, whose credentials go to ``dst`` + ".c2pa", as do those of
            wav, mp3, flac and pictures of more than 64 MB.
        dst: another path with the same suffix; overwritten.
        actions: what was done, in order, after opening the parent (or creating the file; of that
            itself something may be said by a first "c2pa.created").
        title: the file's final name.
        parent: the original that was changed; without one the file counts as created by a model.
        inputs: other files that went in, such as the new speech.
        models: networks that took part.
        consent: the record that allowed it.
        signer: default: this machine's own chain.

    Raises:
        InputError: a file is missing, is not the media its name says, or an input has not the hash
            that it had.
        UsageError: an unfit suffix, ``dst`` equal to ``src``, an unknown action or source type.
        ResourceError: ``dst`` cannot be written.
    """
    import c2pa

    started = time.perf_counter()
    kind = EMBEDDABLE.get(src.suffix.lower()) or SIDECAR.get(src.suffix.lower())
    _check(src, dst, kind, actions)
    inside = embeds(kind, src)
    signer = signer or local_signer()
    sources = [
        _hashed(s)
        for s in [*([replace(parent, relationship="parentOf")] if parent else []), *inputs]
    ]
    manifest = build(kind, as_text(title), actions, sources, models, consent)
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, None)
    try:
        with (
            c2pa.Signer.from_info(info) as native,
            c2pa.Builder(manifest, context=context((*anchors(), signer.anchor))) as builder,
            src.open("rb") as source,
            destination(dst) as target,
        ):
            for number, item in enumerate(sources):
                _add_ingredient(builder, number, item)
            if not inside:
                builder.set_no_embed()
            store = builder.sign(native, kind if inside else OPAQUE, source, target)
    except c2pa.C2paError as problem:
        dst.unlink(missing_ok=True)
        raise InputError(f"cannot be signed: {problem}", src) from problem
    except BaseException:
        dst.unlink(missing_ok=True)
        raise
    sidecar = None
    if not inside:
        sidecar = sidecar_of(dst)
        write_over(sidecar, store)
    return Signed(dst, sidecar, signer, time.perf_counter() - started)


def verify_ours(
    signed: Signed, *, consent: Consent | None = None, allow_tampered_ingredient: bool = False
) -> CredentialReport:
    """Read a freshly signed file back and make sure that it says what it should.

    Args:
        signed: what ``sign`` returned.
        consent: the record whose hash must be in it.
        allow_tampered_ingredient: whether an original whose own credentials were broken already
            is accepted (``refuse_tampered`` finds that out before the work).

    Raises:
        InvalidCredentialsError: the content does not match, the signer is another one, an
            ingredient's credentials do not hold, or the consent is not the expected one.
    """
    report = read(signed.path, (signed.signer.anchor,))
    # A leaf alone leads to no root here, which says nothing against it elsewhere.
    fine = {"trusted"} if signed.signer.local else {"trusted", "untrusted"}
    if report.state not in fine:
        why = "; ".join(report.problems) or report.state
        raise InvalidCredentialsError(f"the new credentials do not hold: {why}", signed.path)
    if report.serial != signed.signer.serial:
        raise InvalidCredentialsError("signed by somebody else", signed.path)
    if report.tampered_ingredients and not allow_tampered_ingredient:
        raise InvalidCredentialsError(
            "an ingredient's own credentials do not hold: " + "; ".join(report.problems),
            signed.path,
        )
    found = (report.consent or {}).get("record_sha256")
    if found != (None if consent is None else consent.record_sha256):
        raise InvalidCredentialsError("the consent in the credentials is another one", signed.path)
    return report


def refuse_tampered(path: Path) -> CredentialReport:
    """Read an input's own credentials before the work, and refuse broken ones.

    A file without credentials, or of a kind that carries none, passes.

    Raises:
        InvalidCredentialsError: it was changed after it was signed.
        InputError: it cannot be read.
    """
    kind = media_type(path)
    if kind is None:
        return CredentialReport(str(path), "none")
    report = read(path)
    if report.state == "invalid" or report.tampered_ingredients:
        raise InvalidCredentialsError(
            "its own credentials do not hold: " + "; ".join(report.problems),
            path,
            "it was changed after it was signed: get the original",
        )
    return report


def publish(signed: Signed, final: Path) -> None:
    """Give a verified file, and its sidecar, the final name.

    Raises ResourceError when the folder refuses; then neither is left behind.
    """
    beside = sidecar_of(final)
    try:
        if signed.sidecar is not None:
            signed.sidecar.replace(beside)
        signed.path.replace(final)
    except OSError as problem:
        signed.path.unlink(missing_ok=True)
        if signed.sidecar is not None:
            signed.sidecar.unlink(missing_ok=True)
        raise ResourceError(f"cannot write: {problem.strerror}", final) from problem


def _check(src: Path, dst: Path, kind: str | None, actions: Sequence[Action]) -> None:
    if kind is None:
        names = ", ".join(s[1:] for s in [*EMBEDDABLE, *SIDECAR])
        raise UsageError("a kind of file that cannot be signed", src, f"one of {names}")
    if dst.suffix.lower() != src.suffix.lower():
        raise UsageError(f"the signed file must end in {src.suffix}", dst)
    if dst.exists() and src.exists() and dst.samefile(src):
        raise UsageError("the signed file must be another one than the input", dst)
    media_type(src)
    for action in actions:
        if action.action not in vocabulary.ACTIONS:
            raise UsageError(f"{action.action!r} is not an action that C2PA defines")
        if action.source_type is not None and not vocabulary.source_type(action.source_type):
            raise UsageError(f"{action.source_type!r} is not a digital source type")


def _hashed(source: Source) -> Source:
    """With its hash; what was hashed before must still be the same file."""
    found = sha256_file(source.path)
    if source.sha256 and source.sha256 != found:
        raise InputError("was changed while it was worked on", source.path, "run it again")
    return replace(source, sha256=found)


def _add_ingredient(builder: Any, number: int, source: Source) -> None:
    import c2pa

    kind = media_type(source.path)
    guess = kind or mimetypes.guess_type(source.path.name)[0] or "application/octet-stream"
    description = {
        "title": as_text(source.path.name),
        "format": guess,
        "relationship": source.relationship,
        "label": identifier(number),
        "instance_id": f"sha256:{source.sha256}",
    }
    try:
        with source.path.open("rb") as file:
            builder.add_ingredient(description, guess, file)
    except c2pa.C2paError as problem:
        raise InputError(f"cannot become an ingredient: {problem}", source.path) from problem
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", source.path) from problem
