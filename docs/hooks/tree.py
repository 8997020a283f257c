"""Pages from elsewhere in the repository, and links that work both there and on the site.

Every Markdown file is written for whoever reads it in the repository: its links are relative to
where it lies. READMEs of recipes, cards of weights, SECURITY, CHANGELOG and data/README join the
site under their own paths; ``docs/X.md`` is ``X.md`` there. Links follow, and a link to a file that
is not on the site keeps its words only.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
#: What joins the pages of docs/, as patterns below the root.
BROUGHT = (
    "SECURITY.md", "CHANGELOG.md", "data/README.md", "recipes/*/*.md", "recipes/*/*.png",
    "recipes/*/*.jpg", "avsynth/weights/shipped/*.md", "detectors/report/scan.schema.json",
    "avsynth/report.schema.json", "avsynth/provenance/consent.schema.json",
)  # fmt: skip
#: Where the front page is meant.
_HOME = {"README.md": "index.md"}
_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^(```.*?^```\s*?$)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add what is brought; mkdocs calls this when it has found the files of docs/."""
    for pattern in BROUGHT:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Point the links of a page to where their targets are on the site."""
    here = page.file.src_uri
    origin = here if (ROOT / here).is_file() else f"docs/{here}"

    def moved(found: re.Match[str]) -> str:
        target, hash_, anchor = found["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        place = site_path(meant)
        if files.get_file_from_path(place) is None:
            return found["words"] if (ROOT / meant).exists() else found[0]
        link = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{found['image']}[{found['words']}]({link}{hash_}{anchor})"

    parts = _FENCE.split(markdown)
    return "".join(p if p.startswith("```") else _LINK.sub(moved, p) for p in parts)


def site_path(path: str) -> str:
    """Where a file of the repository lies among the site's sources."""
    return _HOME.get(path, path.removeprefix("docs/"))
