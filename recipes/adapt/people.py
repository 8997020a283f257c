"""Whom ``evaluate.py`` is about: what is learnt from and what is scored."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.media import EncoderSettings, Writer, probe, read_frames
from avsynth.pipelines.adapt import adapt
from avsynth.pipelines.adapt_inputs import adapt_options
from avsynth.provenance import consent as consents
from avsynth.speech.mel import SAMPLE_RATE

sys.path.append(str(Path(__file__).parents[1] / "lipsync"))
sys.path.append(str(Path(__file__).parents[1] / "motion"))
import footage
import sources

STEP = SAMPLE_RATE // 25
GAP = 12  # frames between what is learnt from and what is scored


@dataclasses.dataclass
class Stretch:
    """Frames ``first`` to ``stop`` of a clip, to be learnt from or to be scored."""

    clip: footage.Footage
    first: int
    stop: int

    @property
    def rows(self) -> slice:
        """Of the clip's arrays."""
        return slice(self.first, self.stop)

    @property
    def samples(self) -> NDArray[np.float32]:
        """Its sound."""
        return self.clip.samples[self.first * STEP : self.stop * STEP]


@dataclasses.dataclass
class Person:
    """Whom a row is about."""

    name: str
    learnt: list[Stretch]
    scored: list[Stretch]


def load(name: str, options: argparse.Namespace) -> Person:
    """A person's clips with their cached landmarks."""
    if name == "s26":
        items = [i for i in sources.table(options.data / "grid.csv") if i.person == name]
        clips = [_clip(item, options) for item in sorted(items, key=lambda item: item.name)]
        whole = [Stretch(clip, 0, len(clip)) for clip in clips]
        return Person(name, whole[:3], whole[3:])
    item = next(
        i
        for i in sources.folder(options.research, "research", "research only", frozenset())
        if i.name == name
    )
    clip = _clip(item, options)
    frames = min(len(clip), round(options.seconds * 25))
    end = frames * 2 // 3
    return Person(name, [Stretch(clip, 0, end)], [Stretch(clip, end + GAP, frames)])


def _clip(item: sources.Item, options: argparse.Namespace) -> footage.Footage:
    clip = footage.load(item, options.cache / item.source / f"{item.name}.npz")
    assert clip is not None, f"{item.name}: no landmarks"
    return clip


def learn(person: Person, path: Path, options: argparse.Namespace) -> None:
    """Run ``adapt`` on what is to be learnt from, as films of their own."""
    with tempfile.TemporaryDirectory() as folder:
        films = [
            _film(stretch, Path(folder) / f"{number}.mp4")
            for number, stretch in enumerate(person.learnt)
        ]
        record = consents.sign(consents.new_dataset("evaluation", "research only", films))
        consent = Path(folder) / "consent.json"
        consents.save(record, consent)
        wanted = adapt_options(
            weights=options.weights, generator=options.generator, minutes=options.minutes,
            steps=options.steps,
        )  # fmt: skip
        adapt(films, consent, path, wanted)


def _film(stretch: Stretch, path: Path) -> Path:
    """The stretch as a film: the clip itself where it is all of it."""
    with stretch.clip.item.open() as media:
        if (stretch.first, stretch.stop) == (0, len(stretch.clip)):
            path.write_bytes(media.read_bytes())
            return path
        like = probe(media).video
        assert like is not None
        settings = EncoderSettings.for_source(like, None, 10, "veryfast", False, out=path)
        with Writer(path, like, settings, audio_rate=SAMPLE_RATE) as writer:
            for number, frame in enumerate(read_frames(media)):
                if stretch.first <= number < stretch.stop:
                    writer.write(frame.rgb())
            writer.write_audio(stretch.samples)
    return path
