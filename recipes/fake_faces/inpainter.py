"""A small network that repaints the lower face, as the known lip-sync generators do.

    python recipes/fake_faces/inpainter.py --pack packs/fake_faces --out runs/inpainter \
        [--steps 1800] [--set KEY=VALUE]

It sees a face box of which the lower half is blanked, the same person at another moment, and the
lips to draw, and paints the whole box: first under L1 alone (blurred, as Wav2Lip's 96 px paste is),
then against a patch discriminator too (sharp, and differently wrong). Stages on the way are kept:
each is a generator of its own. Trained on GRID's training people.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from avsynth.face import mesh
from avsynth.models.discriminators import PatchConfig, PatchDiscriminator
from avsynth.training.adversarial import feature_matching, paired_loss
from avsynth.training.face_corpus import FaceCorpus, open_faces
from avsynth.training.steps import improve

SIDE = 128  # of the boxes in memory
SIDES = (64, 96, 128)  # that are trained on
_IN = 9  # blanked box, reference, lips and their inside, what is blank
_BOX = 1.12  # of the landmarks' box
_RINGS = (mesh.stored(mesh.LIPS_OUTER), mesh.stored(mesh.LIPS_INNER))
_NOSE = mesh.stored((2,))
Floats = NDArray[np.float32]


class Inpainter(nn.Module):
    """U-Net: (N, 9, S, S) -> (N, 3, S, S), 0..1; S a multiple of 16."""

    def __init__(self, widths: tuple[int, ...] = (24, 40, 72, 112)) -> None:
        super().__init__()
        self.widths = widths
        steps = zip((_IN, *widths), widths, strict=False)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in steps)
        self.middle = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        above = (*widths[:-1][::-1], 16)
        below = widths[::-1]
        self.up = nn.ModuleList(
            nn.Conv2d(b + (s if s else 0), a, 3, padding=1)
            for a, b, s in zip(above, below, (*widths[:-1][::-1], _IN), strict=True)
        )
        self.last = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        seen = [x]
        for step in self.down:
            seen.append(leaky_relu(step(seen[-1]), 0.1))
        y = seen.pop()
        y = y + leaky_relu(self.middle(y), 0.1)
        for step in self.up:
            beside = seen.pop()
            y = interpolate(y, size=beside.shape[-2:], mode="nearest")
            y = leaky_relu(step(torch.cat([y, beside], dim=1)), 0.1)
        return torch.sigmoid(self.last(y))


def box_matrix(points: Floats, side: int) -> NDArray[np.float64]:
    """The affine (2, 3) from a picture with landmarks (P, 2) to its upright face box."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2.0 + (0.0, 0.03 * (high[1] - low[1]))
    size = float((high - low).max()) * _BOX
    scale = side / size
    shift = (side - 1) / 2.0 - middle * scale
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def given(box: Floats, reference: Floats, points: Floats) -> Floats:
    """The network's input (9, S, S), 0..1, of a box and a reference (S, S, 3) of 0..1.

    ``points`` (P, 2), in pixels of the box, say what the lips should be, and where the nose is.
    """
    side = box.shape[0]
    lips = np.zeros((2, side, side), np.float32)
    for plane, ring in zip(lips, _RINGS, strict=True):
        cv2.fillPoly(plane, [np.round(points[ring] * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    blank = np.zeros((1, side, side), np.float32)
    blank[:, int(np.clip(points[_NOSE, 1].mean(), 0.3 * side, 0.7 * side)) :] = 1.0
    seen = box.transpose(2, 0, 1) * (1.0 - blank)
    return np.concatenate([seen, reference.transpose(2, 0, 1), lips, blank])


def load(path: Path) -> Inpainter:
    """A stage that was kept."""
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    network = Inpainter(tuple(about["widths"]))
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False)


class Boxes:
    """Face boxes of a corpus's real training films, and the landmarks in them."""

    def __init__(self, corpus: FaceCorpus) -> None:
        self.people: dict[str, list[int]] = {}
        pictures, points = [], []
        for item in corpus.items:
            if (item.label, item.split, item.purpose) != ("real", "train", "commercial"):
                continue
            for picture, layout in zip(corpus.film(item), corpus.points(item), strict=True):
                matrix = box_matrix(layout, SIDE)
                self.people.setdefault(item.person, []).append(len(pictures))
                pictures.append(cv2.warpAffine(picture, matrix, (SIDE, SIDE)))
                points.append(layout @ matrix[:, :2].T + matrix[:, 2])
        self.pictures = np.stack(pictures)
        self.points = np.stack(points).astype(np.float32)

    def batch(self, count: int, side: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Inputs (N, 9, S, S) and truths (N, 3, S, S)."""
        people = list(self.people.values())
        weights = np.sqrt([len(p) for p in people])
        inputs, truths = [], []
        for who in generator.choice(len(people), count, p=weights / weights.sum()):
            one, other = generator.choice(people[who], 2)
            tone = np.exp(generator.uniform(-0.2, 0.2, 3)).astype(np.float32)
            box, reference = (
                np.clip(
                    cv2.resize(self.pictures[n], (side, side), interpolation=cv2.INTER_AREA)
                    * (tone / 255.0), 0.0, 1.0,
                ).astype(np.float32)
                for n in (one, other)
            )  # fmt: skip
            points = (self.points[one] + 0.5) * (side / SIDE) - 0.5
            inputs.append(given(box, reference, points))
            truths.append(box.transpose(2, 0, 1))
        x, y = torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(truths))
        if generator.random() < 0.5:
            x, y = x.flip(-1), y.flip(-1)
        return x, y


def main() -> None:
    """Train, keeping stages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    generator = np.random.default_rng(options.seed)
    boxes = Boxes(open_faces(options.pack))
    network = Inpainter().to(memory_format=torch.channels_last)
    judge = PatchDiscriminator(PatchConfig(channels=3, widths=(24, 48, 96), scales=1))
    makers = torch.optim.Adam(network.parameters(), 1e-3, (0.5, 0.99))
    judges = torch.optim.Adam(judge.parameters(), 4e-4, (0.5, 0.99))
    alone = options.steps // 2  # steps under L1
    kept = {int(options.steps * share) for share in (0.17, 0.5, 0.75, 1.0)}
    began = time.monotonic()
    for step in range(1, options.steps + 1):
        x, truth = boxes.batch(options.batch, int(generator.choice(SIDES)), generator)
        with torch.autocast("cpu", torch.bfloat16):
            made = network(x.contiguous(memory_format=torch.channels_last)).float()
        weight = 1.0 + 3.0 * x[:, 8:] + 4.0 * x[:, 6:7]
        loss = far = (weight * (made - truth).abs()).mean()
        if step > alone:
            judge.requires_grad_(False)
            with torch.autocast("cpu", torch.bfloat16):
                real, fake = judge(truth), judge(made)
            loss = far + 0.03 * paired_loss(fake, real) + 0.1 * feature_matching(real, fake)
            judge.requires_grad_(True)
        improve(makers, loss)
        if step > alone - 20:
            with torch.autocast("cpu", torch.bfloat16):
                told = paired_loss(judge(truth), judge(made.detach()))
            improve(judges, told)
        if step % 50 == 0:
            minutes = (time.monotonic() - began) / 60
            print(f"{step} l1 {float(far.detach()):.4f} {minutes:.1f} min", flush=True)
        if step in kept:
            keep(network, options.out / f"inpainter-{step:05d}.safetensors", x, made, truth)


def keep(network: Inpainter, path: Path, x: Tensor, made: Tensor, truth: Tensor) -> None:
    """Store a stage, and a picture of what it paints."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"widths": network.widths}) + "\n", "utf-8")
    rows = torch.cat([x[:, :3], x[:, 3:6], made.detach(), truth], dim=2)
    sheet = torch.cat(list(rows), dim=2).permute(1, 2, 0).numpy() * 255.0
    cv2.imwrite(str(path.with_suffix(".jpg")), sheet[..., ::-1].astype(np.uint8))


if __name__ == "__main__":
    main()
