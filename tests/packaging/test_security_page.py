"""The threat model names modules and tests; they must be there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.findall(r"`((?:avsynth|detectors|recipes|tests)/[\w./-]+\.\w+)(?:::(\w+))?`", PAGE)


@functools.cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_module_and_test_that_is_named_exists() -> None:
    assert len(NAMED) > 80
    for name, test in NAMED:
        assert (ROOT / name).is_file(), name
        assert not test or test in functions_of(ROOT / name), f"{name}::{test}"


def test_every_threat_says_what_is_left() -> None:
    head, rows = "| Threat | What is done | Shown by | What is left |", 0
    for line in PAGE.split(head)[1:]:
        for row in line.splitlines()[2:]:
            if not row.startswith("|"):
                break
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            assert len(cells) == 4 and all(cells), row[:80]
            assert "tests/" in cells[2] or cells[2] == "none", row[:80]
            rows += 1
    assert PAGE.count(head) == 6 and rows >= 40


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / target).exists(), target
