"""What tests of imagined people share: weights that were never trained, and a painter of faces.

The painter stands in for a trained network: it bends the demo person, who does not exist, by the
latent, so that detectors and embedder see real faces and refuse what they really refuse.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import torch
from dub_helpers import PERSON, shared_folder
from numpy.typing import NDArray

from avsynth.face.crops import crop_track
from avsynth.face.landmarks import open_detector
from avsynth.media import read_frames
from avsynth.models.face_vae import FacesConfig, FaceVae
from avsynth.pipelines.imagine_portrait import enlarged
from avsynth.provenance.dlib_face import DlibFace
from avsynth.weights import file as files
from avsynth.weights.faces import Faces, People

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONFIG = FacesConfig(size=64, latent=4, encoder=(8, 8, 8, 8), decoder=(8, 8, 8, 8, 8))


@functools.cache
def face() -> Bytes:
    """The demo person, (64, 64, 3)."""
    rgb = next(iter(read_frames(PERSON))).rgb()
    with open_detector() as detector:
        (found,) = detector.detect(rgb)
    picture: Bytes = crop_track(found.points[None], CONFIG.size, 2.9, 0.2)[0].warp(rgb)
    return picture


def paint(faces: Faces, latent: Floats) -> Bytes:
    """Latents (N, 4) -> pictures: the person bent; in a quarter each as is, or mere noise."""
    return np.stack([_painted(each) for each in latent])


def _painted(latent: Floats) -> Bytes:
    if latent[2] > 0.67:
        noise = np.random.default_rng(int(1e6 * latent[2])).integers(0, 255, face().shape)
        return noise.astype(np.uint8)
    if latent[3] > 0.67:
        return face()
    y, x = np.mgrid[: CONFIG.size, : CONFIG.size].astype(np.float32) / (CONFIG.size / 2) - 1
    wide, high = 0.25 * np.tanh(latent[:2])
    x, y = x * (1 + wide * (1 - x**2)), y * (1 + high * np.cos(2 * y))
    places = [(each + 1) * CONFIG.size / 2 for each in (x, y)]
    bent = cv2.remap(face(), *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8)


@functools.cache
def known() -> Floats:
    """What the embedder makes of the demo person, (128,)."""
    point = DlibFace().embed_picture(enlarged(face()))
    assert point is not None
    return point


@functools.cache
def small_faces(own: float = 0.2, purpose: str = "commercial", embedder: str = "dlib face") -> Path:
    """Untrained weights that know two people: the demo person, and somebody far away."""
    torch.manual_seed(0)
    points = np.stack([known(), known() + np.float32(0.02), -known()])
    people = People(
        ("demo", "other"), points, np.array([0, 0, 1]), np.array([own, 0.3]), embedder,
        "Euclidean distance of dlib's embeddings to debug people",
    )  # fmt: skip
    metadata = {"purpose": purpose, "licence": "CC-BY-4.0", "people": people.statement()}
    path = shared_folder() / f"faces-debug-{own}-{purpose}-{embedder}.safetensors"
    files.write(path, "faces", FaceVae(CONFIG), CONFIG, people.tensors(), metadata)
    return path
