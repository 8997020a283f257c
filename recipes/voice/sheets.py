"""Spectrogram sheets out of kept sounds: source, converted by each system, target.

    python recipes/voice/evaluate.py ... --systems world voice-small --sounds runs/voice/sounds
    python recipes/voice/sheets.py --data ../shared/data --sounds runs/voice/sounds \
        --systems world voice-small --clips p225_020-VCTK-p226 --out recipes/voice/sheet.png

One column a clip of the protocol, one row a sound: log-mel spectrum, 70 dB of one colour scale, the
pitch as a line. Writes a PNG of 32 colours.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import protocols
import soundfile
import torch
from numpy.typing import NDArray
from protocols import Floats, Trial

from avsynth.errors import InputError
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

_SPECTRUM = SpectrumConfig()
_LOUDEST, _QUIETEST = -1.0, -9.0  # natural logarithm of a mel: 70 dB
_COLOURS = 32
_DOTS = 90  # an inch
_LABELS = (250, 1000, 2500, 6000)  # Hz


def main() -> None:
    """Draw one sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, required=True, help="of evaluate.py --sounds")
    parser.add_argument("--protocol", default="parallel", choices=("parallel", "unseen", "dev"))
    parser.add_argument("--systems", nargs="+", required=True, help="folders of the protocol's")
    parser.add_argument("--clips", nargs="+", required=True, metavar="CLIP-TARGET")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip, from its start")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    trials = {t.name: t for t in protocols.load(options.protocol, options.data).trials}
    columns = []
    for name in options.clips:
        if name not in trials:
            raise InputError(f"the protocol has no trial {name}; it has {', '.join(trials)}")
        sounds = column(trials[name], options.sounds / options.protocol, options.systems)
        length = round(options.seconds * SAMPLE_RATE)
        columns.append({label: sound[:length] for label, sound in sounds.items()})
    draw(columns, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} kB")


def column(trial: Trial, folder: Path, systems: list[str]) -> dict[str, Floats]:
    """Sounds by label, from source to target."""
    found = {f"source: {trial.source}": trial.sound}
    for system in systems:
        path = folder / system / f"{trial.name}.flac"
        if not path.is_file():
            raise InputError("was not made: run evaluate.py with --sounds", path)
        found[f"{system}, to {trial.target}"] = soundfile.read(path, dtype="float32")[0]
    said = "the same sentence" if trial.parallel else "other words"
    return found | {f"target: {trial.target}, {said}": trial.real}


def draw(columns: list[dict[str, Floats]], path: Path) -> None:
    """Columns of sounds by label -> one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    longest = [max(map(len, sounds.values())) / SAMPLE_RATE for sounds in columns]
    size = (sum(longest) * 1.5 + 0.7, 1.35 * len(columns[0]) + 0.5)
    figure, axes = pyplot.subplots(
        len(columns[0]), len(columns), figsize=size, squeeze=False,
        gridspec_kw={"width_ratios": longest}, layout="constrained",
    )  # fmt: skip
    for place, (sounds, seconds) in enumerate(zip(columns, longest, strict=True)):
        for axis, (label, sound) in zip(axes[:, place], sounds.items(), strict=True):
            panel(axis, sound, label, seconds)
            axis.label_outer()
        axes[-1, place].set_xlabel("seconds", fontsize=8)
    axes[len(axes) // 2, 0].set_ylabel("Hz, mel scale; in white: pitch x 10", fontsize=8)
    figure.canvas.draw()
    write(np.asarray(figure.canvas.buffer_rgba())[..., :3], path)
    pyplot.close(figure)


def panel(axis: Any, sound: Floats, label: str, seconds: float) -> None:
    """One spectrogram with its pitch, ``seconds`` wide."""
    levelled = sound * np.float32(SPEECH_LEVEL / speech_level(sound))
    mel = log_mel_spectrum(torch.from_numpy(levelled), _SPECTRUM).numpy()
    length = len(sound) / SAMPLE_RATE
    axis.imshow(
        mel, origin="lower", aspect="auto", cmap="magma", vmin=_QUIETEST, vmax=_LOUDEST,
        extent=(0, length, 0, len(mel)), interpolation="nearest",
    )  # fmt: skip
    pitch = pitch_track(levelled)
    height = np.where(pitch > 0, band(10 * np.maximum(pitch, 1)), np.nan)
    axis.plot(np.arange(len(pitch)) / 100, height, color="white", linewidth=0.6)
    axis.set_xlim(0, seconds)
    axis.set_facecolor("white")
    axis.set_yticks(band(np.array(_LABELS)), [str(label) for label in _LABELS])
    axis.tick_params(labelsize=7)
    axis.set_title(label, fontsize=8, loc="left", pad=2)


def band(frequency: NDArray[np.generic]) -> NDArray[np.float64]:
    """Hz to places among the 80 bands (Slaney's mel)."""
    import librosa

    top = librosa.hz_to_mel(SAMPLE_RATE / 2)
    places = librosa.hz_to_mel(frequency) / top * (_SPECTRUM.bands + 1) - 0.5
    return np.asarray(places, np.float64)


def write(picture: NDArray[np.uint8], path: Path) -> None:
    """A picture (h, w, 3) as a PNG of few colours."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    few = Image.fromarray(picture).quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main()
