"""What a file's Content Credentials say, checked: by whom, what was done, from what."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from avsynth.errors import InputError
from avsynth.provenance import vocabulary
from avsynth.provenance.c2pa_library import (
    OPAQUE,
    can_hold,
    context,
    embeds,
    media_type,
    sidecar_of,
)
from avsynth.provenance.certificates import anchors, local_roots
from avsynth.provenance.manifest import CONSENT_LABEL, MAKING_LABEL
from avsynth.provenance.report import (
    ActionSeen,
    CredentialReport,
    IngredientSeen,
    State,
    says_synthetic,
)
from avsynth.provenance.text import plain

MAX_SIDECAR = 64 * 2**20
_MAX_DEPTH = 8  # generations of ingredients that are followed
_MAX_ITEMS = 200  # actions and ingredients that are listed, of each manifest
_MAX_INGREDIENTS = 1000  # in all: manifests may name each other any number of times


def read(path: Path, extra_anchors: tuple[str, ...] = ()) -> CredentialReport:
    """Read and check the credentials of anyone's file. No network; creates nothing.

    Args:
        path: a media file; the credentials of mkv, webm and ogg are looked for beside it.
        extra_anchors: PEM certificates to trust for this once.

    Raises:
        InputError: missing, empty, unreadable, or no media file.
    """
    started = time.perf_counter()
    kind = media_type(path)
    sidecar = _find_sidecar(path, kind)
    if kind is None and sidecar is None:
        raise InputError("not a kind of media file that can carry credentials", path)
    if not can_hold(kind) and sidecar is None:
        return CredentialReport(str(path), "none", notes=(f"looked for {sidecar_of(path).name}",))
    report = _read(path, kind, sidecar, extra_anchors)
    return replace(
        report,
        where=None if report.state == "none" else "sidecar" if sidecar else "embedded",
        sidecar=None if sidecar is None else str(sidecar),
        seconds=round(time.perf_counter() - started, 3),
    )


def _read(
    path: Path, kind: str | None, sidecar: Path | None, extra: tuple[str, ...]
) -> CredentialReport:
    import c2pa

    store = None if sidecar is None else _read_sidecar(sidecar)
    trusted = anchors() + extra
    try:
        with (
            path.open("rb") as file,
            c2pa.Reader(OPAQUE if store else kind, file, store, context(trusted)) as reader,
        ):
            document = json.loads(reader.json())
            remote = reader.get_remote_url()
    except c2pa.C2paError.ManifestNotFound:
        return CredentialReport(str(path), "none")
    except c2pa.C2paError as problem:
        if str(problem).startswith("Remote"):
            address = plain(str(problem).rpartition(" url ")[2])
            note = f"its credentials are said to be at {address}, which is not looked up"
            return CredentialReport(str(path), "none", remote=address, notes=(note,))
        cut_off = isinstance(problem, c2pa.C2paError.Io)
        if cut_off or "asset could not be parsed" in str(problem):
            raise InputError("damaged, or not what its name says", path) from problem
        what = plain(f"the credentials cannot be read: {problem}")
        return CredentialReport(str(path), "invalid", problems=(what,))
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", path) from problem
    try:
        report = _report(path, document)
    except (AttributeError, KeyError, TypeError):
        what = "the credentials are of a form that is not known"
        return CredentialReport(str(path), "invalid", problems=(what,))
    ours = report.state == "trusted" and _is_local(report.serial, path, kind, store)
    return replace(report, ours=ours, remote=None if remote is None else plain(remote))


def _find_sidecar(path: Path, kind: str | None) -> Path | None:
    if embeds(kind, path):
        return None
    # Other tools leave the media's suffix out.
    candidates = [sidecar_of(path)]
    if not can_hold(kind):
        candidates.append(path.with_suffix(".c2pa"))
    return next((c for c in candidates if c.is_file() and c != path), None)


def _read_sidecar(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            store = file.read(MAX_SIDECAR + 1)
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", path) from problem
    if not store or len(store) > MAX_SIDECAR:
        raise InputError("not a file of credentials", path)
    return store


def _is_local(serial: str | None, path: Path, kind: str | None, store: bytes | None) -> bool:
    """Whether a trusted signer is this machine's own, and not someone with the same serial."""
    import c2pa

    roots = {number: root for root, number in local_roots()}
    if serial not in roots:
        return False
    if len(anchors()) == len(roots):
        return True  # no other root is trusted, so it was one of ours
    with path.open("rb") as file:
        own = context((roots[serial],))
        with c2pa.Reader(OPAQUE if store else kind, file, store, own) as reader:
            return bool(reader.get_validation_state() == "Trusted")


def _report(path: Path, document: dict[str, Any]) -> CredentialReport:
    manifests = document.get("manifests", {})
    label = document.get("active_manifest")
    manifest = manifests.get(label, {})
    results = document.get("validation_results") or {}
    failed = _failures(results.get("activeManifest"))
    deltas = _deltas(results)
    ingredients = _ingredients(label, manifests, deltas, iter(range(_MAX_INGREDIENTS)), depth=0)
    state = _state(document.get("validation_state"), failed)
    own = [vocabulary.failure(code) for code in failed if code != vocabulary.UNTRUSTED]
    below = [
        f"ingredient {i.title!r}: {problem}"
        for ingredient in ingredients
        for i in ingredient.walk()
        for problem in i.problems
    ]
    if state == "invalid" and not own and not below:
        own = ["the library calls it invalid without a reason"]
    claimed = _signer(manifest)
    signature = {} if state == "invalid" else manifest.get("signature_info") or {}
    return CredentialReport(
        str(path),
        state,
        signed_by=None if state == "invalid" else claimed,
        claimed_by=claimed,
        issuer=_text(signature.get("issuer")),
        serial=_text(signature.get("cert_serial_number")),
        signed_at=_text(signature.get("time")),
        title=_text(manifest.get("title")),
        generator=_software((manifest.get("claim_generator_info") or [None])[0])
        or _text(manifest.get("claim_generator")),
        actions=_actions(manifest),
        ingredients=ingredients,
        consent=_assertion(manifest, CONSENT_LABEL),
        making=_assertion(manifest, MAKING_LABEL),
        problems=tuple(dict.fromkeys(own + below)),
        notes=tuple(_notes(_actions(manifest))),
    )


