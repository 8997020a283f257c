"""Where a dubbed mouth eases back to the original, and where it need not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from dub_helpers import LINE, consent_for, short_person

from avsynth.pipelines.acting import Act
from avsynth.pipelines.dub import dub


def test_nothing_eases_at_the_ends_of_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths: list[float] = []

    def noting(todo: Sequence[tuple[object, Act]], renderer: object) -> None:
        strengths.extend(act.strength for _, act in todo)

    monkeypatch.setattr("avsynth.pipelines.segment.paint", noting)
    film = short_person(frames=12)
    dub(film, [("largest", LINE)], consent_for(film), tmp_path / "out.mp4")
    assert strengths == [1.0] * 12
