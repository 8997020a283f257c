"""What Content Credentials say, from the mapping that a verdict carries, fit to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from avsynth.provenance.text import plain

#: More than this is counted, not shown.
MOST = 40
_DEEPEST = 6
_COUNTED = 1000

MISSING = "A missing mark is no evidence, neither for nor against authenticity."

_STATES = {
    "none": f"None in the file. {MISSING}",
    "invalid": "INVALID: they were tampered with or are broken; do not rely on what they say.",
    "trusted": "They hold: the file is as it was signed, by a signer whom this machine trusts.",
    "untrusted": "The file is as it was signed, but the signer is not known here: anyone can take "
    "that name.",
    "valid": "The file is as it was signed; the signer was not judged.",
}

_OWN = {
    "none": "no credentials of its own",
    "invalid": "tampered with",
    "trusted": "credentials hold",
    "untrusted": "credentials hold, signer not known here",
    "valid": "credentials hold",
}


_RELATIONSHIPS = {
    "parentOf": "what was edited",
    "componentOf": "put into it",
    "inputTo": "given to a model",
}


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file that the examined one was made from; ``depth`` 0 for a direct ingredient.

    ``broken``: its own credentials do not hold.
    """

    depth: int
    title: str
    relationship: str
    state: str
    broken: bool
    signed_by: str
    synthetic: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """Credentials as the page shows them: plain strings only."""

    state: str
    summary: str
    fields: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    ingredients: tuple[Ingredient, ...]
    left_out: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def summary(found: Mapping[str, Any] | None) -> str:
    """The state in one or two sentences."""
    if found is None:
        return f"Not looked at. {MISSING}"
    state = str(found.get("state", "none"))
    said = _STATES.get(state, f"State: {plain(state)}.")
    if state not in ("none", "invalid"):
        below = islice(_walk(_list(found, "ingredients"), 0), _COUNTED)
        if any(each.broken for each in below):
            said += " But an INGREDIENT of it was TAMPERED with."
        if found.get("synthetic"):
            said += " Its maker says that a model made all or part of it."
    return said


def shown(found: Mapping[str, Any] | None) -> Shown:
    """Everything that the page tells of them; printable, bounded in number and length."""
    if found is None:
        return Shown("not looked at", summary(None), (), (), (), 0, (), ())
    ingredients = list(islice(_walk(_list(found, "ingredients"), 0), _COUNTED))
    actions = [_action(each) for each in _list(found, "actions") if isinstance(each, Mapping)]
    return Shown(
        state=plain(found.get("state", "none")),
        summary=summary(found),
        fields=tuple(_fields(found)),
        actions=tuple(actions[:MOST]),
        ingredients=tuple(ingredients[:MOST]),
        left_out=max(len(ingredients) - MOST, 0) + max(len(actions) - MOST, 0),
        problems=tuple(plain(each, 400) for each in _list(found, "problems")[:MOST]),
        notes=tuple(plain(each, 400) for each in _list(found, "notes")[:MOST]),
    )


def _fields(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    invalid = found.get("state") == "invalid"
    if invalid and found.get("claimed_by"):
        yield "Signed by", f"not proven; it says {plain(found['claimed_by'])}"
    names = (
        ("signed_by", "Signed by"), ("issuer", "Issued by"), ("serial", "Certificate number"),
        ("signed_at", "Signed at"), ("generator", "Made with"), ("title", "Title"),
        ("where", "Found"), ("sidecar", "Beside the file in"),
        ("remote", "Also at (not looked up)"),
    )  # fmt: skip
    for key, name in names:
        if found.get(key):
            yield name, plain(found[key], 400)
    consent = found.get("consent")
    if isinstance(consent, Mapping):
        record = plain(consent.get("record_sha256", "without a hash"))
        yield "Consent record", f"{plain(consent.get('kind', 'unknown'), 40)}, {record}"


def _action(action: Mapping[str, Any]) -> str:
    parts = [plain(action.get("words") or action.get("action") or "an action without a name")]
    if action.get("description"):
        parts.append(f"\u201c{plain(action['description'])}\u201d")
    if source := action.get("source_words") or action.get("source_type"):
        parts.append(plain(source))
    if action.get("software"):
        parts.append(f"with {plain(action['software'], 80)}")
    if action.get("when"):
        parts.append(plain(action["when"], 40))
    return "; ".join(parts)


def _walk(ingredients: Sequence[Any], depth: int) -> Iterator[Ingredient]:
    for each in ingredients:
        if not isinstance(each, Mapping):
            continue
        state = str(each.get("state", "none"))
        related = str(each.get("relationship") or "")
        yield Ingredient(
            depth=depth,
            title=plain(each.get("title") or "without a title"),
            relationship=_RELATIONSHIPS.get(related, plain(related, 60)),
            state=_OWN.get(state, plain(state)),
            broken=state == "invalid",
            signed_by=plain(each.get("signed_by") or ""),
            synthetic=bool(each.get("synthetic")),
            problems=tuple(plain(problem, 400) for problem in _list(each, "problems")[:5]),
        )
        if depth < _DEEPEST:
            yield from _walk(_list(each, "ingredients"), depth + 1)


def _list(found: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = found.get(key)
    return value if isinstance(value, list | tuple) else ()
