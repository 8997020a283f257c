"""How people look that weights of faces draw: as many as asked for, none refused.

    python recipes/faces/evaluate.py --pack .packs/faces \
        --weights runs/faces-small/faces-small.safetensors --sheet recipes/faces/people.jpg

Of 64 draws: in how many one face with sane landmarks is found, by the detector and the rule of
``avsynth imagine``, and why not in the others. Of 500: kernel distance, density and coverage
against unseen morphs of the training people, at the size of the network; sharpness. Of unseen
morphs and of the dev people: what encoder and decoder keep. Prints JSON; the sheet shows the 64.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from portraits import Bytes, Portraits

from avsynth.face.landmarks import open_detector
from avsynth.face.plausible import portrait_landmarks
from avsynth.models.face_vae import FaceVae
from avsynth.pipelines.imagine_portrait import enlarged
from avsynth.weights import file as weights_file

sys.path.append(str(Path(__file__).parents[1] / "gan_vs_vae"))
from measure import Judge, paint

_SHOWN, _ACROSS, _THUMB = 64, 8, 72
_MOST = 600  # pictures of a reference
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]


def main() -> None:
    """Draw, look, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--block", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = weights_file.read(options.weights).network
    assert isinstance(network, FaceVae)
    print(json.dumps(evaluate(network, options), indent=1))


def evaluate(network: FaceVae, options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    random = np.random.default_rng(options.seed)
    size = (max(options.count, _SHOWN), network.config.latent)
    began = time.process_time()
    people = paint(network, random.standard_normal(size, np.float32))
    seconds = (time.process_time() - began) / len(people)
    shown = people[:_SHOWN]
    if options.sheet:
        cv2.imwrite(str(options.sheet), sheet(shown)[..., ::-1], _JPEG)
    with open_detector("mediapipe") as detector:
        why = Counter(portrait_landmarks(enlarged(each), detector)[1] or "sane" for each in shown)
    portraits = Portraits(options.pack, network.config.size)
    names = ("morphs-unseen", "dev", "morphs-dev")
    references = {name: portraits.pictures(portraits.rows(name)[:_MOST]) for name in names}
    judge = Judge(references, options.block, neighbours=5)
    return {
        "landmarks": dict(why), "milliseconds a portrait": round(1000 * seconds, 2),
        "samples": judge.samples(people[: options.count]),
        "rebuilt": {name: judge.rebuilt(network, name) for name in names[:2]},
    }  # fmt: skip


def sheet(people: Bytes) -> Bytes:
    """Portraits (N, S, S, 3) beside each other, small."""
    small = [cv2.resize(p, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA) for p in people]
    small += [np.full_like(small[0], 255)] * (-len(small) % _ACROSS)
    rows = [np.concatenate(small[i : i + _ACROSS], 1) for i in range(0, len(small), _ACROSS)]
    return np.asarray(np.concatenate(rows), np.uint8)


if __name__ == "__main__":
    main()
