"""What runs on a worker of the cluster: one process, its models loaded once, a unit at a time."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

import avsynth
from avsynth.errors import ResourceError

_last_sign = time.monotonic()


def alive() -> None:
    """A sign of life of work that takes long: the engine's patience begins anew."""
    global _last_sign
    _last_sign = time.monotonic()


class NotHere(Exception):
    """Raised by work whose file this machine does not see as the driver does."""


class Failure:
    """An error as a value: it arrives as it was raised, not wrapped by Ray."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.error)
        except Exception:
            told = RuntimeError(f"{type(self.error).__name__}: {self.error}")
            return Failure, (told,)
        return Failure, (self.error,)


class Worker:
    """The actor: ``ready`` loads, ``work`` does a unit, ``silent_for`` answers meanwhile."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], version: str) -> None:
        """``make`` is called once, in ``ready``; ``version`` is the driver's of avsynth."""
        self._make, self._version = make, version
        self._work: Callable[[Any], Any] | None = None

    def ready(self) -> Failure | None:
        """Load what the work needs."""
        alive()
        try:
            if avsynth.__version__ != self._version:
                raise ResourceError(
                    f"a worker has avsynth {avsynth.__version__}, this machine {self._version}",
                    hint="install the same version on all machines of the cluster",
                )
            self._work = self._make()
            _one_thread()
        except Exception as error:
            return Failure(error)
        return None

    def work(self, unit: Any) -> Any:
        """The result of a unit, or the ``Failure`` that it came to."""
        assert self._work is not None
        alive()
        try:
            return self._work(unit)
        except Exception as error:
            return Failure(error)

    def silent_for(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - _last_sign


def _one_thread() -> None:
    """There is a worker for every processor: none splits its calls over several."""
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
