"""Hostile words in media, names, credentials, records and weights: nothing runs, nothing steers."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from convert_helpers import nobody
from dub_helpers import LINE, Done, command, write_consent
from fault_runs import LONG, write_table
from hostile_media import signed, stills, tagged
from hostile_texts import OWNED, payloads
from media_bases import KINDS, make_bases
from parser_targets import made_motion
from reenact_helpers import driver

from avsynth.provenance import consent as consents
from avsynth.weights.voices import write_voice

sys.path.append(str(Path(__file__).parents[1] / "detectors"))
from report_browser import Browser, find_browser


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine's, and what was asked of it."""
    heard: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()


@pytest.fixture(scope="module")
def texts(asked: tuple[str, list[str]]) -> dict[str, str]:
    return payloads(asked[0])


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]) -> list[Path]:
    """Tagged, signed, and under names that are hostile themselves."""
    folder = tmp_path_factory.mktemp("hostile")
    found = [*tagged(folder, texts), *stills(folder, texts)]
    found.append(signed(found[0], folder / "signed.mp4", texts))
    found.append(signed(found[-3], folder / "signed.png", texts))
    for number, text in enumerate(texts.values()):
        name = re.sub(r"[/\0]", "_", text).encode()[:200] + b"\xff"
        path = folder / f"n{number}-"
        path = path.parent / (path.name + name.decode("utf-8", "surrogateescape") + ".wav")
        with contextlib.suppress(OSError):  # a name that this file system does not take
            shutil.copyfile(folder / "plain" / "s16.wav", path)
            found.append(path)
    assert len(found) > 20
    return found


def harmless(done: Done, as_json: bool = False) -> None:
    """Lines of printable characters; JSON, where that is wanted, of plain ones."""
    assert "Traceback" not in done.err and "internal error" not in done.err, done.err
    for line in (done.out + done.err).split("\n"):
        assert line.isprintable(), repr(line)[:500]
    if as_json:
        for line in [done.out] if done.out.startswith("{\n") else done.out.splitlines():
            json.loads(line)
        assert done.out.isascii()


@pytest.mark.parametrize("verb", ["probe", "verify"])
def test_what_is_told_of_files(verb: str, media: list[Path]) -> None:
    for path in media if LONG else media[:: 2 if verb == "probe" else 3]:
        harmless(command(verb, path))
        harmless(command(verb, path, "--json"), as_json=True)


