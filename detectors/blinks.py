"""How often a face closes its eyes: told to the reader, and no part of any score.

Blinking gave early face swaps away (Li, Chang and Lyu 2018). People blink 4 to 30 times a minute,
and a scan sees a third of every second, so this says little of short files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.motion_features import eye_openings

_SHUT = 0.5  # of the usual opening
_ENOUGH_S = 15.0  # seconds of looking below which a rate is not worth telling
_RARE = 2.0  # closures a minute that are few


@dataclass
class Blinks:
    """One track's eyes, in a few numbers."""

    seconds: float = 0.0
    closures: int = 0
    _usual: float = 0.0

    def add(self, times: NDArray[np.float64], points: NDArray[np.float32]) -> None:
        """A burst's landmarks (T, 478, 2) at ``times`` (T,)."""
        openings = eye_openings(points)
        # A slow maximum: eyes are open most of the time, and a half-shut burst lowers it little.
        self._usual = max(0.95 * self._usual, float(np.quantile(openings, 0.75)))
        shut = openings < _SHUT * self._usual
        self.closures += int((np.diff(shut.astype(np.int8)) == 1).sum() + shut[0])
        if len(times) > 1:
            self.seconds += float(times[-1] - times[0]) * len(times) / (len(times) - 1)

    @property
    def rate(self) -> float:
        """Closures a minute of looking."""
        return 60.0 * self.closures / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, float]:
        """For the report; nothing where too little was seen."""
        return {"closures_per_minute": self.rate} if self.seconds >= _ENOUGH_S else {}

    def notes(self) -> tuple[str, ...]:
        """A sentence where hardly any closure was seen in a long time."""
        if self.seconds < _ENOUGH_S or self.rate >= _RARE:
            return ()
        return (
            f"The eyes closed {self.closures} times in {self.seconds:.0f} s of looking, which is"
            " rare; weak evidence, and no part of the score.",
        )
