"""Weights of kind "anomaly" at work: pictures of a face or a voice -> how unusual they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from avsynth.errors import WeightsError
from avsynth.models.anomaly import AnomalyConfig, haar, pooled
from avsynth.models.typicality import (
    FACE_REGIONS,
    KINDS,
    VOICE_REGIONS,
    Context,
    Density,
    Doubles,
    Floats,
    features,
)

_HOT = 4.0  # standard deviations that are drawn as 1 in a heat map


class Model(Protocol):
    """The part of ``avsynth.weights.LoadedModel`` that is needed here."""

    kind: str
    sha256: str
    config: BaseModel
    metadata: dict[str, Any]
    extras: dict[str, Tensor]

    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network."""


@dataclass(frozen=True)
class Look:
    """What was found in a few pictures in a row.

    ``features`` (F,), NaN where unknown; ``heat`` (h, w), 0..1: where errors are larger or smaller
    than in real pictures; ``found``, what the network said, (1, ...) each.
    """

    features: Floats
    heat: Floats
    found: dict[str, Floats]


class AnomalyScorer:
    """A network with the density of its features on real material.

    Attributes:
        sha256: hash of the weights.
        data: what it was trained on, as its metadata says.
        density: of the features in the order of ``layout``.
        layout: kind of each feature, see ``typicality.KINDS``.
    """

    def __init__(self, model: Model) -> None:
        """WeightsError: of another kind, or without a density."""
        if not isinstance(model.config, AnomalyConfig):
            raise WeightsError(f"weights of kind {model.kind!r}, not of an anomaly detector")
        self._model = model
        self._regions = FACE_REGIONS if model.config.aligned else VOICE_REGIONS
        self.sha256 = model.sha256
        try:
            self.data = tuple(str(each) for each in model.metadata["data"])
            self.layout = tuple(str(each) for each in model.metadata["layout"])
            centre, spread = (float(model.metadata[name]) for name in ("centre", "spread"))
            extras = {name: value.double().numpy() for name, value in model.extras.items()}
            mean, between, within = (
                extras[f"density.{name}"] for name in ("mean", "between", "within")
            )
            self.density = Density(mean, between, within, centre, spread)
            self._context = (
                Context(extras["context.mean"], extras["context.slopes"])
                if self._regions.reference is not None
                else None
            )
            self._usual = extras["usual.mean"], extras["usual.spread"]
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError("an anomaly detector without its density") from error

    def measure(self, pictures: Floats) -> Look:
        """Pictures in a row (P, H, W), of one burst or window: their features are averaged.

        ``change`` is known from two pictures on.
        """
        found = run(self._model, pictures[None])
        feature = explained(features(found, self._regions), self.layout, self._context)[0]
        return Look(np.asarray(feature, np.float32), self._heat(found), found)

    def _heat(self, found: Mapping[str, Floats]) -> Floats:
        mean, spread = self._usual
        strange = (surprise(found["energy"], found["variance"])[0] - mean) / spread
        return np.asarray(np.sqrt((strange**2).mean(axis=0)) / _HOT, np.float32).clip(0, 1)


def run(model: Any, films: Floats) -> dict[str, Floats]:
    """Films (N, P, H, W) -> what ``typicality.features`` needs, (N, ...) each, means over P.

    ``model``: batch -> batch.
    """
    pictures = films.shape[1]
    flat = torch.from_numpy(np.ascontiguousarray(films, np.float32)).flatten(0, 1)[:, None]
    with torch.inference_mode():
        out = model({"picture": flat})
        error = _parted(flat - out["picture"], pictures)
        parts = {name: _parted(out[name], pictures) for name in out if name != "picture"}
        found = {name: value.float().mean(dim=1).numpy() for name, value in parts.items()}
        if pictures > 1:
            news = (error[:, 1:] - error[:, :-1]).flatten(0, 1)
            change = pooled([band**2 / 2 for band in haar(news)])
            found["change"] = _parted(change, pictures - 1).mean(dim=1).numpy()
    return found


def _parted(x: Tensor, pictures: int) -> Tensor:
    """(N * P, ...) -> (N, P, ...)."""
    return x.reshape(-1, pictures, *x.shape[1:])


def surprise(energy: Floats, variance: Floats) -> Floats:
    """Log of the error's mean square over the expected one, cell by cell."""
    return np.asarray(np.log(energy + 1e-8) - variance, np.float32)


def arranged(named: Mapping[str, Floats], layout: Iterable[str]) -> Floats:
    """Features by kind, (N, F_k) -> (N, F) in the order of ``layout``; NaN for what is missing."""
    order = list(layout)
    kinds = [kind for kind in KINDS if kind in order]
    many = len(next(iter(named.values())))
    empty = {k: np.full((many, order.count(k)), np.nan, np.float32) for k in kinds}
    return np.concatenate([named.get(kind, empty[kind]) for kind in kinds], axis=1)


def explained(
    named: Mapping[str, Floats], layout: Iterable[str], context: Context | None
) -> Floats | Doubles:
    """As ``arranged``, less what the context of each picture explains."""
    found = arranged(named, layout)
    if context is None:
        return found
    known = named["context"]
    missing = np.full((len(known), len(context.mean) - known.shape[1]), np.nan)
    return context.without(found, np.concatenate([known, missing], axis=1))
