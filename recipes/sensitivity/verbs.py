"""A command at work on one clip: a run under chosen conditions and settings gives figures.

Each run writes the disturbed files, works on them as the command line would, and measures the
result against what the undisturbed clip asks for. A run that comes to nothing (no face is found,
no voice) is a result, too: its figures are 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol
from unittest import mock

import numpy as np
from clips import RATE, Clip, read_film, read_sound
from disturb import (
    Film,
    Samples,
    disturb_film,
    disturb_sound,
    write_film,
    write_sound,
)
from factors import PICTURES, Figures, Steps, value
from measures import asked_opening, at_16k, landmarks, melody
from numpy.typing import NDArray
from reenacting import Reenact

from avsynth.errors import InputError, NothingToDoError
from avsynth.face.mouth_space import opening
from avsynth.metrics.speaker_similarity import ResemblyzerEmbedder, similarity
from avsynth.metrics.sync import correlation
from avsynth.pipelines.convert import convert
from avsynth.pipelines.convert_inputs import ConvertOptions
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import ORIGINAL, DubOptions
from avsynth.weights.dubbing import load_dubbing
from avsynth.weights.voice_engines import load_voice_engine
from detectors import registry
from detectors.base import Detector
from detectors.options import ScanOptions
from detectors.scan import Scanner
from detectors.verdict import Verdict


class Case(Protocol):
    """A command and a clip."""

    factors: Sequence[str]
    measures: Sequence[str]

    def run(self, steps: Steps) -> Figures:
        """Figures by ``measures`` for a step of every one of ``factors``."""
        ...


class Dub:
    """Agreement of the mouth's opening in the finished film with what clean speech asks for.

    ``agreement`` is a correlation; ``extent`` how far the mouth moves, as a share of what is asked
    at strength 1; ``dubbed`` the share of frames that were dubbed.
    """

    factors = (*PICTURES, "loudness", "hiss", "sample rate", "strength", "quality")
    measures = ("agreement", "extent", "dubbed")

    def __init__(self, clip: Clip, folder: Path) -> None:
        self._clip, self._folder = clip, folder
        film = write_film(folder / "clean.mkv", clip.film, {})
        speech = write_sound(folder / "clean.wav", clip.speech, RATE)
        to_motion = load_dubbing((), "commercial", "fast").speech
        self._asked = asked_opening(film, speech, to_motion)

    def run(self, steps: Steps) -> Figures:
        """See ``Case``."""
        folder = self._folder
        film = write_film(folder / "film.mkv", disturb_film(self._clip.film, steps), steps)
        speech = write_sound(folder / "speech.wav", *disturb_sound(self._clip.speech, RATE, steps))
        quality = "fast" if value(steps, "quality") else "best"
        options = DubOptions(quality=quality, strength=value(steps, "strength"))
        record = self._clip.consent(folder / "consent.json", film)
        out = folder / "dubbed.mkv"
        try:
            report = dub(film, [("largest", speech)], record, out, options)
        except (InputError, NothingToDoError):
            return dict.fromkeys(self.measures, 0.0)
        made = opening(landmarks(out))
        count = min(len(made), len(self._asked))
        made, asked = made[:count], self._asked[:count]
        return {
            "agreement": correlation(asked, made),
            "extent": float(np.nanstd(made) / np.std(asked)) if np.isfinite(made).any() else 0.0,
            "dubbed": report.outcomes.get("dubbed", 0) / report.frames,
        }


class Convert:
    """Whose voice a conversion has, and whether its melody is still the source's.

    ``target`` and ``source`` are cosines of Resemblyzer's embeddings to other speech of the wanted
    voice and to the source; ``melody`` is the correlation of log pitch with the clean source's.
    """

    factors = (
        "loudness", "hiss", "room", "sample rate", "sound bitrate", "reference", "pitch", "formant",
    )  # fmt: skip
    measures = ("target", "source", "melody")

    def __init__(self, clip: Clip, folder: Path) -> None:
        self._clip, self._folder = clip, folder
        self._wanted, self._own = (_voice(at_16k(s)) for s in (clip.judged, clip.speech))

    def run(self, steps: Steps) -> Figures:
        """See ``Case``."""
        clip, folder = self._clip, self._folder
        source = write_sound(folder / "source.wav", *disturb_sound(clip.speech, RATE, steps))
        heard = clip.target[: round(value(steps, "reference") * RATE)]
        target = write_sound(folder / "target.wav", heard, RATE)
        options = ConvertOptions(pitch=value(steps, "pitch"), formant=value(steps, "formant"))
        out = folder / "converted.wav"
        record = clip.consent(folder / "consent.json", target)
        try:
            convert(source, [target], record, out, options)
        except (InputError, NothingToDoError):
            return dict.fromkeys(self.measures, 0.0)
        made = read_sound(out, 16_000)
        voice = _voice(made)
        return {
            "target": similarity(voice, self._wanted),
            "source": similarity(voice, self._own),
            "melody": melody(at_16k(clip.speech), made),
        }


class Scan:
    """Verdicts on a film as it was recorded, and on what ``dub`` made of it.

    ``original`` and ``made`` are fused log-likelihood ratios (positive: synthetic); ``face`` and
    ``voice`` those of the made film's parts; ``margin`` the largest of any part of the made film
    beyond its threshold, above 0 where the film is called synthetic. 0 stands for no evidence.
    """

    factors = (
        *PICTURES, "loudness", "hiss", "sample rate", "sound bitrate", "period", "operating point",
    )  # fmt: skip
    measures = ("original", "made", "face", "voice", "margin")

    def __init__(self, clip: Clip, folder: Path) -> None:
        self._clip, self._folder = clip, folder
        film = write_film(folder / "clean.mkv", clip.film, {}, clip.sound, RATE)
        speech = write_sound(folder / "clean.wav", clip.speech, RATE)
        record, out = clip.consent(folder / "consent.json", film), folder / "forged.mkv"
        dub(film, [("largest", speech)], record, out, DubOptions(voice_from=ORIGINAL, crf=12))
        self._made = read_film(out), read_sound(out)

    def run(self, steps: Steps) -> Figures:
        """See ``Case``."""
        options = ScanOptions(
            period=value(steps, "period"), operating_point=value(steps, "operating point")
        )
        with Scanner(options, _detectors(), threads=1) as scanner:
            original = self._look(scanner, (self._clip.film, self._clip.sound), steps)
            made = self._look(scanner, self._made, steps)
        parts = {part.subject: part.score for part in made.parts}
        limits = made.settings.get("thresholds", {})
        beyond = [score - limits[subject] for subject, score in parts.items() if subject in limits]
        return {
            "original": original.score or 0.0,
            "made": made.score or 0.0,
            "face": parts.get("face", 0.0),
            "voice": parts.get("voice", 0.0),
            "margin": max(beyond, default=0.0),
        }

    def _look(self, scanner: Scanner, clip: tuple[Film, Samples], steps: Steps) -> Verdict:
        pictures, heard = clip
        samples, rate = disturb_sound(heard, RATE, steps)
        path = self._folder / "film.mkv"
        write_film(path, disturb_film(pictures, steps), steps, samples, rate)
        return scanner.scan(path)


#: Commands by name.
VERBS: dict[str, type[Dub] | type[Convert] | type[Scan] | type[Reenact]] = {
    "dub": Dub, "convert": Convert, "scan": Scan, "reenact": Reenact,
}  # fmt: skip


@contextmanager
def networks_kept() -> Iterator[None]:
    """While this lasts, commands load each of their networks once, not at every run."""
    with (
        mock.patch("avsynth.pipelines.convert.load_voice_engine", cache(load_voice_engine)),
        mock.patch("avsynth.pipelines.networks.load_dubbing", cache(load_dubbing)),
    ):
        yield


@cache
def _detectors() -> list[Detector]:
    return registry.make()


@cache
def _embedder() -> ResemblyzerEmbedder:
    return ResemblyzerEmbedder()


def _voice(samples: Samples) -> NDArray[np.float32]:
    return _embedder()(samples)
