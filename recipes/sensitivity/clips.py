"""What the commands work on: two or three seconds of people, each with what they may be used for.

The demo person is always there and exists nowhere else. Real people are those of GRID's dev and
test splits, whom no shipped network has seen.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from disturb import Film, Samples, write_sound

from avsynth.media import read_audio, read_frames
from avsynth.pipelines.convert import convert
from avsynth.pipelines.demonstrate import demo_media
from avsynth.pipelines.imagine_voice import imagine
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

RATE = 24_000  # of all sound
_REFERENCE = 6  # seconds of a target's voice


@dataclass(frozen=True)
class Clip:
    """A person's film and sound, what else is to be said, and in whose voice.

    Attributes:
        name: of the clip.
        licence: of its data set; empty for a person of the demo, who does not exist.
        film: uint8 (T, H, W, 3) at 25 frames a second.
        sound: float32 (N,) at ``RATE``, the film's own.
        speech: the same, what a dub is to say.
        target: the same, six seconds of the voice that a conversion is to make.
        judged: the same, other speech of that voice, to compare with.
        driver: film of whom the person is to move as; a later part of the film for the demo person.
    """

    name: str
    licence: str
    film: Film
    sound: Samples
    speech: Samples
    target: Samples
    judged: Samples
    driver: Film

    def consent(self, out: Path, *media: Path) -> Path:
        """A record, signed here, that covers ``media`` made from this clip."""
        purposes = ["benchmark", "commercial"]
        if self.licence:
            record = consents.new_dataset(self.name, self.licence, media, ["benchmark"])
        else:
            nearest = Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1)
            record = consents.new_synthetic(self.name, media, nearest, purposes)
        consents.save(consents.sign(record), out)
        return out


def demo_clip(folder: Path, seconds: float) -> Clip:
    """The demo person; what it says in a film is the demo's line, in a voice of nobody's."""
    person, line = demo_media()
    stored, record = folder / "nobody.safetensors", folder / "nobody.json"
    imagine(stored, 8, record=record)
    said = []
    for name, source in (("line", line), ("person", person)):
        heard = write_sound(folder / f"{name}-heard.wav", read_sound(source), RATE)
        convert(heard, [stored], record, folder / f"{name}-nobody.wav")
        said.append(read_sound(folder / f"{name}-nobody.wav"))
    wanted = round(seconds * RATE)
    target = said[0][: _REFERENCE * RATE]
    film = read_film(person)
    return Clip(
        "demo", "", film[: round(25 * seconds)], read_sound(person)[:wanted],
        read_sound(line)[:wanted], target, said[1], film[-round(25 * seconds) :],
    )  # fmt: skip


def grid_clips(data: Path, names: tuple[str, ...], seconds: float) -> list[Clip]:
    """Clips of GRID by the names of their files; each says what the next one says, or moves so.

    The target voice is that of the first of ``s31``, ``s1`` who is somebody else, in turn.
    """
    with (data / "grid.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    wanted = round(seconds * RATE)
    sounds = {name: read_sound(data / rows[name]["file"]) for name in names}
    films = {name: read_film(data / rows[name]["file"], seconds) for name in names}
    clips = []
    for place, name in enumerate(names):
        other = names[(place + 1) % len(names)]
        person = ("s31", "s1")[place % 2]
        voice = [read_sound(data / r["file"]) for r in rows.values() if r["person"] == person][:5]
        clips.append(
            Clip(
                name, rows[name]["licence"], films[name],
                sounds[name][:wanted], sounds[other][:wanted],
                np.concatenate(voice[:2])[: _REFERENCE * RATE], np.concatenate(voice[2:]),
                films[other],
            )
        )  # fmt: skip
    return clips


def read_film(path: Path, seconds: float | None = None) -> Film:
    """All pictures of a film, or those of its first ``seconds`` at 25 a second."""
    most = None if seconds is None else round(25 * seconds)
    with read_frames(path) as frames:
        return np.stack([frame.rgb() for frame in islice(frames, most)])


def read_sound(path: Path, rate: int = RATE) -> Samples:
    """All sound of a file, (N,)."""
    return np.concatenate([chunk.samples for chunk in read_audio(path, rate)])
