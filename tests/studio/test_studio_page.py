"""The studio page in headless Chromium, with the real server, real dubs and real scans."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from dub_helpers import (
    LINE,
    _private_home,  # noqa: F401
    command,
    consent_for,
    grey,
    shared_folder,
    short_person,
)
from studio_helpers import Page, Server, chromium, studio

from avsynth.pipelines.demonstrate import demo_media
from avsynth.provenance import consent as consents
from avsynth.provenance.credentials import read

HOSTILE = "<img src=x onerror=alert(1)>.mp4"
_CHECKS = Path(__file__).parents[1] / "detectors/report_checks.js"
_DROP = """([selector, name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name));
  document.querySelector(selector).dispatchEvent(
    new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
_PLAYING = """() => [before.currentTime, after.currentTime, before.muted, after.muted,
  before.paused, after.paused]"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with studio(tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Page]:
    opened = Page(browser, server)
    yield opened
    opened.tab.close()
    opened.check_manners()


def test_a_dub_from_dropped_files_to_two_films_in_step(
    page: Page, server: Server, tmp_path: Path
) -> None:
    """On the way it is cancelled once and its process killed once; both times it goes on."""
    film = short_person(frames=190)  # so many that painting them can be seen
    record = consent_for(film, "dataset")
    page.drop("film", film)
    page.drop("speech", LINE)
    page.tab.evaluate(_DROP, ["#record-drop", "anna <b>.json", record.read_text("utf-8")])
    assert "anna <b>.json" in page.text("#record-drop .file-name")
    page.tab.locator("#record-line.good", has_text="Allows this film").wait_for()
    face = page.tab.locator("#face-pictures input")
    face.first.wait_for()
    assert face.count() == 1 and page.tab.locator("#face-pictures img").get_attribute("alt")
    face.check()

    start, painting = page.tab.locator("#dub-start"), page.tab.get_by_text("Painting mouths")
    now = page.tab.locator("#dub-stages .now", has=painting)
    start.click()
    now.wait_for()
    page.tab.click("#dub-cancel")
    page.tab.click("#dub-start:has-text('Go on'):enabled")
    now.wait_for()
    job_process(server).kill()
    assert "killed by SIGKILL" in page.text("#job-error")
    page.tab.click("#dub-start:has-text('Go on'):enabled")
    assert "went on where it had stopped" in page.text("#dub-facts")
    assert "They hold" in page.text("#dub-credentials")

    result, report = tmp_path / "result.mp4", tmp_path / "report.json"
    for link, path in [("#get-result", result), ("#get-report", report)]:
        with page.tab.expect_download() as download:
            page.tab.click(link)
        download.value.save_as(path)
    assert command("verify", result).code == 0
    credentials = read(result)
    assert credentials.consent is not None
    assert credentials.consent["record_sha256"] == consents.load(record).sha256
    said = json.loads(report.read_text("utf-8"))
    assert said["resumed"] and said["settings"]["face"] == face.get_attribute("value")
    assert str(server.temporary) not in report.read_text("utf-8")
    in_step(page)


def job_process(server: Server) -> psutil.Process:
    """The process that the dub is done in: the youngest, forked from the preloaded one."""
    found = psutil.Process(server.process.pid).children(recursive=True)
    return max(found, key=lambda process: process.create_time())


def in_step(page: Page) -> None:
    """Both films play from one button, one is heard, and either can be."""
    page.tab.click("#play")
    until = time.monotonic() + 20
    seen: list[list[Any]] = []
    while time.monotonic() < until and (not seen or seen[-1][1] < 1.0):
        page.tab.wait_for_timeout(100)
        seen.append(page.tab.evaluate(_PLAYING))
    assert seen[-1][1] >= 1.0
    assert all(later[1] >= earlier[1] for earlier, later in pairwise(seen))
    # Two decoders on a busy machine: a fifth of a second apart at most, three frames mostly.
    apart = sorted(abs(before - after) for before, after, *_ in seen)
    assert apart[len(apart) // 2] < 0.12 and apart[-1] < 0.5
    assert seen[-1][2:4] == [True, False]
    page.tab.locator("input[name=sound][value=before]").check()
    assert page.tab.evaluate(_PLAYING)[2:4] == [False, True]
    page.tab.evaluate("() => { seek.value = 0.4; seek.dispatchEvent(new Event('input')); }")
    page.tab.evaluate("() => { if (!after.paused) play.click(); }")
    assert page.tab.evaluate(_PLAYING)[4:] == [True, True]


def test_a_scan_of_two_files_with_their_reports(page: Page, server: Server, tmp_path: Path) -> None:
    hostile = grey(shared_folder() / "grey.mp4").rename(tmp_path / HOSTILE)
    page.tab.click("#tab-scan")
    page.drop("scan", hostile, LINE)
    page.tab.click("#scan-start:has-text('Scan 2 files')")
    page.tab.locator("#scan-verdicts li:not(.pending)").nth(1).wait_for()
    rows = page.tab.locator("#scan-verdicts li")
    assert [rows.nth(n).locator(".file-name").inner_text() for n in (0, 1)] == [HOSTILE, LINE.name]
    assert rows.nth(0).locator(".answer").inner_text() == "Inconclusive"
    assert page.tab.locator("#scan-verdicts img").count() == 0

    rows.nth(0).get_by_role("button").click()
    inside = page.tab.frame_locator("#scan-frame")
    assert inside.locator("h1").inner_text() == HOSTILE
    assert inside.locator(".headline").inner_text() == "Inconclusive"
    address = page.tab.locator("#scan-report-tab").get_attribute("href")
    with page.tab.context.expect_page() as opened:
        page.tab.click("#scan-report-tab")
    assert opened.value.locator("h1").inner_text() == HOSTILE
    policy = opened.value.request.get(page.origin + address).headers["content-security-policy"]
    assert policy.startswith("sandbox") and "default-src 'none'" in policy

    with page.tab.expect_download() as download:
        page.tab.click("#scan-lines")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert {json.loads(line)["path"] for line in lines} == {HOSTILE, LINE.name}
    assert not any(str(server.temporary) in line for line in lines)


def test_a_record_is_made_signed_and_accepted_by_the_command_line(
    page: Page, tmp_path: Path
) -> None:
    person, _ = demo_media()
    page.tab.click("#tab-consent")
    page.tab.fill("#consent-name", "Jane <b>Doe</b>")
    page.tab.fill("#expires", "2099-12-31")
    page.tab.fill("#languages", "de, en")
    page.drop("media", person)
    page.tab.click("#consent-make:enabled")
    assert "Not signed yet" in page.text("#card-line")
    unsigned = downloaded(page, tmp_path / "unsigned.json")
    assert command("consent", "check", unsigned).complaint.count("not signed") == 1

    assert "your word as its operator" in page.text("#signing")
    assert page.tab.locator("#sign").is_disabled()
    page.tab.check("#my-word")
    page.tab.click("#sign")
    assert page.text("#card-line.good") == "Valid, signed by this machine"
    assert page.text("#card-title") == "Jane <b>Doe</b>"
    signed = downloaded(page, tmp_path / "signed.json")
    assert command("consent", "check", signed).code == 0
    allowed = command("consent", "check", signed, "--media", person, "--language", "de")
    assert allowed.code == 0 and "allows to make a face" in allowed.out

    page.tab.click("#card-use")
    page.tab.locator("#record-drop .file-name").wait_for()
    page.tab.click("#tab-consent")
    changed = json.loads(signed.read_text("utf-8")) | {"person": "Somebody Else"}
    page.tab.evaluate(_DROP, ["#check-drop", "c.json", json.dumps(changed)])
    assert "changed after it was signed" in page.text("#card-line.bad")
    page.tab.evaluate(_DROP, ["#check-drop", "c.json", "{}"])
    assert "unknown kind of consent record" in page.text("#check-error")


def downloaded(page: Page, path: Path) -> Path:
    with page.tab.expect_download() as download:
        page.tab.click("#card-save")
    download.value.save_as(path)
    return path


def test_a_record_of_another_film_stops_the_dub(page: Page, server: Server) -> None:
    page.drop("film", grey(shared_folder() / "other.mp4"))
    assert page.tab.locator("#dub-start").is_disabled()
    page.tab.get_by_text("Choose the new speech and a consent record.").wait_for()
    page.drop("speech", LINE)
    page.drop("record", consent_for(short_person(), "dataset"))
    assert "does not cover this file" in page.text("#record-line.bad")
    page.tab.click("#dub-start")
    error = page.text("#job-error")
    assert error.startswith("other.mp4: the consent record does not cover this file")
    assert str(server.temporary) not in page.tab.content()
    assert page.tab.locator("#dub-result").is_hidden()


def test_a_token_is_made_taken_from_the_address_and_leaves_it(browser: Any, tmp_path: Path) -> None:
    with studio(tmp_path / "t", "--host", "0.0.0.0") as server:
        assert len(server.token) > 40 and server.ask("GET", "/api/key")[0] == 401
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(f"{server.origin}/#{server.token}")
        tab.locator("#dub-start").wait_for()
        assert tab.url.startswith(f"{server.origin}/") and server.token not in tab.url
        (cookie,) = context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
        assert server.token not in json.dumps([cookie, tab.content()])
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_and_can_be_read_by_all(page: Page, width: int, scheme: str) -> None:
    page.tab.set_viewport_size({"width": width, "height": 900})
    page.tab.emulate_media(color_scheme=scheme)
    page.tab.evaluate(f"() => {{ {_CHECKS.read_text('utf-8')}; window.measured = measured; }}")
    for tab in ("dub", "scan", "consent"):
        page.tab.click(f"#tab-{tab}")
        found = page.tab.evaluate("() => window.measured()")
        assert found["wide"] == [] and found["scroll"] <= width, (tab, found["wide"])
        low = [each for each in found["contrasts"] if each["ratio"] < 4.5]
        assert len(found["contrasts"]) > 60 and low == [], (tab, low)
        assert found["repeated"] == [] and found["anchors"] == 0 and found["language"] == "en"
    unnamed = page.tab.evaluate(
        "() => [...document.querySelectorAll('input,select,button,video,progress,iframe,section')]"
        ".filter((e) => !(e.labels?.length || e.ariaLabel || e.title || e.textContent.trim()"
        " || e.getAttribute('aria-labelledby')))"
        ".map((e) => e.id)"
    )
    assert unnamed == []


def test_it_works_by_keyboard(page: Page) -> None:
    def focused() -> str:
        return str(page.tab.evaluate("() => document.activeElement.id"))

    page.tab.keyboard.press("Tab")
    assert page.tab.evaluate("() => document.activeElement.className") == "skip"
    page.tab.keyboard.press("Tab")
    assert focused() == "tab-dub"
    page.tab.keyboard.press("ArrowRight")
    assert focused() == "tab-scan" and page.tab.locator("#panel-scan").is_visible()
    page.tab.keyboard.press("End")
    page.tab.keyboard.press("Home")
    seen = []
    for _ in range(12):
        page.tab.keyboard.press("Tab")
        seen.append(focused())
    assert seen[:3] == ["film", "speech", "record"] and {"purpose", "own-voice"} <= set(seen)
    outline = "() => getComputedStyle(document.querySelector('label[for=film]')).outlineStyle"
    page.tab.focus("#film")
    assert page.tab.evaluate(outline) == "solid"
