"""Shared fixtures: where the real media are, and a network that is closed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real media (``AVSYNTH_DATA``); tests that need it are skipped without it."""
    value = os.environ.get("AVSYNTH_DATA")
    if not value or not Path(value).is_dir():
        pytest.skip("AVSYNTH_DATA does not point to the real media")
    return Path(value)


@pytest.fixture(autouse=True)
def _private_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, trust lists and revocations of tests never touch the user's own."""
    monkeypatch.setenv("AVSYNTH_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def _closed_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any connection that leaves this machine fails the test that made it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in ("127.0.0.1", "::1", "localhost", "local"):
            raise AssertionError(f"a test tried to reach the network: {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
