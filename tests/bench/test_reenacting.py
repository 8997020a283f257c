"""bench reenact: a whole run, and what it says."""

from __future__ import annotations

import json

from dub_helpers import command

from avsynth.cli.bench_reenact import table


def test_a_short_bench() -> None:
    done = command("bench", "reenact", "--seconds", "2", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    fast, best = found["rows"]
    assert (fast["quality"], best["quality"]) == ("fast", "best")
    assert fast["frames"] == best["frames"] == 50 and fast["renderer"] == "mesh"
    assert {"faces", "portrait", "join and sign", "measuring"} <= set(fast["stages"])
    assert fast["frames_per_second"] >= fast["with_measuring"] > 0
    assert 100 < fast["peak_memory_mb"] < 2000 and fast["processor_ms"] > 1
    assert found["growth"]["best"] == {"peak_mb": 0, "processor_ms": None}
    [recode] = found["recode"]
    assert 0 < recode["fast"] < 3 and "fast reaches" in table(found)
