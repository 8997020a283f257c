"""Who may talk to the studio's server, what it takes, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from dub_helpers import PERSON, _private_home, process  # noqa: F401
from studio_helpers import Server, studio

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with studio(tmp_path_factory.mktemp("studio"), "--max-upload", "1") as running:
        yield running


def said(body: bytes) -> str:
    return str(json.loads(body)["error"])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", ""])
def test_only_its_own_name_is_answered(server: Server, host: str) -> None:
    status, _, body = server.ask("GET", "/", Host=host.format(port=server.port))
    assert status in (400, 421) and b"<html" not in body


@pytest.mark.parametrize(
    "origin", ["", "null", "http://evil.example", "http://127.0.0.1:1", "http://[", "file://"]
)
def test_only_its_own_page_may_change_anything(server: Server, origin: str) -> None:
    for method, path in [
        ("POST", "/api/uploads"),
        ("POST", "/api/scan"),
        ("DELETE", "/api/jobs/x"),
    ]:
        status, _, body = server.ask(method, path, b"{}", Origin=origin)
        assert status == 403 and "own page" in said(body)
    status, _, _ = server.ask("GET", "/api/key", Sec_Fetch_Site="cross-site")
    assert status == 403


def test_every_answer_carries_the_safety_headers(server: Server) -> None:
    for path, expected in [
        ("/", 200),
        ("/static/main.js", 200),
        ("/nothing", 404),
        ("/api/key", 200),
    ]:
        status, headers, _ = server.ask("GET", path)
        assert status == expected
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "require-trusted-types-for 'script'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert (
            headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        )
        assert "server" not in headers


def test_uploads_are_limited_before_and_while_they_come(server: Server) -> None:
    said_large = {"Content_Length": str(10**9)}
    status, _, body = server.ask("POST", "/api/uploads", b"", **said_large)
    assert status == 507 and said(body).startswith("the file is too large: at most 1 MB")
    # Without a length: what comes is counted, and refused while more is coming.
    with socket.create_connection(("127.0.0.1", server.port), 30) as raw:
        named = f"Host: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}"
        head = f"POST /api/uploads HTTP/1.1\r\n{named}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(200):  # 13 MB
                raw.sendall(b"10000\r\n" + bytes(2**16) + b"\r\n")
        assert b" 507 " in raw.recv(100)
    for number in range(8):  # four at a time are kept; the oldest make room
        assert server.send(bytes([number]) * 900_000)["size"] == 900_000
    status, _, body = server.ask("POST", "/api/scan", {"files": ["x" * 2**17]})
    assert status == 413
    status, _, body = server.ask("POST", "/api/uploads", b"")
    assert status == 422 and said(body) == "the file is empty"
    assert len(kept(server)) <= 4


def kept(server: Server) -> list[Path]:
    return list(server.temporary.glob("avsynth-studio-*/uploads-*/*"))


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "..\\..\\x.mp4", "/etc/x", "a\x00b", "\u202egpj.exe", "x" * 4000],
)
def test_names_are_never_paths(server: Server, name: str) -> None:
    upload = server.send(name.encode(), quote(name))
    assert "\u202e" not in upload["name"] and "\x00" not in upload["name"]
    status, headers, body = server.ask("GET", f"/api/uploads/{upload['id']}/save")
    assert (status, body) == (200, name.encode())
    saved = headers["content-disposition"].removeprefix("attachment; filename*=UTF-8''")
    assert "/" not in saved and "%2F" not in saved and "%5C" not in saved
    for path in kept(server):
        assert path.name.partition(".")[0].isalnum()


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/index.html",
     "/api/jobs/..%2f..%2fx/y", "/api/uploads/..%2f..%2fx/save", "/api/uploads/",
     "/static/", "/openapi.json", "/docs"],
)  # fmt: skip
def test_nothing_else_is_served(server: Server, path: str) -> None:
    status, _, body = server.ask("GET", path)
    assert status in (404, 405, 422) and said(body)


def test_films_are_served_in_ranges(server: Server) -> None:
    content = PERSON.read_bytes()
    upload = server.send(content, "a film.mp4")
    path = f"/api/uploads/{upload['id']}/play"
    status, headers, body = server.ask("GET", path, Range="bytes=100-199")
    assert (status, body) == (206, content[100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert headers["content-type"] == "video/mp4"
    status, _, _ = server.ask("GET", f"/api/uploads/{server.send(b'<b>', 'x.html')['id']}/play")
    assert status == 404


def test_a_dub_needs_its_record_and_sane_options(server: Server) -> None:
    film = server.send(PERSON.read_bytes(), "p.mp4")["id"]
    for asked, why in [
        ({"film": film, "speech": film}, "record: field required"),
        ({"film": film, "speech": film, "record": ""}, "no longer here"),
        ({"film": film, "speech": film, "record": film, "face": "?"}, "--face"),
        ({"film": film, "speech": film, "record": film, "consent": False}, "extra inputs"),
        ({"film": film, "speech": film, "record": film, "voice_from": "/etc/x"}, "extra inputs"),
    ]:
        status, _, body = server.ask("POST", "/api/dub", asked)
        assert status == 422 and why in said(body), body


def test_many_at_once_get_each_their_own_answer(server: Server) -> None:
    """More than may wait: some are told to come back, nobody gets another's job, nothing hangs."""

    def client(number: int) -> tuple[int, str]:
        film = server.send(f"no film {number}".encode(), f"{number}.mp4")["id"]
        while True:
            status, _, body = server.ask("POST", "/api/faces", {"film": film})
            if status == 200:
                break
            assert status == 507 and "waiting already" in said(body)
            time.sleep(0.2)
        job = json.loads(body)
        while job["state"] in ("waiting", "running"):
            time.sleep(0.1)
            job = json.loads(server.ask("GET", f"/api/jobs/{job['id']}")[2])
        return number, job["error"]

    with ThreadPoolExecutor(18) as clients:
        for number, error in clients.map(client, range(18)):
            assert error.startswith(f"{number}.mp4: not a media file"), error


