"""What tests of the studio page share: the real server, a browser that reaches nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dub_helpers import shared_folder

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Server:
    """A running ``avsynth studio``."""

    process: subprocess.Popen[str]
    address: str
    port: int
    temporary: Path

    @property
    def token(self) -> str:
        return self.address.partition("#")[2]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request of our own page; ``headers`` (with _ for -) replace what it would send."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Host": f"127.0.0.1:{self.port}", "Origin": self.origin, **given}
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if "Content-Length" not in sent:
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()

    def send(self, content: bytes, name: str = "a.bin", **headers: str) -> dict[str, Any]:
        """Upload; what the studio says of it."""
        status, _, body = self.ask("POST", "/api/uploads", content, X_File_Name=name, **headers)
        assert status == 200, body
        return dict(json.loads(body))


@contextlib.contextmanager
def studio(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """The command in a process of its own, at a port of the system's choosing."""
    folder.mkdir(exist_ok=True)
    home = str(shared_folder() / "home")
    env = {**os.environ, "AVSYNTH_HOME": home, "TMPDIR": str(folder), **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "avsynth", "studio", "--port", "0", *options],
        stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"avsynth studio: (http://\S+:(\d+)/\S*)\n", line)
        assert found, line
        yield Server(process, found[1], int(found[2]), folder)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser of this machine, driven by playwright; skips where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser to open the page with: none of {', '.join(PROGRAMS)}")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server",
                  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
        )  # fmt: skip
        yield browser
        browser.close()


class Page:
    """A tab, with all that it asked for and complained of."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.tab = browser.new_page(viewport={"width": 1400, "height": 950})
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda said: self.complaints.append(said.text))
        self.refusals = re.compile("Failed to load resource: .* status of 4")  # said in the page
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.set_default_timeout(90_000)
        self.origin = server.origin
        self.tab.goto(server.address)

    def drop(self, place: str, *files: Path) -> None:
        """Drop files, as from a file manager, and wait until they are sent."""
        self.tab.set_input_files(f"#{place}-drop input[type=file]", [str(f) for f in files])

    def text(self, selector: str) -> str:
        """What is shown there, once it is."""
        found = self.tab.locator(selector)
        found.wait_for(state="visible")
        return str(found.inner_text())

    def check_manners(self) -> None:
        """Nothing went anywhere else, and neither scripts nor policies complained."""
        foreign = [u for u in self.asked if not u.startswith((self.origin, "blob:", "data:"))]
        complaints = [each for each in self.complaints if not self.refusals.match(each)]
        assert foreign == [] and complaints == []
