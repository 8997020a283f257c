"""What every kind of example does with its batches."""

from __future__ import annotations

import numpy as np

from detectors import views


def changed(batch: views.Batch, generator: np.random.Generator) -> views.Batch:
    """Pictures mirrored or not, in light and colour a little changed."""
    if generator.random() < 0.5:
        batch = {name: film.flip(-1) for name, film in batch.items()}
    gain = np.exp(generator.uniform(-0.15, 0.15, 3)).astype(np.float32)
    light = np.float32(generator.uniform(-0.06, 0.06))
    x = batch["x"]
    return batch | {"x": x * x.new_tensor(gain).view(3, 1, 1) + float(light)}


def joined(parts: list[views.Batch]) -> views.Batch:
    """Batches one after the other."""
    import torch

    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
