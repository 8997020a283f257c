"""avsynth verify: what anyone's file says about its own making, in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avsynth.provenance.report import ActionSeen, CredentialReport, IngredientSeen


def verify(
    file: Annotated[Path, typer.Argument(help="A video, sound or picture.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a file's Content Credentials: by whom, what was done, from what, and is it intact.

    Ends with 0 when they hold, 13 when there are none, 14 when they do not hold or those of an
    ingredient do not, 3 when the file cannot be read.
    """
    from rich.console import Console

    from avsynth.provenance.reading import read

    report = read(file)
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        console = Console(soft_wrap=True)
        for line in describe(report):
            console.print(line, markup=False, highlight=False, emoji=False)
    if report.exit_code:
        raise typer.Exit(int(report.exit_code))


def describe(report: CredentialReport) -> Iterator[str]:
    """The report as lines of plain text; every word from the file is made printable."""
    from avsynth.provenance.text import plain

    yield plain(report.path, 1000)
    yield _verdict(report)
    for problem in report.problems:
        yield f"  ! {problem}"
    if report.state == "none":
        yield from (f"  {note}" for note in report.notes)
        return
    yield ""
    yield from _fields(report)
    if report.actions:
        yield "What was done, by its own account"
        yield from (f"  - {_action(action)}" for action in report.actions)
    if report.ingredients:
        yield "Made from"
        for ingredient in report.ingredients:
            yield from _ingredient(ingredient, 1)
    if report.notes:
        yield "Remarks"
        yield from (f"  - {note}" for note in report.notes)


def _verdict(report: CredentialReport) -> str:
    if report.state == "none":
        return "No Content Credentials. That says nothing about whether it is genuine."
    if report.state == "invalid":
        return "INVALID Content Credentials: do not rely on what they say."
    if report.tampered_ingredients:
        return "The file is as it was signed, but an INGREDIENT of it was TAMPERED with."
    who = {
        True: "signed by this machine",
        False: "signed by somebody whom this machine trusts",
    }[report.ours]
    if report.state != "trusted":
        who = "but who signed it is not known here: anyone can call themselves so"
    synthetic = " Its maker says that a model made all or part of it." if report.synthetic else ""
    return f"Content Credentials hold: the file is as it was signed, {who}.{synthetic}"


def _fields(report: CredentialReport) -> Iterator[str]:
    from avsynth.provenance.text import plain

    issuer = "" if report.issuer in (None, report.signed_by) else f" ({report.issuer})"
    claimed = next((a.when for a in report.actions if a.when), None)
    when = report.signed_at or "no time stamp" + (f"; it says {claimed}" if claimed else "")
    if report.state == "invalid":
        yield f"Signed by    not proven; it says {report.claimed_by or 'nobody'}"
    else:
        yield f"Signed by    {report.signed_by or 'nobody named'}{issuer}"
        yield f"Signed at    {when}"
    yield f"Made with    {report.generator or 'not said'}"
    if report.title:
        yield f"Title        {report.title}"
    if report.where == "sidecar":
        yield f"Found in     {plain(report.sidecar, 1000)}"
    if report.remote:
        yield f"Also at      {report.remote} (not looked up)"
    if report.consent is not None:
        record = plain(report.consent.get("record_sha256", "without a hash"))
        kind = plain(report.consent.get("kind", "unknown"), 40)
        yield f"Consent      {kind} record {record}"
    for model in _listed(report, "models"):
        yield f"Model        {model}"


def _listed(report: CredentialReport, key: str) -> Iterator[str]:
    from avsynth.provenance.text import plain

    entries = (report.making or {}).get(key)
    for entry in entries[:50] if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            yield f"{plain(entry.get('name'), 80)} {plain(entry.get('sha256'), 64)}"


def _action(action: ActionSeen) -> str:
    parts = [action.words]
    if action.description:
        parts.append(f"“{action.description}”")
    if action.source_type:
        parts.append(action.source_words or f"{action.source_type} (not an IPTC term)")
    return "; ".join(parts) + (f" [{action.software}]" if action.software else "")


def _ingredient(ingredient: IngredientSeen, depth: int) -> Iterator[str]:
    said = {
        "none": "no credentials of its own",
        "trusted": f"credentials hold, signed by {ingredient.signed_by}",
        "valid": f"credentials hold, signed by {ingredient.signed_by}",
        "untrusted": f"credentials hold, signer not known here: {ingredient.signed_by}",
        "invalid": "TAMPERED: " + "; ".join(ingredient.problems),
    }[ingredient.state]
    yield f"{'  ' * depth}- {ingredient.title} ({ingredient.relationship}): {said}"
    for below in ingredient.ingredients:
        yield from _ingredient(below, depth + 1)
