"""The page in headless Chromium: silent, self-sufficient, legible, reachable, printable."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import pytest
import report_examples as examples
from report_browser import Browser, find_browser

from detectors.report import html

KINDS = ("synthetic-face", "voice-only", "long", "hostile", "inconclusive")
WIDTHS = (360, 1100)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return find_browser(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def folder(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pages")
    examples.write_all(where)
    return where


def page(folder: Path, kind: str) -> Path:
    if kind == "index":
        return folder / "index.html"
    return folder / html.page_name(examples.all_examples()[kind])


@pytest.mark.parametrize("kind", ["synthetic-face", "hostile"])
def test_under_its_own_policy_it_shows_everything_and_complains_of_nothing(
    browser: Browser, folder: Path, kind: str
) -> None:
    dom, console = browser.dom(page(folder, kind))
    assert console == []
    assert "<h1" in dom and "<footer" in dom


@pytest.fixture(scope="module")
def measured(browser: Browser, folder: Path) -> dict[str, Any]:
    return browser.measure([page(folder, kind) for kind in (*KINDS, "index")], WIDTHS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [*KINDS, "index"])
def test_it_fetches_nothing_fits_and_can_be_read_by_all(
    measured: dict[str, Any], folder: Path, kind: str, width: int
) -> None:
    found = measured[f"{page(folder, kind).name} {width}"]
    assert found["width"] == width
    assert found["fetched"] == [] and found["handlers"] == 0
    assert found["scroll"] == width and found["wide"] == [] and found["overlaps"] == []
    assert len(found["contrasts"]) > 20
    faint = [each for each in found["contrasts"] if each["ratio"] < 4.5 or each["alpha"] < 1]
    assert faint == []
    headings = found["headings"]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(later <= before + 1 for before, later in pairwise(headings))
    assert found["landmarks"] == ["header", "main", "footer"] and found["language"] == "en"
    for fault in ("repeated", "broken", "unnamed", "loose", "anchors", "tables"):
        assert found[fault] in ([], 0), fault
    assert found["focusable"] == found["reachable"] > 0


def test_the_checks_find_what_is_wrong(browser: Browser, folder: Path, tmp_path: Path) -> None:
    faults = (
        '<p style="color:#aaa">faint</p><div style="width:2000px">wide</div><h4>skipped</h4>'
        '<img src="https://example.invalid/x.png"><p id="main" onclick="x()">twice</p>'
        "<table><tr><th>unscoped</th></tr></table></main>"
    )
    text = page(folder, "inconclusive").read_text("utf-8").replace("</main>", faults)
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(text, "utf-8")
    (found,) = browser.measure([spoilt], [360]).values()
    assert found["fetched"] == ["https://example.invalid/x.png"]
    assert found["scroll"] > 360 and found["wide"] and found["handlers"] == 1
    assert min(each["ratio"] for each in found["contrasts"]) < 3
    assert found["repeated"] == ["main"] and found["unnamed"] == found["broken"] == 1
    assert found["tables"] == 1 and found["headings"][-1] == 4
    _, console = browser.dom(spoilt)
    assert any("Content Security Policy" in line for line in console)


def test_it_prints_as_pages_of_a4(browser: Browser, folder: Path) -> None:
    printed = browser.pdf(page(folder, "synthetic-face"))
    assert printed.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert 4 <= len(boxes) <= 12
    assert all(abs(float(w) - 595) < 1 and abs(float(h) - 842) < 1 for w, h in boxes)
    assert b"/StructTreeRoot" in printed  # tagged, for those who listen to it


def test_it_can_be_seen(browser: Browser, folder: Path) -> None:
    shot = cv2.imread(str(browser.screenshot(page(folder, "synthetic-face"), 1100, 2400)))
    assert shot.shape[:2] == (2400, 1100)
    assert tuple(shot[5, 5]) == (255, 255, 255)
    blue, green, red = (shot[..., channel].astype(int) for channel in range(3))
    assert ((red > 130) & (green < 70) & (blue < 60)).sum() > 1000  # the headline's colour
    assert shot[1800:].std() > 10  # charts further down
