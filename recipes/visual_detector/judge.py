"""Logits of films, and how well they tell families from real films."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from avsynth.models.frame_detector import to_batch, view
from avsynth.training.face_corpus import FaceCorpus, FaceItem
from detectors.metrics.ranking import auc

Doubles = NDArray[np.float64]
Wear = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
FRAMES = (2, 6)  # of a burst of eight, as the detector takes them
_BATCH = 32


def logits(
    network: nn.Module, corpus: FaceCorpus, items: Sequence[FaceItem],
    frames: Iterable[int] = FRAMES, wear: Wear | None = None,
) -> Doubles:  # fmt: skip
    """(items, frames), raw; ``wear`` disturbs a whole film first."""
    frames = list(frames)
    views = []
    found = []
    for item in items:
        if wear is None:
            pictures = [corpus.film(item, t, t + 1)[0] for t in frames]
        else:
            pictures = list(wear(corpus.film(item))[frames])
        views += [view(picture, network.config.size) for picture in pictures]  # type: ignore[union-attr, arg-type]
        if len(views) >= _BATCH:
            found.append(_run(network, views))
            views = []
    if views:
        found.append(_run(network, views))
    return np.concatenate(found).reshape(len(items), len(frames))


@torch.inference_mode()
def _run(network: nn.Module, views: list[NDArray[np.uint8]]) -> Doubles:
    given = to_batch(np.stack(views))
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16):
        made = network({"picture": given["picture"].to(device)})["logit"]
    return made[:, 0].float().cpu().numpy().astype(np.float64)


def validate(network: nn.Module, corpus: FaceCorpus, count: int) -> dict[str, float]:
    """AUC by frame of each family, on people of the dev split, evenly over their films."""
    reals = [i for i in corpus.items if i.split == "dev" and i.label == "real"]
    generator = np.random.default_rng(0)
    chosen = [reals[n] for n in generator.permutation(len(reals))[:count]]
    names = {item.name for item in chosen}
    fakes = [i for i in corpus.items if i.original in names]
    if not fakes:
        return {}
    below = logits(network, corpus, chosen, (3,))[:, 0]
    above = logits(network, corpus, fakes, (3,))[:, 0]
    found = {}
    for family in sorted({fake.family for fake in fakes}):
        mine = np.array([fake.family == family for fake in fakes])
        scores = np.concatenate([below, above[mine]])
        synthetic = np.arange(len(scores)) >= len(below)
        found[f"auc_{family}"] = round(float(auc(scores, synthetic)), 4)
    return found
