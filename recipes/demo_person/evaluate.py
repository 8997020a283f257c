"""How far is the demo person from everybody who went in? Writes nearest.json beside person.mp4.

python recipes/demo_person/evaluate.py --grid GRID_FOLDER --person avsynth/pipelines/demo/person.mp4
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from avsynth.provenance.dlib_face import DlibFace

_CLIPS = 3  # of each speaker


def main() -> None:
    """Compare the composite with every GRID speaker at hand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--grid", type=Path, required=True, help="folder with clips, grid.csv beside"
    )
    parser.add_argument("--person", type=Path, required=True)
    arguments = parser.parse_args()
    embedder = DlibFace()
    demo = embedder.embed(arguments.person)
    clips = defaultdict(list)
    for row in csv.DictReader((arguments.grid.parent / "grid.csv").open()):
        clips[row["person"]].append(arguments.grid.parent / row["file"])
    distances = {}
    for person, files in clips.items():
        points = np.concatenate([embedder.embed(path) for path in files[:_CLIPS]])
        apart = np.linalg.norm(demo[:, None] - points[None], axis=-1)
        distances[person] = float(apart.min())
        print(f"{person:6} {distances[person]:.3f}")
    nearest = min(distances, key=distances.__getitem__)
    found: dict[str, float | int | str] = {
        "distance": round(distances[nearest], 3),
        "threshold": embedder.threshold,
        "compared": len(distances),
        "measure": f"least L2 distance of {embedder.name} embeddings to {len(distances)} GRID "
        f"speakers (nearest: {nearest})",
    }
    arguments.person.with_name("nearest.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
