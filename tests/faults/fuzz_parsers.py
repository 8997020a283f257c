"""A parser under coverage-guided fuzzing: python fuzz_parsers.py TARGET RUNS SEED FOLDER SECONDS.

Needs atheris (extra ``faults``). Inputs that lead to new code are kept in FOLDER; the one that
ended in anything but our errors, as ``crash-...``.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("AVSYNTH_HOME", sys.argv[4] + "/home")
sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["avsynth", "detectors"], enable_loader_override=False):
    from targets import change_json, targets

    from avsynth.errors import AvsynthError

    TARGET = targets()[sys.argv[1]]
    for one in TARGET.seeds:  # modules are imported by functions: now, so that they are followed
        with contextlib.suppress(AvsynthError):
            TARGET.run(one)


def main() -> None:
    """Run one target."""
    runs, seed, folder = int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(TARGET.seeds):
        (corpus / f"seed-{number}").write_bytes(one)
    longest = max(4096, 2 * max(map(len, TARGET.seeds)))

    def once(data: bytes) -> None:
        try:
            TARGET.run(data)
        except AvsynthError as error:
            assert str(error).isprintable()

    def change(data: bytes, most: int, number: int) -> bytes:
        dice = random.Random(number)
        if dice.random() < 0.5:
            return change_json(data, dice)[:most]
        return bytes(atheris.Mutate(data, most))

    words = [sys.argv[0], str(corpus), f"-runs={runs}", f"-seed={seed}", f"-max_len={longest}",
             "-timeout=300", "-rss_limit_mb=6000", f"-artifact_prefix={folder}/",
             f"-max_total_time={sys.argv[5]}", "-print_final_stats=1", "-reload=0"]  # fmt: skip
    atheris.Setup(words, once, **({"custom_mutator": change} if TARGET.json else {}))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
