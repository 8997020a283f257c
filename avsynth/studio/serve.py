"""The server's life: an address, a folder, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

import psutil
import uvicorn

from avsynth.errors import ResourceError, UsageError
from avsynth.studio.app import make_app
from avsynth.studio.desk import Desk
from avsynth.studio.guard import Door, loopback
from avsynth.studio.limits import Limits

#: Environment variable with the token to ask for, on this machine too.
TOKEN: Final = "AVSYNTH_STUDIO_TOKEN"
_SHORTEST: Final = 16  # characters of a token that somebody chose


def serve(host: str, port: int, limits: Limits, keep: Path | None, show: bool) -> None:
    """Serve the page until Ctrl-C.

    Args:
        host: to listen at; other than loopback needs a token.
        port: 0: the system chooses one.
        limits: of uploads and jobs.
        keep: a folder for results that stay; None: one that is removed at the end.
        show: open the page in a browser.

    Raises:
        ResourceError: the port is taken, or the folder cannot be made.
        UsageError: the token of the environment is too short.
    """
    with _listening(host, port) as listener, _folder(keep) as folder:
        door = Door(host, listener.getsockname()[1], _token(host))
        address = _address(door)
        desk = Desk(folder, limits)
        try:
            print(f"avsynth studio: {address}", flush=True)
            if show:
                webbrowser.open(address.partition("#")[0])  # others see what programs are given
            _run(make_app(desk, door), listener)
        finally:
            desk.close()
            _end_children()


def _run(app: object, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="error", access_log=False, server_header=False, lifespan="off", ws="none",
        limit_concurrency=200, timeout_graceful_shutdown=1,
    )  # fmt: skip
    # The server ends by these signals and then raises them again: as Ctrl-C, which we expect.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            if os.name != "nt":  # there it would let another program share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(128)
            yield listener
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ResourceError(f"cannot listen at {host}, port {port}: {reason}") from error


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The work folder, for this user alone."""
    try:
        if keep is None:
            folder = Path(tempfile.mkdtemp(prefix="avsynth-studio-"))
        else:
            folder = keep.absolute() / "avsynth-studio"  # the folder itself may be anybody's
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)  # fails for another user's
    except OSError as error:
        raise ResourceError(f"cannot make the work folder: {error.strerror}", keep) from error
    try:
        yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _token(host: str) -> str | None:
    given = os.environ.get(TOKEN)
    if given is not None and len(given) < _SHORTEST:
        raise UsageError(f"{TOKEN} is too short for a token: {_SHORTEST} characters at least")
    return given or (None if loopback(host) else secrets.token_urlsafe(32))


def _address(door: Door) -> str:
    """What to open; the token, unless the user set it, is behind a # that no browser sends."""
    everywhere = door.host in ("0.0.0.0", "::")
    name = socket.gethostname() if everywhere else door.host
    name = f"[{name}]" if ":" in name else name
    known = door.token is None or TOKEN in os.environ
    return f"http://{name}:{door.port}/" + ("" if known else f"#{door.token}")


def _end_children() -> None:
    """End the servers that job processes were forked from, and workers of theirs that linger."""
    ours = psutil.Process().children(recursive=True)
    for child in ours:
        with suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(ours, timeout=3)
