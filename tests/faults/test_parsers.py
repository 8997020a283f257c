"""The parsers that are ours under damaged and hostile input: nothing comes out but our errors.

Short form: a few hundred changes of each seed. Long form: coverage-guided (atheris, extra
``faults``), ``AVSYNTH_FAULTS_RUNS`` executions of each parser, and a table.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_runs import LONG, OUT, write_table
from mutation import mutated
from targets import change_json, targets

from avsynth.errors import AvsynthError, WeightsError

SEED = 12
RUNS = int(os.environ.get("AVSYNTH_FAULTS_RUNS", "200000"))
SECONDS = int(os.environ.get("AVSYNTH_FAULTS_SECONDS", "120"))
NAMES = list(targets())


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_read(name: str) -> None:
    """Every seed is whole, so that changes to it go deep; where one is not, it says so."""
    told = []
    for seed in targets()[name].seeds:
        try:
            targets()[name].run(seed)
        except AvsynthError as error:
            told.append(str(error))
    assert len(told) < len(targets()[name].seeds), told


@pytest.mark.parametrize("name", NAMES)
def test_a_few_hundred_changes(name: str) -> None:
    target = targets()[name]
    dice = random.Random(f"{SEED}:{name}")
    for number in range(4000 if LONG else 100):
        seed = target.seeds[number % len(target.seeds)]
        if target.json and dice.random() < 0.7:
            data = change_json(seed, dice)
        else:
            data = mutated(seed, dice, target.seeds)[0]
        try:
            target.run(data)
        except AvsynthError as error:
            assert str(error).isprintable() and len(str(error)) < 5000
        except Exception as error:
            raise AssertionError(f"{name}: {data[:3000]!r}") from error


@pytest.mark.parametrize("rate", ["1e999999999", 1e999, "inf", "1_0", "-1", "1/0", None])
def test_a_clock_that_would_take_hours(rate: object) -> None:
    header = {**json.loads(targets()["motion's header"].seeds[0]), "rate": rate}
    with pytest.raises(WeightsError, match="not a motion that can be used"):
        targets()["motion's header"].run(json.dumps(header).encode())


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris")
def test_coverage_guided() -> None:
    rows, bad = [], []
    only = os.environ.get("AVSYNTH_FAULTS_PARSERS")
    for name in only.split(",") if only else NAMES:
        folder = OUT / "fuzz" / re.sub(r"\W+", "-", name)
        folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, str(Path(__file__).with_name("fuzz_parsers.py")), name]
        began = time.monotonic()
        env = {**os.environ, "AVSYNTH_HOME": str(folder.resolve() / "home")}
        done = subprocess.run(
            [*words, str(RUNS), str(SEED), str(folder.resolve()), str(SECONDS)],
            capture_output=True, text=True, check=False, env=env, errors="replace",
            timeout=600 + 4 * SECONDS,  # a hang
        )  # fmt: skip
        said = done.stderr
        runs = re.findall(r"number_of_executed_units:\s*(\d+)", said)
        covered = re.findall(r"cov: (\d+)", said)
        rows.append({
            "parser": name, "executions": int(runs[-1]) if runs else 0,
            "seconds": time.monotonic() - began,
            "branches reached": f"{covered[0]} to {covered[-1]}" if covered else "-",
            "outcome": "only our errors" if done.returncode == 0 else f"exit {done.returncode}",
        })  # fmt: skip
        print(rows[-1], flush=True)
        if done.returncode:
            bad.append((name, said[-3000:]))
            (folder / "said.txt").write_text(said)
    note = f"seed {SEED}; atheris (libFuzzer), at most {RUNS} executions or {SECONDS} s each"
    write_table("parsers", "Our parsers, coverage-guided", rows, [note])
    assert not bad, bad
