"""The documentation keeps its word: pages, links, commands, examples and named tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from documents import ROOT, Line, anchors, command_lines, fences, links, pages, slug, text_of

from avsynth.cli.main import app

PAGES = pages()
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
#: What is left out, so that a command is a sketch; capitals stand for a name and are complete.
_SKETCH = re.compile(r"\.\.\.|…")


def by_name(page: Path) -> str:
    return str(page)


def test_every_page_is_in_the_navigation_and_exists() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    named = list(_leaves(config["nav"]))
    assert len(named) == len(set(named))
    missing = [n for n in named if not (ROOT / "docs" / n).is_file() and not (ROOT / n).is_file()]
    assert not missing
    written = {str(p.relative_to("docs")) for p in PAGES if p.parts[0] == "docs"}
    assert written - set(named) == set()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_internal_links_lead_somewhere(page: Path) -> None:
    for link in links(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert ROOT in target.resolve().parents, f"{page}: {link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_parse(page: Path) -> None:
    """Verbs and options of ``avsynth`` exist, and what a whole command line needs is given."""
    for line in command_lines(text_of(page)):
        if line.words[0] == "avsynth":
            _parse(line, page)


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def _parse(line: Line, page: Path) -> None:
    command, words = _root(), list(line.words[1:])
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        if _SKETCH.search(words[0]) or words[0].isupper():
            return
        assert words[0] in command.commands, f"{page}: {' '.join(line.words)}"
        command = command.commands[words.pop(0)]
    if "--help" in words:
        return
    context = command.context_class(command)
    try:
        given = command.make_parser(context).parse_args(list(words))[0]
    except Exception as error:
        if not line.block and "requires an argument" in str(error):  # `avsynth convert --to`
            return
        raise AssertionError(f"{page}: {' '.join(line.words)}: {error!r}") from error
    sketch = not line.block or any(_SKETCH.search(word) for word in words) or not words
    needed = {p.name for p in command.params if p.required and not p.default}
    lacking = {name for name in needed if not given.get(name)}
    assert sketch or not lacking, f"{page}: {' '.join(line.words)} lacks {lacking}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_scripts_and_their_options_exist(page: Path) -> None:
    for line in command_lines(text_of(page)):
        words = list(line.words)
        named = [n for n, word in enumerate(words) if word.startswith("recipes/")]
        if words[0] not in ("python", "torchrun") or not named:
            continue
        script, options = words[named[0]], words[named[0] + 1 :]
        assert (ROOT / script).is_file(), f"{page}: {script}"
        said = {w.partition("=")[0] for w in options if w.startswith("--")}
        own, known = _options(ROOT / script)
        assert said <= known, f"{page}: {script} has no {said - known}"
        sketch = any(_SKETCH.search(word) for word in options)
        assert sketch or not line.block or own <= said, f"{page}: {script} needs {own - said}"
        configs = [b for a, b in pairwise(words) if a == "--config"]
        for config in configs:
            assert (ROOT / config).is_file() or "$" in config or Path(config).name == "config"


@cache
def _options(script: Path) -> tuple[set[str], set[str]]:
    """The options that a script needs, and all that it or what it imports from beside it has."""
    text = script.read_text("utf-8")
    lent = {
        "read_run": ROOT / "avsynth/training/command.py",
        "sources.add_arguments": ROOT / "recipes/motion/sources.py",
    }
    text += "".join(p.read_text("utf-8") for name, p in lent.items() if f"{name}(" in text)
    needed = set(re.findall(r'"(--[a-z0-9-]+)"[^)]*required=True', text))
    near = [script.parent / f"{name}.py" for name in re.findall(r"^from (\w+) import", text, re.M)]
    text += "".join(p.read_text("utf-8") for p in near if p.is_file())
    known = set(re.findall(r'"(--[a-z0-9-]+)"', text))
    known |= {f"--no-{name}" for name in re.findall(r'"--([a-z0-9-]+)"[^)]*BooleanOptional', text)}
    return (set() if "add_subparsers" in text else needed), known


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for line in command_lines(text_of(page)):
        if line.words[0] == "make" and line.words[1:]:
            asked = {word for word in line.words[1:] if "=" not in word and word != "..."}
            assert asked <= targets, f"{page}: {' '.join(line.words)}"


@pytest.mark.parametrize("page", [p for p in PAGES if fences(text_of(p), "python")], ids=by_name)
def test_examples_in_python_import_what_exists(page: Path) -> None:
    for code in fences(text_of(page), "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(
                ("avsynth", "detectors")
            ):
                names = {alias.name for alias in node.names}
                assert names <= _names(str(node.module)), f"{page}: {node.module} {names}"


@cache
def _names(module: str) -> frozenset[str]:
    """What a module of ours defines or passes on, without importing it."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(names)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_tests_that_are_named_exist(page: Path) -> None:
    for file, name in _TEST.findall(text_of(page)):
        assert (ROOT / file).is_file(), f"{page}: {file}"
        assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{page}: {name}"


def test_each_of_the_twenty_pains_has_an_answer_and_tests() -> None:
    text = text_of(Path("docs/pains.md"))
    parts = re.split(r"^## (\d+)\. .*$", text, flags=re.M)[1:]
    numbers, answers = parts[::2], parts[1::2]
    assert [int(number) for number in numbers] == list(range(1, 21))
    for number, answer in zip(numbers, answers, strict=True):
        assert "**Answer.**" in answer, number
        assert len([name for _, name in _TEST.findall(answer) if name]) >= 3, number


def test_modules_of_the_reference_exist() -> None:
    for page in (p for p in PAGES if p.parts[:2] == ("docs", "api")):
        parts = re.split(r"^::: ([\w.]+)$", text_of(page), flags=re.M)[1:]
        for module, options in zip(parts[::2], parts[1::2], strict=True):
            members = re.findall(r"^ {8}- (\w+)$", options, flags=re.M)
            assert _names(module) >= set(members), f"{page}: {module}"


def test_a_wrong_page_would_be_found(tmp_path: Path) -> None:
    """The checks above are no rubber stamps."""
    text = "# A b, c\n\n```\navsynth dub a.mp4 \\\n    --nonesuch x  # why\n```\n\n`make nothing`\n"
    lines = list(command_lines(text))
    assert [line.words for line in lines] == [
        ("avsynth", "dub", "a.mp4", "--nonesuch", "x"), ("make", "nothing"),
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="nonesuch"):
        _parse(lines[0], tmp_path)
    with pytest.raises(AssertionError, match="lacks"):
        _parse(Line(("avsynth", "dub", "a.mp4"), True), tmp_path)
    with pytest.raises(AssertionError, match="avsynth forge"):
        _parse(Line(("avsynth", "forge", "a.mp4"), True), tmp_path)
    assert anchors(text) == {"a-b-c"} and slug("What `it` is") == "what-it-is"
    assert links("[a](b.md#c) `[no](x)`") == ["b.md#c"]


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [leaf for part in parts for leaf in _leaves(part)]
