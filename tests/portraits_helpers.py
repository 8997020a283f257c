"""Made people for the tests of the portrait recipes: discs of one colour each, with landmarks."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

PEOPLE = (("a", "train"), ("b", "train"), ("c", "train"), ("d", "dev"), ("e", "dev"))


def layout(random: np.random.Generator, count: int) -> np.ndarray:
    """Layouts (count, 478, 2) in sides of the square, symmetric in the mean."""
    half = np.random.default_rng(0).uniform((0.05, -0.24), (0.2, 0.24), (239, 2))
    base = np.concatenate([half, half * (-1, 1)]) + 0.5
    bend = random.normal(0, 0.02, (count, 4))
    away = base - 0.5
    moved = np.stack([away[:, 1] ** 2, away[:, 1] ** 2], axis=-1)
    spread = away * bend[:, None, :2] * 4 + moved * bend[:, None, 2:] * 8
    return (base + spread).astype(np.float32)


def crops(modules: dict[str, ModuleType], each: int = 6) -> list[object]:
    """Portraits of five people, two of them for validation; the second of all wears glasses."""
    crop_type, item_type = modules["crops"].Crop, modules["crops"].Item
    side, found = modules["crops"].SIDE, []
    random = np.random.default_rng(1)
    for number, (person, split) in enumerate(PEOPLE):
        item = item_type(f"{person}-1", "grid", person, split, "none", "commercial", Path("x"))
        for points in layout(random, each):
            rgb = np.full((side, side, 3), 40 * number + 30, np.float32)
            cv2.circle(rgb, (side // 2, side // 2), side // 3, (200, 150, 100 + 20 * number), -1)
            rgb = np.clip(rgb + random.normal(0, 5, rgb.shape), 0, 255).astype(np.uint8)
            found.append(crop_type(rgb, points, item, person == "b"))
    return found


def made_pack(modules: dict[str, ModuleType], folder: Path) -> Path:
    """A pack of them with a few morphs."""
    options = argparse.Namespace(out=folder, size=16, morphs=12, unseen=8, modes=3, seed=0)
    modules["prepare"].prepare(crops(modules), options)
    return folder
