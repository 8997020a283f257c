"""Speech of text by programs that Debian has: espeak-ng, flite, festival."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import read_audio

Floats = NDArray[np.float32]
RATE = 16_000
#: System -> its command; {text} a file with the words, {out} the sound.
_COMMANDS: dict[str, tuple[str, ...]] = {
    "festival-kal": ("text2wave", "{text}", "-o", "{out}"),
} | {
    f"flite-{voice}": ("flite", "-voice", voice, "-f", "{text}", "-o", "{out}")
    for voice in ("kal16", "awb", "rms", "slt")
}
_VARIANTS = ("", "+f2", "+f4", "+m3", "+m5", "+croak", "+whisper", "+klatt2", "+klatt4")
_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp")

#: Systems by name; espeak-ng's voices are drawn.
SYSTEMS = ("espeak-ng", "espeak-ng", *_COMMANDS)


def speak(system: str, text: str, rng: np.random.Generator) -> Floats:
    """``text`` by ``system``: samples (N,) at 16 kHz. InputError when it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        words, out = Path(folder) / "words.txt", Path(folder) / "sound.wav"
        words.write_text(text + "\n", "utf-8")
        places = {"text": str(words), "out": str(out)}
        command = [part.format(**places) for part in _COMMANDS.get(system, _espeak(rng))]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError(f"{command[0]} did not speak: {error}") from error
        return np.concatenate([chunk.samples for chunk in read_audio(out, RATE)])


def _espeak(rng: np.random.Generator) -> tuple[str, ...]:
    voice = str(rng.choice(_ACCENTS)) + str(rng.choice(_VARIANTS))
    speed, pitch = str(rng.integers(130, 190)), str(rng.integers(25, 75))
    return ("espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-f", "{text}", "-w", "{out}")
