"""Who may talk to the page: checked before anything else looks at a request.

Another site that a browser has open may send requests here, and may have its name resolve to this
machine. So the name that is asked for must be ours, whatever changes something must come from a
page of ours, and off this machine one needs the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import socket
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a request that is no upload.
LARGEST_REQUEST: Final = 2**16
#: What is answered without a token: the page that asks for it.
OPEN: Final = frozenset({"/enter", "/static/studio.css", "/static/enter.js", "/static/mark.svg"})
UPLOADS: Final = "/api/uploads"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Door:
    """What opens the page: the address it listens at, and the token where one is needed."""

    host: str
    port: int
    token: str | None = None
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """Name of the cookie; browsers do not keep ports apart."""
        return f"avsynth-studio-{self.port}"

    def fits(self, token: str) -> bool:
        """Whether it is the token, in constant time."""
        return self.token is not None and hmac.compare_digest(
            token.encode("utf-8", "replace"), self.token.encode()
        )

    def lets_in(self, headers: Headers) -> bool:
        """Whether a request shows that its sender had the token."""
        if self.token is None:
            return True
        shown = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self.session.encode())

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server: no name that another site could own."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = (parts.hostname or "").lower(), parts.port or 80
        except ValueError:
            return False
        if loopback(self.host):
            return port == self.port and name in ("localhost", "127.0.0.1", "::1", self.host)
        known = {"localhost", self.host.lower(), socket.gethostname().lower()}
        return name in known or _is_address(name)


def loopback(host: str) -> bool:
    """Whether a host to listen at is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Lets through what may pass; puts the safety headers on every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: requests alone, no web sockets."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await _answer(with_headers, *refused)
            return
        await self._app(scope, _limited(scope, receive), with_headers)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and line for what may not pass."""
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._door.is_ours(host):
            return 421, "this name is not the studio's: open the address that the command printed"
        if method not in ("GET", "HEAD"):
            # Of https, too: there may be a proxy before us that adds it.
            ours = {f"http://{host.lower()}", f"https://{host.lower()}"}
            if headers.get("origin", "").lower() not in ours:
                return 403, "only the studio's own page may do this"
        elif headers.get("sec-fetch-site") == "cross-site" and path.startswith("/api/"):
            return 403, "only the studio's own page may read this"
        if path not in OPEN and path != "/" and not self._door.lets_in(headers):
            return 401, "the token is needed: open the address that the command printed"
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "the length is no number"
        if path != UPLOADS and int(length) > LARGEST_REQUEST:
            return 413, "the request is too large"
        return None


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The request's body, cut off where it grows beyond what it may be."""
    if scope["path"] == UPLOADS:
        return receive  # the store counts
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        return {"type": "http.disconnect"} if came > LARGEST_REQUEST else message

    return counted


async def _answer(send: Send, status: int, line: str) -> None:
    body = json.dumps({"error": line}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
