"""What is measured of one trained network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from plan import Settings
from portraits import Bytes, to_bytes, to_tensor

from avsynth.metrics.distribution import FRECHET_LEAST, density_coverage, frechet, kid
from avsynth.metrics.image import l1, psnr, ssim
from avsynth.metrics.lite0 import Lite0
from avsynth.metrics.perceptual import Lite0Distance
from avsynth.models.face_vae import FaceVae
from avsynth.weights import file as weights_file

_AT_ONCE = 50
_PAIRS, _PATH = 8, 9  # of people, and pictures from one to the other
_REBUILT = 60  # pictures of each reference, at most
_SPIKE, _AROUND = 6.0, 50  # deviations from the median, of so many steps to either side
Doubles = NDArray[np.float64]
Draw = Callable[[int], Bytes]


class Judge:
    """The networks and references that all runs are measured with."""

    def __init__(self, references: dict[str, Bytes], block: int, neighbours: int) -> None:
        self.lite0, self.perceive = Lite0(), Lite0Distance()
        self.block, self.neighbours = block, neighbours
        self.references = references
        self.features = {name: self.see(each) for name, each in references.items()}
        self.detail = detail(references["morphs-unseen"])

    def see(self, pictures: Bytes) -> Doubles:
        """Features (N, 1280), computed in bfloat16: a hundredth of their spread off."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.lite0.pooled(list(pictures))

    def samples(self, pictures: Bytes) -> dict[str, Any]:
        """Of drawn people: distances from every reference, what of it they cover, sharpness."""
        own = self.see(pictures)
        found: dict[str, Any] = {"count": len(pictures)}
        for name, other in self.features.items():
            if min(len(own), len(other)) >= 2 * self.block:
                distance = kid(own, other, self.block)
                found[f"kid {name}"] = [distance.value, distance.error]
            if min(len(own), len(other)) >= FRECHET_LEAST:
                found[f"frechet {name}"] = frechet(own, other)
        near = density_coverage(own, self.features["morphs-unseen"], self.neighbours)
        found |= {"density": near.density, "coverage": near.coverage}
        return found | self.variety(pictures) | {"sharpness": detail(pictures) / self.detail}

    def variety(self, pictures: Bytes) -> dict[str, float]:
        """Density and coverage on thumbnails, for which soft pictures are as good as sharp ones."""
        near = density_coverage(
            thumbnails(pictures), thumbnails(self.references["morphs-unseen"]), self.neighbours
        )
        return {"density of thumbnails": near.density, "coverage of thumbnails": near.coverage}

    def rebuilt(self, network: FaceVae, name: str) -> dict[str, float]:
        """Of what the encoder keeps of the pictures of a reference."""
        real = self.references[name][:_REBUILT]
        made = rebuild(network, real)
        pairs = list(zip(made, real, strict=True))
        return {
            "l1": float(np.mean([l1(a, b) for a, b in pairs])),
            "psnr": float(np.mean([psnr(a, b) for a, b in pairs])),
            "ssim": float(np.mean([ssim(a, b) for a, b in pairs])),
            "perceptual": float(self.perceive(list(made), list(real)).mean()),
            "sharpness": detail(made) / detail(real),
        }

    def truncated(self, network: FaceVae) -> dict[str, float]:
        """PSNR of unseen morphs by how many numbers of their latents are kept."""
        every = self.references["morphs-unseen"]
        return truncated(network, every[:_REBUILT], every[_REBUILT:])

    def smoothness(self, network: FaceVae, seed: int) -> dict[str, float]:
        """Of the way from one drawn person to another, straight through the latents.

        Perceptual distances of neighbours on it: how long the way is against the distance of its
        ends (1: straight), and the largest step against the mean (1: even). After the perceptual
        path length (Karras et al. 2019), which has no scale of its own.
        """
        random = np.random.default_rng([seed, 1])
        ends = random.standard_normal((_PAIRS, 2, network.config.latent), np.float32)
        share = np.linspace(0, 1, _PATH, dtype=np.float32)[:, None]
        ways, unevens, lengths = [], [], []
        for one, other in ends:
            path = paint(network, one * (1 - share) + other * share)
            steps = self.perceive(list(path[1:]), list(path[:-1])) ** 0.5
            whole = float(self.perceive([path[-1]], [path[0]])[0]) ** 0.5
            ways.append(steps.sum() / whole)
            unevens.append(steps.max() / steps.mean())
            lengths.append(whole)
        return {
            "way": float(np.mean(ways)), "uneven": float(np.mean(unevens)),
            "ends": float(np.mean(lengths)),
        }  # fmt: skip


