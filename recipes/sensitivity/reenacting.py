"""``reenact`` at work on one clip; see ``verbs``."""

from __future__ import annotations

from pathlib import Path

from clips import Clip
from disturb import disturb_film, write_film, write_picture
from factors import DRIVER, PICTURES, Figures, Steps, value
from measures import landmarks, likeness

from avsynth.errors import InputError, NothingToDoError
from avsynth.metrics.face_motion import correlations
from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions


class Reenact:
    """Whether the head moves as the undisturbed driver does, and is still the source's.

    ``pose`` is the mean correlation of yaw and pitch, ``mouth`` that of the mouth's opening;
    ``stranger`` the distance of the person made to the one in the undisturbed source.
    """

    factors = (
        *(name for name in PICTURES if name != "picture bitrate"),
        *(f"driver {name}" for name in DRIVER), "strength", "quality", "pose",
    )  # fmt: skip
    measures = ("pose", "mouth", "stranger")

    def __init__(self, clip: Clip, folder: Path) -> None:
        self.network: str | None = None  # by name or file; None: the shipped one
        self._clip, self._folder = clip, folder
        self._wanted = landmarks(write_film(folder / "clean.mkv", clip.driver, {}))

    def run(self, steps: Steps) -> Figures:
        """See ``Case``."""
        clip, folder = self._clip, self._folder
        watched = {name: steps[f"driver {name}"] for name in DRIVER}
        driver = write_film(folder / "driver.mkv", disturb_film(clip.driver, watched), watched)
        source = write_picture(folder / "source.png", disturb_film(clip.film[:1], steps)[0])
        fast = bool(value(steps, "quality"))
        options = ReenactOptions(
            strength=value(steps, "strength"),
            quality="fast" if fast else "best",
            weights=None if fast else self.network,
            absolute=bool(value(steps, "pose")),
        )
        out, record = folder / "moved.mkv", folder / "consent.json"
        clip.consent(record, source, driver)
        try:
            reenact(source, driver, record, out, options)
        except (InputError, NothingToDoError):
            return {"pose": 0.0, "mouth": 0.0, "stranger": 1.0}
        found = correlations(landmarks(out), self._wanted)
        return {
            "pose": (found["yaw"] + found["pitch"]) / 2,
            "mouth": found["mouth"],
            "stranger": likeness(out, clip.film[0]),
        }
