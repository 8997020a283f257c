"""Long tests (marked slow) run under `make faults` alone, which sets AVSYNTH_FAULTS=full."""

from __future__ import annotations

from pathlib import Path

import pytest
from dub_helpers import _private_home  # noqa: F401  (one home, so that records can be shared)
from fault_runs import LONG

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if LONG:
        return
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="long: make faults"))