def _signer(manifest: dict[str, Any]) -> str | None:
    signature = manifest.get("signature_info") or {}
    return _text(signature.get("common_name") or signature.get("issuer"))


def _state(verdict: Any, failed: list[str]) -> State:
    if verdict == "Trusted":
        return "trusted"
    if verdict != "Valid":
        return "invalid"
    return "untrusted" if vocabulary.UNTRUSTED in failed else "valid"


def _failures(results: Any) -> list[str]:
    found = results.get("failure") or [] if isinstance(results, dict) else []
    return [plain(status.get("code")) for status in found[:_MAX_ITEMS]]


def _deltas(results: dict[str, Any]) -> dict[str, list[str]]:
    """Failures found now, by the address of the ingredient they belong to."""
    found: dict[str, list[str]] = {}
    for delta in results.get("ingredientDeltas") or []:
        codes = _failures(delta.get("validationDeltas"))
        found.setdefault(str(delta.get("ingredientAssertionURI")), []).extend(codes)
    return found


def _ingredients(
    label: Any,
    manifests: dict[str, Any],
    deltas: dict[str, list[str]],
    room: Iterator[int],
    depth: int,
) -> tuple[IngredientSeen, ...]:
    if depth >= _MAX_DEPTH:
        return ()
    listed = (manifests.get(label) or {}).get("ingredients") or []
    return tuple(
        _ingredient(label, entry, manifests, deltas, room, depth)
        for entry, _ in zip(listed[:_MAX_ITEMS], room, strict=False)
    )


def _ingredient(
    parent: Any,
    entry: dict[str, Any],
    manifests: dict[str, Any],
    deltas: dict[str, list[str]],
    room: Iterator[int],
    depth: int,
) -> IngredientSeen:
    label = entry.get("active_manifest")
    address = f"self#jumbf=/c2pa/{parent}/c2pa.assertions/{entry.get('label')}"
    results = entry.get("validation_results") or {}
    # What the signer saw when the ingredient was taken in, and what has changed since.
    failed = _failures(results.get("activeManifest")) + deltas.get(address, [])
    failed += [code for codes in _deltas(results).values() for code in codes]
    failed += [plain(s.get("code")) for s in entry.get("validation_status") or []]
    broken = [code for code in dict.fromkeys(failed) if code not in vocabulary.NOT_TAMPERING]
    relation = plain(entry.get("relationship"))
    state: State = "invalid" if broken else "none"
    if not broken and label is not None:
        state = "untrusted" if failed else "trusted"
    return IngredientSeen(
        title=plain(entry.get("title") or "without a name"),
        relationship=vocabulary.RELATIONSHIPS.get(relation, relation),
        state=state,
        problems=tuple(vocabulary.failure(code) for code in broken),
        signed_by=None if broken else _signer(manifests.get(str(label)) or {}),
        synthetic=says_synthetic(_actions(manifests.get(str(label)) or {})),
        ingredients=_ingredients(label, manifests, deltas, room, depth + 1) if label else (),
    )


def _actions(manifest: dict[str, Any]) -> tuple[ActionSeen, ...]:
    found = []
    for assertion in manifest.get("assertions") or []:
        if not str(assertion.get("label")).startswith("c2pa.actions"):
            continue
        data = assertion.get("data")
        listed = data.get("actions") if isinstance(data, dict) else None
        found += [_action(entry) for entry in (listed or []) if isinstance(entry, dict)]
    return tuple(found[:_MAX_ITEMS])


def _action(entry: dict[str, Any]) -> ActionSeen:
    name = plain(entry.get("action"))
    source = _text(entry.get("digitalSourceType"))
    words = None if source is None else vocabulary.source_type(source)
    return ActionSeen(
        action=name,
        words=vocabulary.ACTIONS.get(name, f"{name} (not a C2PA term)"),
        known=name in vocabulary.ACTIONS,
        source_type=source,
        source_words=words,
        source_known=source is None or words is not None,
        software=_software(entry.get("softwareAgent")),
        when=_text(entry.get("when")),
        description=_text(entry.get("description")),
    )


def _notes(actions: tuple[ActionSeen, ...]) -> Iterator[str]:
    for action in actions:
        # Vendors may add actions under their own reversed domain, never under "c2pa.".
        if not action.known and (action.action.startswith("c2pa.") or "." not in action.action):
            yield f"{action.action!r} is not an action that C2PA defines"
        if not action.source_known:
            yield f"{action.source_type!r} is not a digital source type that IPTC or C2PA define"


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any] | None:
    for assertion in manifest.get("assertions") or []:
        if assertion.get("label") == label and isinstance(assertion.get("data"), dict):
            data: dict[str, Any] = assertion["data"]
            return data
    return None


def _software(value: Any) -> str | None:
    if isinstance(value, dict):
        return _text(" ".join(str(value[k]) for k in ("name", "version") if value.get(k)))
    return _text(value)


def _text(value: Any) -> str | None:
    return plain(value) if value else None
