"""Spectrograms of recordings and of what a vocoder made of them, as one PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 16_000
_SECONDS = 2.5
_WINDOW, _HOP = 512, 80  # samples
_RANGE = (-75.0, 0.0)  # dB of the loudest
_QUALITY = 75  # of the JPEG


def draw(pairs: list[tuple[str, Floats, Floats]], name: str, path: Path) -> None:
    """(speaker, original, made) -> a row each: both spectrograms, and 40 ms of both waves."""
    import matplotlib
    from PIL import Image

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(pairs), 3, figsize=(11, 1.9 * len(pairs)), squeeze=False, layout="constrained",
        gridspec_kw={"width_ratios": (5, 5, 3)},
    )  # fmt: skip
    for row, (speaker, original, made) in zip(axes, pairs, strict=True):
        top = decibels(original).max()
        for axis, sound, title in ((row[0], original, "original"), (row[1], made, name)):
            axis.imshow(
                decibels(sound) - top, origin="lower", aspect="auto", cmap="magma",
                vmin=_RANGE[0], vmax=_RANGE[1], extent=(0, _SECONDS, 0, RATE / 2000),
            )  # fmt: skip
            axis.set_title(f"{speaker}, {title}", fontsize=8, loc="left", pad=2)
            axis.tick_params(labelsize=7)
        start = loudest(original)
        time = np.arange(RATE // 25) / RATE * 1000
        for sound, place, title in ((original, 1, "original"), (made, -1, name)):
            piece = sound[start : start + len(time)]
            row[2].plot(time, piece / np.abs(piece).max() + place, linewidth=0.8, label=title)
        row[2].set_title("the loudest 40 ms", fontsize=8, loc="left", pad=2)
        row[2].tick_params(labelsize=7)
        row[2].set_yticks([])
        row[2].legend(fontsize=6, loc="upper right")
    for axis, unit in zip(axes[-1], ("s", "s", "ms"), strict=True):
        axis.set_xlabel(unit, fontsize=8)
    axes[0, 0].set_ylabel("kHz", fontsize=8)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=_QUALITY)


def decibels(sound: Floats) -> NDArray[np.float64]:
    """(N,) -> (bins, steps) of the first seconds."""
    padded = np.pad(sound[: int(_SECONDS * RATE)].astype(np.float64), _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)).T
    return np.asarray(20 * np.log10(np.maximum(spectrum, 1e-6)))


def loudest(sound: Floats) -> int:
    """First sample of the loudest 40 ms of what is shown."""
    pieces = sound[: int(_SECONDS * RATE)]
    size = RATE // 25
    power = np.square(pieces[: len(pieces) // size * size].reshape(-1, size)).sum(axis=1)
    return int(power.argmax()) * size
