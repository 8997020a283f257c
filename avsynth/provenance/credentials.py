"""Content Credentials for what the toolkit makes: sign, read back, and only then publish."""

from __future__ import annotations

import datetime as dt
import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from avsynth import __version__
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
from avsynth.provenance.reading import CONSENT_LABEL, MAKING_LABEL, read
from avsynth.provenance.report import CredentialReport

__all__ = ["Action", "Consent", "CredentialReport", "Model", "Signed", "Source", "publish", "read",
           "refuse_tampered", "sign", "verify_ours"]


@dataclass(frozen=True)
class Action:
    """One thing that was done.

    ``action`` is a C2PA term such as "c2pa.dubbed"; ``source_type`` an IPTC address (default: a
    composite with trained algorithmic media; None: say nothing); ``parameters`` JSON values under
    names of our own.
    """

    action: str
    description: str | None = None
    source_type: str | None = vocabulary.COMPOSITE
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A file that the output was made from. ``sha256`` is computed when it is not given."""

    path: Path
    sha256: str | None = None
    relationship: str = "inputTo"


@dataclass(frozen=True)
class Model:
    """A network that took part: its name and the SHA-256 of its weights file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Consent:
    """The consent record that the output was made under, as ``Authorisation.consent`` has it."""

    record_sha256: str
    record_id: str
    kind: str
    label: str | None = None


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
            wav, mp3, flac and pictures of more than 128 MB.
        dst: another path with the same suffix; overwritten.
        actions: what was done, in order, after opening the parent (or creating the file).
        title: the file's final name.
        parent: the original that was changed; without one the file counts as created by a model.
        inputs: other files that went in, such as the new speech.
        models: networks that took part.
        consent: the record that allowed it.
        signer: default: this machine's own chain.

    Raises:
        InputError: a file is missing or is not the media its name says.
        UsageError: an unfit suffix, ``dst`` equal to ``src``, an unknown action or source type.
        ResourceError: ``dst`` cannot be written.
    """
    import c2pa

    started = time.perf_counter()
    kind = EMBEDDABLE.get(src.suffix.lower()) or SIDECAR.get(src.suffix.lower())
    _check(src, dst, kind, actions)
    inside = embeds(kind, src)
    signer = signer or local_signer()
    sources = [_hashed(s) for s in [*([replace(parent, relationship="parentOf")] if parent else []),
                                    *inputs]]
    manifest = _manifest(kind, title, actions, sources, models, consent)
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
    if report.state != "trusted":
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
            "its own credentials do not hold: " + "; ".join(report.problems), path,
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
    return source if source.sha256 else replace(source, sha256=sha256_file(source.path))


def _manifest(
    kind: str | None, title: str, actions: Sequence[Action], sources: Sequence[Source],
    models: Sequence[Model], consent: Consent | None,
) -> dict[str, Any]:
    agent = {"name": "avsynth", "version": __version__}
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if sources and sources[0].relationship == "parentOf":
        first: dict[str, Any] = {
            "action": "c2pa.opened", "parameters": {"ingredientIds": [_identifier(0)]},
        }
    else:
        first = {"action": "c2pa.created", "digitalSourceType": vocabulary.TRAINED}
    steps = [first]
    for action in actions:
        step: dict[str, Any] = {"action": action.action}
        if action.source_type is not None:
            step["digitalSourceType"] = action.source_type
        if action.description is not None:
            step["description"] = action.description
        if action.parameters:
            step["parameters"] = {f"org.avsynth.{k}": v for k, v in action.parameters.items()}
        steps.append(step)
    making = {
        "models": [{"name": m.name, "sha256": m.sha256} for m in models],
        # C2PA ties an ingredient by its credentials only; this ties one that has none.
        "sources": [
            {"name": s.path.name, "sha256": s.sha256, "relationship": s.relationship}
            for s in sources
        ],
    }
    assertions: list[dict[str, Any]] = [
        {
            "label": "c2pa.actions.v2",
            "data": {"actions": [{**s, "softwareAgent": agent, "when": now} for s in steps]},
        },
        {"label": MAKING_LABEL, "data": making, "kind": "Json"},
    ]
    if consent is not None:
        data = {k: v for k, v in vars(consent).items() if v is not None}
        assertions.append({"label": CONSENT_LABEL, "data": data, "kind": "Json"})
    return {
        "claim_generator_info": [agent], "title": title, "format": kind, "assertions": assertions,
    }


def _identifier(number: int) -> str:
    return f"source-{number}"


def _add_ingredient(builder: Any, number: int, source: Source) -> None:
    import c2pa

    kind = media_type(source.path)
    guess = kind or mimetypes.guess_type(source.path.name)[0] or "application/octet-stream"
    description = {
        "title": source.path.name, "format": guess, "relationship": source.relationship,
        "label": _identifier(number), "instance_id": f"sha256:{source.sha256}",
    }
    try:
        with source.path.open("rb") as file:
            builder.add_ingredient(description, guess, file)
    except c2pa.C2paError as problem:
        raise InputError(f"cannot become an ingredient: {problem}", source.path) from problem
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", source.path) from problem
