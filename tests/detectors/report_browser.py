"""Headless Chromium for tests of the report: what a page does and how it measures, offline."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHECKS = Path(__file__).with_name("report_checks.js")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--hide-scrollbars", "--enable-logging=stderr",
    # No name is looked up and no proxy asked: the network is closed to the browser too.
    "--host-resolver-rules=MAP * ~NOTFOUND", "--no-proxy-server",
)  # fmt: skip


class Browser:
    """One program, one throw-away profile."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        folder.mkdir(exist_ok=True)

    def dom(self, page: Path) -> tuple[str, list[str]]:
        """The page's HTML after loading, and what it wrote to the console."""
        done = self._run("--window-size=1100,900", "--dump-dom", page.as_uri())
        said = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, said

    def measure(self, pages: Iterable[Path], widths: Sequence[int]) -> dict[str, Any]:
        """What ``report_checks.js`` finds in copies of pages, without their policy: "name width".

        All in one run, each in a frame of its own, as no window is narrower than 500 pixels.
        """
        frames = [
            f'<iframe name="{page.name} {width}" width="{width}" height="900" '
            f'srcdoc="{html.escape(_with_checks(page.read_text("utf-8")))}"></iframe>'
            for page in pages
            for width in widths
        ]
        outer = self._folder / "measured.html"
        outer.write_text(f"<!doctype html><meta charset=utf-8>{''.join(frames)}", "utf-8")
        dom, _ = self.dom(outer)
        found = {
            name: json.loads(html.unescape(text))
            for name, text in re.findall(
                r'<iframe name="([^"]*)"[^>]* data-measured="([^"]*)"', dom
            )
        }
        assert len(found) == len(frames), dom[-2000:]
        return found

    def pdf(self, page: Path) -> bytes:
        """The page as printed."""
        target = self._folder / "printed.pdf"
        self._run("--no-pdf-header-footer", f"--print-to-pdf={target}", page.as_uri())
        return target.read_bytes()

    def screenshot(self, page: Path, width: int, height: int) -> Path:
        """A picture of the page."""
        target = self._folder / f"screen-{width}.png"
        self._run(f"--window-size={width},{height}", f"--screenshot={target}", page.as_uri())
        return target

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        profile = f"--user-data-dir={self._folder / 'profile'}"
        return subprocess.run(
            [self._program, *_QUIET, profile, *arguments],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip


def _with_checks(text: str) -> str:
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    return free.replace("</body>", f"<script>{_CHECKS.read_text('utf-8')}</script></body>")


def find_browser(folder: Path) -> Browser:
    """The Chromium of this machine; the test is skipped where there is none."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser to look at the page with: none of {', '.join(_NAMES)}")
    return Browser(program, folder)
