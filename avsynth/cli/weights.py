"""avsynth weights: which networks are there, and what is known about each."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The networks that are shipped: list, card.")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the shipped weights with licence and allowed use."""
    from avsynth.weights import list_weights

    entries = list_weights()
    if as_json:
        rows = [entry.model_dump(mode="json") for entry in entries]
        print(json.dumps({"weights": rows}, indent=2))
    else:
        for entry in entries:
            print(f"{entry.name:<28} {entry.purpose:<11} {entry.licence:<14} {entry.sha256[:16]}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A name from the list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the card of a set of weights: data, scores, limits, allowed use."""
    from avsynth.weights import card

    text = card(name)
    print(json.dumps({"name": name, "card": text}, indent=2) if as_json else text)
