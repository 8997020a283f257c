"""Is the encoder of imagined portraits a better judge of the unusual than the anomaly VAE?

    python recipes/new_generators/encoder.py packs/new_films/manifest.csv \
        --scores runs/new/films.csv --data ../shared/data [--network faces-small]

A portrait is cut as the generator was trained, encoded and decoded again. What is measured of it
(how badly it comes back, how far its latent lies from where latents lie, how sure the encoder is)
is compared with real pictures of the generator's own training people by a Gaussian; the distance is
the score of a picture, its mean that of a file. AUC beside ``face-anomaly`` on the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from clips import Bytes, opened
from numpy.typing import NDArray
from portraits import DROP, SPAN
from sources import table
from table import area, is_still, read, studio_of

from avsynth import weights
from avsynth.face.crops import crop_track
from avsynth.face.track import FaceTracker
from avsynth.media import probe, read_frames
from avsynth.models.face_vae import FaceVae

Doubles = NDArray[np.float64]

_EVERY = 4  # pictures of a film that are looked at
_CLIPS = 3  # of a person, that say what is usual
_SHRINK = 0.05  # of the variances, added to each


def main() -> None:
    """Print AUC by family."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--scores", type=Path, required=True, help="of recipes/fusion/scores.py")
    parser.add_argument("--network", default="faces-small", help="by name or file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = weights.read(options.network).network
    assert isinstance(network, FaceVae)
    usual = Usual(np.concatenate(list(familiar(network, options.data, options.cache))))
    rows = read(options.scores)
    for row in rows:
        found = measured(network, list(portraits_of(options.manifest.parent / row["file"])))
        row["encoder"] = f"{usual.distance(found).mean():.4f}" if len(found) else ""
    print("| what | files | face-anomaly | encoder |\n|---|---|---|---|")
    for studio, still in sorted({(studio_of(row), is_still(row)) for row in rows}):
        mine = [r for r in rows if is_still(r) == still and studio_of(r) in (studio, "imagined")]
        reals = [row for row in mine if row["label"] == "real"]
        families = {row["family"] for row in mine if row["label"] == "fake" and reals}
        for family in sorted(families):
            fakes = [row for row in mine if row["family"] == family]
            cells = [area(reals, fakes, name) for name in ("face-anomaly", "encoder")]
            print(f"| {studio}: {family} | {len(fakes)} | {' | '.join(cells)} |")


class Usual:
    """A Gaussian around what is measured of real portraits."""

    def __init__(self, found: Doubles) -> None:
        """``found`` (N, F)."""
        self._mean = found.mean(axis=0)
        spread = np.cov(found.T)
        self._precision = np.linalg.inv(spread + _SHRINK * np.diag(np.diag(spread)))

    def distance(self, found: Doubles) -> Doubles:
        """Squared Mahalanobis distances (N,)."""
        away = found - self._mean
        return np.asarray(np.einsum("nf,fg,ng->n", away, self._precision, away))


def familiar(network: FaceVae, data: Path, cache: Path) -> Iterator[Doubles]:
    """What is measured of people that the network was trained on."""
    seen: dict[str, int] = {}
    for item in table(data / "grid.csv"):
        if item.split != "train" or seen.get(item.person, 0) >= _CLIPS:
            continue
        clip = opened(item, cache / item.source / f"{item.name}.npz")
        if clip is not None:
            seen[item.person] = seen.get(item.person, 0) + 1
            pictures, points = clip.pictures[::_EVERY], clip.points[::_EVERY]
            yield measured(network, [cut(*pair) for pair in zip(pictures, points, strict=True)])


def portraits_of(path: Path, side: int = 128) -> Iterator[Bytes]:
    """Portraits of the largest face of a film or picture."""
    video = probe(path).video
    assert video is not None
    with FaceTracker(video.width, video.height) as tracker, read_frames(path) as frames:
        for number, frame in enumerate(frames):
            picture = frame.rgb()
            faces = tracker.update(number, picture)
            if faces and number % _EVERY == 0:
                yield cut(picture, max(faces, key=lambda face: face.box.area).points, side)


def cut(picture: Bytes, points: NDArray[np.float32], side: int = 128) -> Bytes:
    """The square in which the generator's training portraits lay."""
    (transform,) = crop_track(points[None], side, SPAN, DROP)
    return transform.warp(picture)


@torch.inference_mode()
def measured(network: FaceVae, pictures: list[Bytes]) -> Doubles:
    """Of portraits: logarithms of error, of error of edges, of the latent's distance; certainty."""
    if not pictures:
        return np.zeros((0, 4))
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0
    mean, variance = network.encode(batch)
    made, _ = network.decode(mean)
    lost = (made - batch).abs()
    edges = [(made.diff(dim=d) - batch.diff(dim=d)).abs().mean(dim=(1, 2, 3)) for d in (2, 3)]
    inside = torch.linalg.solve_triangular(network.factor, (mean - network.centre).T, upper=False)
    found = torch.stack(
        [
            lost.mean(dim=(1, 2, 3)).log(), (edges[0] + edges[1]).log(),
            inside.square().sum(dim=0).log(), variance.mean(dim=1),
        ],
        dim=1,
    )  # fmt: skip
    return found.double().numpy()


if __name__ == "__main__":
    main()
