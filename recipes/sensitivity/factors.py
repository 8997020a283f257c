"""What is turned: conditions of a recording and settings of a command, in six steps each.

Step 0 of a condition is the recording as it is; steps 1 to 5 are the severities of
``detectors.corruptions`` where that knows the disturbance. Settings of commands run through what a
user may sensibly choose; their defaults lie within.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from detectors.corruptions import PICTURE, SOUND

#: Steps of every factor: a jump of Morris' design is three of the five intervals between them.
STEPS: Final = 6


@dataclass(frozen=True)
class Factor:
    """One thing that is turned: its values at steps 0 to 5, and what the numbers count."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def range(self) -> str:
        """For a table, such as "0 to 30 degrees"."""
        return f"{self.values[0]:g} to {self.values[-1]:g} {self.unit}".strip()


_ALL: Final = (
    Factor("exposure", "stops", (0, -0.5, -1, -1.5, -2, -2.5)),
    Factor("blur", "px", (0, *PICTURE["blur"])),
    Factor("noise", "of 255", (0, *PICTURE["noise"])),
    Factor("resolution", "of its size", (1, 0.85, 0.7, 0.6, 0.5, 0.4)),
    Factor("off-centre", "of one side cut off", (0, 0.06, 0.12, 0.18, 0.24, 0.30)),
    Factor("roll", "degrees", (0, 6, 12, 18, 24, 30)),
    Factor("picture bitrate", "CRF", (12, *PICTURE["h264"])),
    Factor("loudness", "dB softer", (0, *SOUND["loudness"])),
    # 60 dB stands for none: it lies under the noise of any of the clips.
    Factor("hiss", "dB under", (60, *SOUND["hiss"])),
    Factor("room", "s", (0, *SOUND["reverberation"])),
    Factor("sample rate", "Hz", (24000, 16000, 12000, 11025, 8000, 6000)),
    Factor("sound bitrate", "kb/s MP3, first none", (256, *SOUND["mp3"])),
    Factor("strength", "times", (0.6, 0.8, 1.0, 1.2, 1.4, 1.6)),
    Factor("pose", "(0 relative, 1 absolute)", (0, 0, 0, 1, 1, 1)),
    Factor("quality", "(0 best, 1 fast)", (0, 0, 0, 1, 1, 1)),
    Factor("pitch", "semitones", (0, 1, 2, 3, 4.5, 6)),
    Factor("formant", "semitones", (0, 0.6, 1.2, 1.8, 2.4, 3)),
    Factor("reference", "s of the voice", (6, 5, 4, 3, 2, 1)),
    Factor("period", "s between bursts", (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)),
    Factor("operating point", "of real files", (0.001, 0.003, 0.01, 0.03, 0.1, 0.2)),
)
#: What may be wrong with the driver of a reenactment, beside its source.
DRIVER: Final = ("blur", "noise", "resolution", "roll", "picture bitrate")
FACTORS: Final = {factor.name: factor for factor in _ALL}
FACTORS |= {f"driver {n}": replace(FACTORS[n], name=f"driver {n}") for n in DRIVER}

PICTURES: Final = (
    "exposure", "blur", "noise", "resolution", "off-centre", "roll", "picture bitrate",
)  # fmt: skip

#: A step, 0 to 5, of each factor that is turned.
Steps = dict[str, int]
#: What a run gave, by measure.
Figures = dict[str, float]


def value(steps: Steps, name: str) -> float:
    """What a factor stands at."""
    return FACTORS[name].values[steps[name]]
