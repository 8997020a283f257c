"""Headless Chromium for tests of the report: what a page does and how it measures, offline."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
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

    def dom(self, page: Path, width: int = 1100) -> tuple[str, list[str]]:
        """The page's HTML after loading, and what it wrote to the console."""
        done = self._run(f"--window-size={width},900", "--dump-dom", page.as_uri())
        said = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, said

    def measure(self, page: Path, width: int = 1100) -> dict[str, Any]:
        """What ``report_checks.js`` finds in a copy of the page without its policy."""
        text = page.read_text("utf-8")
        free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        inner = free.replace("</body>", f"<script>{_CHECKS.read_text()}</script></body>")
        outer = self._folder / "measured.html"
        # In a frame, as no window is narrower than 500 pixels.
        frame = f'<iframe width="{width}" height="900" srcdoc="{html.escape(inner)}"></iframe>'
        outer.write_text(f"<!doctype html><meta charset=utf-8>{frame}", "utf-8")
        dom, _ = self.dom(outer)
        found = re.search(r'data-measured="([^"]*)"', dom)
        assert found is not None, dom[-2000:]
        measured: dict[str, Any] = json.loads(html.unescape(found[1]))
        return measured

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
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip


def find_browser(folder: Path) -> Browser:
    """The Chromium of this machine; the test is skipped where there is none."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser to look at the page with: none of {', '.join(_NAMES)}")
    return Browser(program, folder)
