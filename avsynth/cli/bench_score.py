"""avsynth bench score: the figures of anyone's score file."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from detectors.metrics.polarity import Polarity


class HigherIs(StrEnum):
    """What a high score stands for."""

    SYNTHETIC = "synthetic"
    BONA_FIDE = "bona-fide"


class IdPart(StrEnum):
    """How much of a path is its id."""

    EXACT = "exact"
    NAME = "name"
    STEM = "stem"


def score(
    file: Annotated[
        Path, typer.Argument(help="Scores: a table, columns, or JSON Lines of avsynth scan.")
    ],
    key: Annotated[Path, typer.Option(help="Labels: a table, ASVspoof 2019/2021/5, Celeb-DF.")],
    higher_is: Annotated[
        HigherIs | None, typer.Option(help="What a high score stands for. Default: as the key's.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="The scores are probabilities.")
    ] = False,
    split: Annotated[str | None, typer.Option(help="Only this split of the key.")] = None,
    ids: Annotated[
        IdPart, typer.Option(help="Of ids in the score file: all, file name, name without suffix.")
    ] = IdPart.EXACT,
    root: Annotated[Path | None, typer.Option(help="Folder that paths are taken from.")] = None,
    asv_scores: Annotated[
        Path | None, typer.Option(help="Verification scores as ASVspoof's, for t-DCF.")
    ] = None,
    draws: Annotated[int, typer.Option(min=0, max=100_000, help="Of each bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write a result file, scores beside it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compute every detection metric of a score file against a key, joined by id, never by order.

    Files without a score are counted, and the table is given twice: without them, and with 0 for
    them. A file that comes twice, or a score that is no finite number, is refused.
    """
    from detectors.metrics.results import as_dict, write_results
    from detectors.metrics.scoring import Settings, score_file
    from detectors.metrics.tables import describe

    polarity: Polarity | None = higher_is.value if higher_is else None
    settings = Settings(polarity, probabilities, split, ids.value, root, draws, seed)
    found = score_file(file, key, settings, asv_scores)
    if out is not None:
        about = {"scores_from": str(file), "key_from": str(key), "higher_is": found.higher_is}
        write_results(out, found.evaluation, found.scores, found.key, about)
    if as_json:
        print(json.dumps(as_dict(found.evaluation), indent=2))
        return
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, 140)  # a table that wraps is better than one cut short
    for part in describe(found.evaluation):
        console.print(part, markup=False, highlight=False, emoji=False)
