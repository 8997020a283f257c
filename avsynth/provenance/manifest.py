"""What our own Content Credentials say, as the manifest that the library signs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsynth import __version__
from avsynth.provenance import vocabulary
from avsynth.provenance.text import as_text

CONSENT_LABEL = "org.avsynth.consent"
MAKING_LABEL = "org.avsynth.making"


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


def build(
    kind: str | None,
    title: str,
    actions: Sequence[Action],
    sources: Sequence[Source],
    models: Sequence[Model],
    consent: Consent | None,
) -> dict[str, Any]:
    """The manifest definition; ingredients are added by the caller, under ``identifier(n)``.

    Args:
        kind: media type of the output; title: its name.
        actions: what was done after opening the parent, which is ``sources[0]`` if there is one.
        sources: with their hashes; models, consent: as for ``credentials.sign``.
    """
    agent = {"name": "avsynth", "version": __version__}
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if sources and sources[0].relationship == "parentOf":
        first: dict[str, Any] = {
            "action": "c2pa.opened",
            "parameters": {"ingredientIds": [identifier(0)]},
        }
    else:
        first = {"action": "c2pa.created", "digitalSourceType": vocabulary.TRAINED}
    # A caller may say itself how it was created.
    steps = [] if actions and actions[0].action == "c2pa.created" else [first]
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
            {"name": as_text(s.path.name), "sha256": s.sha256, "relationship": s.relationship}
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
        "claim_generator_info": [agent],
        "title": title,
        "format": kind,
        "assertions": assertions,
    }


def identifier(number: int) -> str:
    """The name by which actions refer to the ingredient made from ``sources[number]``."""
    return f"source-{number}"
