"""avsynth weights: which networks are there, and what is known about each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The networks that are shipped: list, card, ONNX.")


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


@app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="A name from the list, or a file of weights.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.")],
    opset: Annotated[int, typer.Option(help="Version of ONNX's operators, 20 to 23.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a network as ONNX, checked against torch (extra onnx)."""
    from avsynth.weights.onnx_export import export as write
    from avsynth.weights.onnx_export import shape_text

    made = write(name, output, opset)
    if as_json:
        shapes = {"inputs": made.inputs, "outputs": made.outputs}
        row = {"name": made.name, "path": str(output), "opset": made.opset, **shapes}
        print(json.dumps({**row, "difference": made.difference}, indent=2))
    else:
        print(f"{made.name}: {output}, opset {made.opset}, {made.difference:.1e} from torch")
        print(f"takes {shape_text(made.inputs)}\ngives {shape_text(made.outputs)}")
