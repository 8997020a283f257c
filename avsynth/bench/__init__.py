"""How fast, in how much memory: timing tables, and what they are measured on."""

from avsynth.bench.converting import bench_convert
from avsynth.bench.dubs import bench_dub
from avsynth.bench.reenacting import bench_reenact
from avsynth.bench.scenes import Scene, scenes_named

__all__ = ["Scene", "bench_convert", "bench_dub", "bench_reenact", "scenes_named"]