def test_scans_and_their_pages(
    media: list[Path], asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    pages = tmp_path / "pages"
    some = [*media[:1], *media[5:10], *media[10::2]]
    done = command("scan", *some, "--detectors", "credentials", "--report", pages, "--jobs", "1")
    harmless(done)
    assert len(list(pages.glob("*.html"))) == len(some) + 1
    for line in (pages / "scan.jsonl").read_text("utf-8").splitlines():
        json.loads(line)
    harmless(command("scan", *some[:3], "--detectors", "credentials", "--json"), as_json=True)
    browser = find_browser(tmp_path / "browser")
    _nothing_runs(browser, sorted(pages.glob("*.html")), asked, tmp_path)


def _nothing_runs(
    browser: Browser, pages: list[Path], asked: tuple[str, list[str]], folder: Path
) -> None:
    """Neither under the pages' policy nor without it; a page that does shows that it would tell."""
    server, heard = asked
    trap = folder / "trap.html"
    trap.write_text(f"<meta charset=utf-8><body><script>{OWNED}</script><img src={server}/trap>")
    assert "data-owned" in _tag(_shown(browser, trap))
    told = "/trap" in heard
    heard.clear()
    whole = folder / "whole.html"
    policy = re.compile(r"<meta http-equiv=.Content-Sec[^>]*>")
    texts = [policy.sub("", page.read_text("utf-8")) for page in pages]
    for page, text in zip(pages, texts, strict=True):
        _Plain(page.name).feed(text)
    for number, text in enumerate(texts):
        (folder / f"free-{number}.html").write_text(text, "utf-8")
    frames = "".join(f"<iframe src=free-{n}.html></iframe>" for n in range(len(texts)))
    whole.write_text(f"<meta charset=utf-8><body>{frames}")
    _shown(browser, whole)
    for page in (pages[0], folder / "free-0.html"):
        dom, said = browser.dom(page)
        assert "data-owned" not in _tag(dom) and said == [], said
    assert heard == [] and told
    longest = max(page.stat().st_size for page in pages)
    sizes = browser.measure(pages[:3], (1000,))
    assert longest < 2_000_000 and len(sizes) == 3


def _shown(browser: Browser, page: Path) -> str:
    """A page's HTML after loading, in a browser that may ask this machine alone."""
    rule = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    return browser._run(rule, "--dump-dom", page.as_uri()).stdout


class _Plain(HTMLParser):
    """Complains of a page with scripts, handlers, or addresses elsewhere."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        active = {"script", "iframe", "base", "object", "embed", "link", "form"}
        assert tag not in active, f"{self._name}: {tag}"
        for attribute, value in attrs:
            assert not attribute.startswith("on"), f"{self._name}: {attribute}"
            if attribute in ("src", "href", "action", "srcset", "xlink:href"):
                assert urlsplit(value or "").scheme in ("", "data"), f"{self._name}: {value}"


def _tag(dom: str) -> str:
    found = re.search(r"<html[^>]*>", dom)
    return found[0] if found else ""


def test_a_dub_of_a_film_with_hostile_words(media: list[Path], tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    from hostile_media import _copy
    from hostile_texts import payloads as words

    _copy(driver(), film, words("http://127.0.0.1:1"))
    consent = write_consent(film, tmp_path / "c.json")
    out = tmp_path / "out.mp4"
    done = command("dub", film, "--audio", LINE, "--consent", consent, "-o", out, "--json")
    assert done.code == 0, done.err
    harmless(done, as_json=True)
    assert json.loads((tmp_path / "out.mp4.report.json").read_text("utf-8"))
    harmless(command("verify", out))


def test_records_voices_motions_and_weights(texts: dict[str, str], tmp_path: Path) -> None:
    words = {key: text.replace("\0", "") for key, text in texts.items()}
    media = make_bases(tmp_path / "m", (), [k for k in KINDS if k.name == "s16.wav"])["s16.wav"]
    for number, text in enumerate(words.values()):
        made = consents.new_dataset(text[:200], text[:200], [media])
        path = tmp_path / f"record-{number}.json"
        consents.save(consents.sign(made), path)
        done = command("consent", "check", path)
        harmless(done)
        assert done.code == 0, done.err
    voice = tmp_path / "voice.safetensors"
    imagined = {"seed": words, "distance": words["terminal"]}
    write_voice(voice, nobody(), {**words, "imagined": imagined})
    harmless(command("voice", "show", voice))
    harmless(command("voice", "show", voice, "--json"), as_json=True)
    motion = tmp_path / "motion.safetensors"
    motion.write_bytes(_motion({"consent": {"record_sha256": words["bidi"]}, **words}))
    harmless(command("motion", "show", motion))
    harmless(command("motion", "show", motion, "--json"), as_json=True)
    for text in words.values():
        harmless(command("weights", "show", text[:200]))
        harmless(command("dub", text[:200], "--audio", "x", "--consent", "y", "-o", "z.mp4"))
        harmless(command("scan", text[:200], "--detectors", "credentials"))


def _motion(metadata: dict[str, object]) -> bytes:
    from parser_targets import _with_header

    header = {"end": 3, "time_base": "1/25", "rate": "25", "metadata": metadata}
    return _with_header(made_motion(), "avsynth-head-motion-1", json.dumps(header).encode())


def test_a_table_of_what_was_tried(media: list[Path], texts: dict[str, str]) -> None:
    rows = [{"kind of text": kind, "length": len(text)} for kind, text in texts.items()]
    write_table("hostile_metadata", f"Hostile texts, in {len(media)} files", rows)
    assert len(rows) == len(texts) > 10
