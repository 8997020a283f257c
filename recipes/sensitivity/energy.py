"""Energy that the processors took, where the kernel lets it be read (RAPL, Linux)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_ROOT = Path("/sys/class/powercap")


class Meter:
    """Joules since the meter was made, over all processor packages.

    Counters are those of ``intel-rapl:N/energy_uj`` (AMD's too); each is taken to wrap at most
    once. ``joules`` is None where there are none, or they may not be read.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        """``root``: where the kernel shows its power zones."""
        zones = sorted(root.glob("intel-rapl:*"))
        self._zones = [zone for zone in zones if zone.name.count(":") == 1]  # no parts of packages
        self._before = self._read()

    @property
    def joules(self) -> float | None:
        """Joules since the beginning."""
        now = self._read()
        if self._before is None or now is None:
            return None
        total = 0
        for zone, first, last in zip(self._zones, self._before, now, strict=True):
            most = int((zone / "max_energy_range_uj").read_text("ascii"))
            total += last - first if last >= first else last - first + most
        return total / 1e6

    def _read(self) -> Sequence[int] | None:
        try:
            found = [int((zone / "energy_uj").read_text("ascii")) for zone in self._zones]
        except (OSError, ValueError):
            return None
        return found or None
