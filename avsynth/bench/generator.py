"""How fast the lip-sync generator is, beside a network of Wav2Lip's size in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn

from avsynth.bench.reference import ReferenceNetwork, reference_batch
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.models.lipsync import example_batch as lipsync_batch
from avsynth.pipelines.networks import FRAMES_AT_ONCE
from avsynth.pipelines.segment import PAINTERS
from avsynth.weights.dubbing import best_lipsync
from avsynth.weights.engine import Batch, multiply_adds, prepare
from avsynth.weights.registry import locate
from avsynth.weights.subject import read_parts
from avsynth.weights.threads import one_thread

_ROUNDS = 15
_MANY_RUNS = 10_000  # as in a film of some minutes, for which engines are compiled


def bench_generator(engine: str = "auto", weights: Sequence[str] = ()) -> dict[str, Any]:
    """Time the generator and the reference network in turn, on this processor.

    Args:
        engine: "auto", "torch" or "openvino".
        weights: the first with a lip-sync network is timed; by default the shipped one, or, where
            none is shipped, an untrained one: speed does not depend on what it has learnt.

    Returns:
        ``weights``, ``engine``, ``precision``, ``parameters``, ``gmac`` (10^9 multiply-adds a
        frame), ``ms_a_frame`` (``one_thread``: one frame at a time on one thread, processor time,
        which other work on the machine hardly changes; ``as_run``: as a dub runs it, several
        frames at a time on several threads, time passed over frames made),
        ``reference`` with the same fields, and ``times_faster``, the ratio of either time.
    """
    name, network, example = _generator(weights)
    ours = _Timed(network, example, engine)
    theirs = _Timed(ReferenceNetwork().eval(), reference_batch(), engine)
    for timed in (ours, theirs):  # the first call prepares memory
        timed.one_thread()
        timed.as_run()
    for _ in range(_ROUNDS):  # in turn, so that what else the machine does falls on both
        for timed in (ours, theirs):
            timed.alone.append(timed.one_thread())
            timed.together.append(timed.as_run())
    mine, reference = ours.as_dict(), theirs.as_dict()
    return {
        "weights": name,
        **mine,
        "reference": {"name": "encoder-decoder of Wav2Lip's size, random weights", **reference},
        "times_faster": {
            how: round(reference["ms_a_frame"][how] / mine["ms_a_frame"][how], 1)
            for how in ("one_thread", "as_run")
        },
    }


def _generator(weights: Sequence[str]) -> tuple[str, nn.Module, Batch]:
    shipped = best_lipsync("commercial")
    for name_or_path in (*weights, *([shipped.name] if shipped is not None else [])):
        name, path, digest = locate(name_or_path)
        part = read_parts(path, digest).get("lipsync")
        if part is not None:
            assert isinstance(part.config, LipsyncConfig)
            return name, part.network, lipsync_batch(part.config)
    config = LipsyncConfig.model_validate({})
    return "untrained", LipsyncNetwork(config).eval(), lipsync_batch(config)


class _Timed:
    """One network, on one thread and as a dub runs it."""

    def __init__(self, network: nn.Module, example: Batch, engine: str) -> None:
        self.parameters = sum(value.numel() for value in network.parameters())
        self.gmac = multiply_adds(network, example) / 1e9
        self.alone: list[float] = []
        self.together: list[float] = []
        with one_thread():
            self.single = prepare(network, example, engine, "cpu", runs=_MANY_RUNS)
        self.shared = prepare(network, example, engine, "cpu", callers=PAINTERS, runs=_MANY_RUNS)
        self.one = {key: torch.rand_like(value) for key, value in example.items()}
        self.group = {key: x.repeat_interleave(FRAMES_AT_ONCE, 0) for key, x in self.one.items()}

    def one_thread(self) -> float:
        """Milliseconds of one frame on one thread, of the processor's time."""
        with one_thread():
            started = time.process_time()
            self.single(self.one)
            return (time.process_time() - started) * 1e3

    def as_run(self) -> float:
        """Milliseconds a frame where ``PAINTERS`` threads make a group of frames each."""
        with one_thread(), ThreadPoolExecutor(PAINTERS) as pool:
            started = time.perf_counter()
            for done in [pool.submit(self.shared, self.group) for _ in range(PAINTERS)]:
                done.result()
            return (time.perf_counter() - started) * 1e3 / (PAINTERS * FRAMES_AT_ONCE)

    def as_dict(self) -> dict[str, Any]:
        """For the table."""
        return {
            "engine": self.single.name,
            "precision": self.single.precision,
            "parameters": self.parameters,
            "gmac": round(self.gmac, 3),
            "ms_a_frame": {
                "one_thread": round(statistics.median(self.alone), 3),
                "as_run": round(statistics.median(self.together), 3),
            },
        }
