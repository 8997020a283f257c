"""Reading the project's Markdown: pages, fences, command lines, links, headings."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATTERNS = (
    "*.md", "docs/**/*.md", "data/*.md", "recipes/*/*.md", "avsynth/weights/shipped/*.md",
)  # fmt: skip
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1``` *$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)((?: {4}[^\n]*\S[^\n]*\n(?:\n(?= {4}))?)+)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_STARTS = ("avsynth", "python", "torchrun", "make", "mkdocs")


@dataclass(frozen=True)
class Line:
    """One command: its words, and whether it stands in a block (then it should be complete)."""

    words: tuple[str, ...]
    block: bool


def pages() -> list[Path]:
    """All Markdown that belongs to the documentation, below the root."""
    return sorted({p.relative_to(ROOT) for pattern in _PATTERNS for p in ROOT.glob(pattern)})


def text_of(page: Path) -> str:
    return (ROOT / page).read_text("utf-8")


def fences(text: str, language: str) -> list[str]:
    """The code of the fences in a language; those without one are of ``""``."""
    return [code for _, name, code in _FENCE.findall(text) if name == language]


def command_lines(text: str) -> Iterator[Line]:
    """Commands in fences, in indented blocks and in spans."""
    prose = _FENCE.sub("", text)
    for block in [*fences(text, ""), *fences(text, "bash"), *_INDENTED.findall(prose)]:
        for line in re.sub(r" *\\\n *", " ", block).splitlines():
            yield from (Line(words, True) for words in _commands(line))
    for span in _SPAN.findall(prose):
        if span.split()[0:1] and span.split()[0] in _STARTS:
            yield from (Line(words, False) for words in _commands(span))


def _commands(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of a shell line, parted at ``;``, ``&&`` and ``|``, that we know."""
    reader = shlex.shlex(line.strip(), posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    words: list[str] = []
    try:
        parts = [*reader, ";"]
    except ValueError:  # a sentence with an apostrophe, not a command
        return
    for part in parts:
        if set(part) <= set("();<>|&"):
            if words and words[0] in _STARTS:
                yield tuple(words)
            words = []
        else:
            words.append(part)


def links(text: str) -> list[str]:
    """Targets of links and pictures, code left out."""
    prose = _SPAN.sub("", _INDENTED.sub("", _FENCE.sub("", text)))
    return _LINK.findall(prose)


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in links to them."""
    return {slug(heading) for heading in _HEADING.findall(_FENCE.sub("", text))}


def slug(heading: str) -> str:
    """As Python-Markdown's table of contents has it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