def load(folder: Path, settings: Settings) -> FaceVae:
    """The network of a finished run."""
    network = weights_file.read(folder / f"{settings.name}.safetensors").network
    assert isinstance(network, FaceVae)
    return network


@torch.inference_mode()
def paint(network: FaceVae, normal: NDArray[np.float32], fitted: bool = True) -> Bytes:
    """People (N, S, S, 3) for standard normal numbers (N, L).

    ``fitted``: through the Gaussian that was fitted to the latents of training portraits; else the
    prior's, which is the only one that a GAN has.
    """
    given = torch.from_numpy(normal)
    parts = [given[i : i + _AT_ONCE] for i in range(0, len(given), _AT_ONCE)]
    made = [network({"latent": x})["picture"] if fitted else network.decode(x)[0] for x in parts]
    return to_bytes(torch.cat(made))


@torch.inference_mode()
def truncated(network: FaceVae, pictures: Bytes, basis: Bytes) -> dict[str, float]:
    """PSNR (dB) of pictures (N, S, S, 3) of whose latent fewer and fewer numbers are kept.

    These are the first principal components of the latents of ``basis``, half as many each time.
    """
    latents = torch.cat([network.encode(to_tensor(x))[0] for x in np.array_split(basis, 8)])
    axes = torch.linalg.svd(latents - latents.mean(dim=0), full_matrices=False).Vh
    own, found, kept = network.encode(to_tensor(pictures))[0] - latents.mean(dim=0), {}, len(axes)
    while kept:
        cut = latents.mean(dim=0) + own @ axes[:kept].T @ axes[:kept]
        made = to_bytes(network.decode(cut)[0])
        found[str(kept)] = float(np.mean([psnr(a, b) for a, b in zip(made, pictures, strict=True)]))
        kept //= 2
    return found


@torch.inference_mode()
def rebuild(network: FaceVae, pictures: Bytes) -> Bytes:
    """Pictures (N, S, S, 3) through encoder and decoder, without noise."""
    parts = [to_tensor(pictures[i : i + _AT_ONCE]) for i in range(0, len(pictures), _AT_ONCE)]
    return to_bytes(torch.cat([network.decode(network.encode(x)[0])[0] for x in parts]))


def thumbnails(pictures: Bytes) -> Doubles:
    """Pictures (N, S, S, 3) as features (N, 768): 16 px of each, in 0..1."""
    small = [cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small).reshape(len(small), -1) / 255.0


def detail(pictures: Bytes) -> float:
    """Variance of the Laplacian of the luma: the mean over pictures."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    return float(np.mean([cv2.Laplacian(each, cv2.CV_64F).var() for each in grey]))


def stability(log: Path) -> dict[str, float]:
    """Spikes of the losses that the generator is trained on, and what a step costs."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    found: dict[str, float] = {}
    for name in ("l1", "adversary", "judge"):
        values = np.array([line[name] for line in lines if name in line])
        if len(values):
            found[f"spikes of {name}, per 1000 steps"] = spikes(values)
    last = [line for line in lines if "cpu" in line][-1]
    return found | {"cpu seconds a step": last["cpu"] / last["step"]}


def spikes(values: NDArray[np.float64]) -> float:
    """Spikes of a loss (T,) in a thousand steps.

    A spike lies more than 6 median deviations above the median of 50 steps to either side.
    """
    count = 0
    for step, value in enumerate(values):
        around = values[max(0, step - _AROUND) : step + _AROUND + 1]
        middle = np.median(around)
        count += value > middle + _SPIKE * np.median(np.abs(around - middle))
    return float(1000.0 * count / len(values))
