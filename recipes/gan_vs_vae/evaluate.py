"""Measure every finished run of the comparison.

    python recipes/gan_vs_vae/evaluate.py --pack .packs/faces --runs runs/gan_vs_vae \
        --config recipes/gan_vs_vae/small.yaml

Real are: unseen morphs of the training people (what the networks should have learnt), real
portraits of the training people and of the dev people, and morphs of the dev people; half of all of
them mirrored, as in training. Writes RUNS/KIND-SEED/measured.json, which is kept when it is there;
``tables.py`` makes tables and plots of them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from measure import Judge, load, paint, stability
from plan import Plan, Settings
from portraits import Bytes, Portraits

from avsynth.metrics.cost import parameter_count
from avsynth.models.face_vae import FaceVae
from avsynth.weights import file as weights_file

MOST = 600  # pictures of a reference
SETS = ("morphs-unseen", "train", "dev", "morphs-dev")


def main() -> None:
    """Every run that has ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500, help="people drawn of each network")
    parser.add_argument("--block", type=int, default=50, help="of the kernel distance")
    parser.add_argument("--neighbours", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument("--wait", action="store_true", help="for runs that have not ended")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    evaluate(Plan.read(options.config), options)


def evaluate(plan: Plan, options: argparse.Namespace) -> None:
    """Measure what is not measured yet."""
    runs = list(plan.runs())
    references = read(options.pack, runs[0].network.size)
    judge = Judge(references, options.block, options.neighbours)
    target = options.runs / "real.json"
    if options.again or not target.is_file():
        real = {
            "morphs": read(options.pack, runs[0].network.size, ("morphs",))["morphs"][
                : options.count
            ]
        }
        real["morphs-dev"] = references["morphs-dev"][: options.count]
        found = {name: judge.samples(pictures) for name, pictures in real.items()}
        del found["morphs-dev"]["kid morphs-dev"]  # no distance is that from oneself
        target.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for settings in runs:
        folder = options.runs / settings.name
        target = folder / "measured.json"
        weights = folder / f"{settings.name}.safetensors"
        while options.wait and not weights.is_file():
            time.sleep(5)
        if not weights.is_file() or (target.is_file() and not options.again):
            continue
        found = measured(judge, load(folder, settings), settings, folder, options.count)
        target.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        print(settings.name, json.dumps(found["samples"]), flush=True)


def read(folder: Path, size: int, names: tuple[str, ...] = SETS) -> dict[str, Bytes]:
    """The references, or other sets of portraits."""
    portraits, random = Portraits(folder, size), np.random.default_rng(0)
    found = {}
    for name in names:
        pictures = portraits.pictures(random.permutation(portraits.rows(name))[:MOST])
        pictures[::2] = pictures[::2, :, ::-1]
        found[name] = pictures
    return found


def measured(
    judge: Judge, network: FaceVae, settings: Settings, folder: Path, count: int
) -> dict[str, Any]:
    """Everything about one run."""
    normal = np.random.default_rng(settings.seed).standard_normal(
        (count, settings.network.latent), np.float32
    )
    parts = {"generator": network.decoder, "encoder": network.encoder}
    sizes = {name: parameter_count([part]) for name, part in parts.items() if part is not None}
    beside = folder / f"{settings.name}-discriminator.safetensors"
    if beside.is_file():
        sizes["discriminator"] = parameter_count([weights_file.read(beside).network])
    found: dict[str, Any] = {
        "kind": settings.kind, "seed": settings.seed, "latent": settings.network.latent,
        "steps": settings.steps, "parameters": sizes,
        "samples": {"prior": judge.samples(paint(network, normal, fitted=False))},
        "smoothness": judge.smoothness(network, settings.seed),
        "training": stability(folder / "log.jsonl"),
    }  # fmt: skip
    if network.encoder is not None:
        found["samples"]["fitted"] = judge.samples(paint(network, normal))
        found["truncated"] = judge.truncated(network)
        found["rebuilt"] = {n: judge.rebuilt(network, n) for n in ("morphs-unseen", "dev")}
    return found


if __name__ == "__main__":
    main()
