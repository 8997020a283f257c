"""Train VAE, GAN and VAE-GAN on the same portraits, three times each.

    python recipes/gan_vs_vae/train.py --pack .packs/faces --out runs/gan_vs_vae \
        --config recipes/gan_vs_vae/small.yaml

One run after the other, seed by seed, each as ``recipes/faces/train.py`` does it, into
OUT/KIND-SEED. Interrupted, the same command goes on where it was; runs that are finished stay as
they are. Where the processor tells what it takes (RAPL), OUT/energy.jsonl gets a line a run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from plan import Plan
from training import train

sys.path.append(str(Path(__file__).parents[1] / "sensitivity"))
from energy import Meter


def main() -> None:
    """Every run of the plan."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    compare(Plan.read(options.config), options.pack, options.out)


def compare(plan: Plan, pack: Path, out: Path) -> None:
    """What is not trained yet."""
    for settings in plan.runs():
        folder = out / settings.name
        if (folder / f"{settings.name}.safetensors").is_file():
            continue
        meter = Meter()
        train(settings, pack, folder)
        line = json.dumps({"run": settings.name, "joules": meter.joules})
        with (out / "energy.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
