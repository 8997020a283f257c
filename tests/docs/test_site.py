"""The site: built strictly, whole, and without anything that a browser would have to fetch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytest.importorskip("material", reason="the extra docs is not installed")
pytest.importorskip("mkdocstrings", reason="the extra docs is not installed")

pytestmark = pytest.mark.slow
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']?(?:https?:)?//
      | <link\b(?![^>]*rel=["']?canonical)[^>]*\bhref=["']?(?:https?:)?//
      | @import | url\(["']?(?:https?:)?//""",
    re.VERBOSE | re.IGNORECASE,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, timeout=400,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_a_strict_build_passes_and_has_the_pages(site: Path) -> None:
    assert {"index.html", "pains.html", "SECURITY.html"} <= {p.name for p in site.glob("*.html")}
    assert (site / "recipes/motion/index.html").is_file() and not (site / "hooks").exists()


def test_nothing_is_fetched(site: Path) -> None:
    files = [p for suffix in ("html", "css") for p in site.rglob(f"*.{suffix}")]
    assert len(files) > 40
    found = {str(p): m[0] for p in files if (m := _FETCHED.search(p.read_text("utf-8")))}
    assert not found
    assert _FETCHED.search('<script src="https://x/y.js">') and _FETCHED.search("a{b:url(//c)}")


def test_every_card_is_listed_and_can_be_opened(site: Path) -> None:
    page = (site / "cards.html").read_text("utf-8")
    shipped = ROOT / "avsynth/weights/shipped"
    for entry in json.loads((shipped / "manifest.json").read_text("utf-8")):
        card = Path("avsynth/weights/shipped") / entry["card"].replace(".md", ".html")
        assert entry["name"] in page and f'href="{card}"' in page
        assert (site / card).is_file()


def test_the_reference_shows_what_docstrings_say(site: Path) -> None:
    page = (site / "api/pipelines.html").read_text("utf-8")
    assert 'id="avsynth.pipelines.dub.dub"' in page
    assert "Give faces of" in page and "pairs of face" in page
