"""The life of a process that does one job, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from avsynth.errors import AvsynthError
from avsynth.pipelines.progress import Step
from avsynth.studio.jobs import Ended, Found, Order
from avsynth.studio.told import told


def carry_out(connection: Connection, order: Order) -> None:
    """Do what is ordered; tell of it over ``connection``, last how it ended.

    It works in the order's folder, by names without a folder: so reports, credentials and errors
    hold no path of this machine.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server is told, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.chdir(order.folder)
    lock = threading.Lock()

    def send(message: Step | Found | Ended) -> None:
        with lock:
            connection.send(message)

    def found(part: dict[str, Any]) -> None:
        send(Found(part))

    try:
        send(Ended(order.carry_out(send, found)))
    except ConnectionError:  # nobody listens any more
        return
    except Exception as error:
        if not isinstance(error, AvsynthError):
            _note(error)
        send(Ended(error=told(error, order.names)))


def _note(error: Exception) -> None:
    """Where something came from that should not happen, for whoever runs the server."""
    import traceback

    traceback.print_exception(error)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