def test_the_token_opens_the_page_and_nothing_else_does(tmp_path: Path) -> None:
    with studio(tmp_path / "t", "--host", "0.0.0.0", AVSYNTH_STUDIO_TOKEN=TOKEN) as server:
        assert TOKEN not in server.address
        status, _, page = server.ask("GET", "/")
        assert status == 200 and b"Start dubbing" not in page and b"Token" in page
        for path in ("/api/key", "/static/main.js", "/api/jobs/x"):
            assert server.ask("GET", path)[0] == 401
        assert server.ask("POST", "/api/uploads", b"x", Cookie="avsynth-studio-1=x")[0] == 401
        assert server.ask("POST", "/enter", {"token": TOKEN[:-1]})[0] == 401
        assert (
            server.ask("POST", "/enter", {"token": TOKEN}, Origin="http://evil.example")[0] == 403
        )
        status, headers, _ = server.ask("POST", "/enter", {"token": TOKEN})
        cookie = headers["set-cookie"]
        assert status == 200 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert TOKEN not in cookie
        opened = {"Cookie": cookie.partition(";")[0]}
        assert server.ask("GET", "/api/key", **opened)[0] == 200
        assert b"Start dubbing" in server.ask("GET", "/", **opened)[2]
        # By an address anybody may come, by a name of another only who could have sent it here.
        assert server.ask("GET", "/", Host="evil.example")[0] == 421


@pytest.mark.skipif(os.name == "nt", reason="signals and modes of POSIX")
def test_it_ends_with_its_children_and_its_folder(tmp_path: Path) -> None:
    with studio(tmp_path / "t") as server:
        (folder,) = server.temporary.glob("avsynth-studio-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        film = server.send(PERSON.read_bytes(), "p.mp4")["id"]
        assert server.ask("POST", "/api/faces", {"film": film})[0] == 200
        main = psutil.Process(server.process.pid)
        until = time.monotonic() + 30
        while not (children := main.children(recursive=True)) and time.monotonic() < until:
            time.sleep(0.05)
        assert children
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
        assert not folder.exists()
        assert not psutil.wait_procs(children, 5)[1]


def test_what_cannot_be_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = process("studio", "--port", taken.getsockname()[1])
    assert done.code == 7 and "cannot listen" in done.complaint
    code = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['avsynth', 'studio']\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'fastapi' else real(name, *a)\n"
        "from avsynth.cli.main import main; main()"
    )
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert bare.returncode == 2 and bare.stdout == ""
    assert bare.stderr.strip().endswith("(pip install 'avsynth[studio]')")
