"""Whole films of people to be judged: real, reenacted, imagined; and stills. A manifest.

    python recipes/new_generators/films.py --data ../shared/data --cache packs/landmarks \
        --out packs/new_films [--systems mesh reenact-small] [--portraits FOLDER]

Sources are GRID's dev and test people, or the clips of other cameras (``--elsewhere``); drivers are
GRID's dev and test people. A reenacted film is its source's own first picture that moves as two
other people moved, with their sound; the real film of the same source is published alike (size,
rate, codec, CRF).
``--portraits`` names a folder of ``avsynth imagine``: stills (JPEG), beside stills of real people
cut alike, and films of them (``imagine-film``). ``recipes/fusion/scores.py films`` scores the list.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from clips import FRAME_RATE, RATE, Bytes, Clip, Floats, elsewhere, opened
from making import System, as_large_as, moved, system_named
from portraits import Nobody, portraits, real_portrait

from avsynth.media import EncoderSettings, Writer, video_like

sys.path += [str(Path(__file__).parents[1] / name) for name in ("fusion", "motion")]
import sources
from listing import Listing

FRAMES = 60  # of a film: three bursts of a scan
_JPEG = 92


def main() -> None:
    """Write films, stills and their list."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--systems", nargs="+", default=["mesh"], help="mesh, names or files")
    parser.add_argument("--portraits", type=Path, help="folder of avsynth imagine")
    parser.add_argument("--drivers", type=int, default=2, help="of each source")
    parser.add_argument("--elsewhere", action="store_true", help="clips of other cameras instead")
    parser.add_argument("--crf", type=int, default=20)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    people = judged_people(options.data, options.cache)
    clips = people
    if options.elsewhere:
        clips = list(elsewhere(options.data, options.cache, FRAMES))
    nobodies = portraits(options.portraits) if options.portraits else []
    systems = {Path(name).stem: system_named(name) for name in options.systems}
    with Listing(options.out) as listing:
        write_all(listing, clips, people, nobodies, systems, options.drivers, options.crf)


def judged_people(data: Path, cache: Path) -> list[Clip]:
    """GRID's dev and test people."""
    found = [
        opened(item, cache / item.source / f"{item.name}.npz", FRAMES)
        for item in sources.table(data / "grid.csv")
        if item.split in ("dev", "test")
    ]
    return [clip for clip in found if clip is not None]


def write_all(
    listing: Listing, clips: Sequence[Clip], drivers: Sequence[Clip], nobodies: Sequence[Nobody],
    systems: dict[str, System], count: int, crf: int,
) -> None:  # fmt: skip
    """Every clip as it is and reenacted by ``count`` drivers; then portraits not trained on."""
    rng = np.random.default_rng(0)
    for clip in clips:
        films = Films(listing, clip, crf)
        original = films.add("real", partial(np.asarray, clip.pictures), clip.samples)
        films.add_still("real-still", real_portrait(clip.pictures[0], clip.points[0]))
        for driver in drivers_of(clip, drivers, count, rng):
            for name, system in systems.items():
                make = partial(film_of, clip.pictures[0], clip.points[0], driver, system)
                films.add(f"reenact-{name}", make, driver.samples, driver.name, original)
        print(f"{clip.name}: {len(listing.rows)} files", flush=True)
    for number, nobody in enumerate(nobodies):
        if nobody.split == "train":
            continue
        driver = drivers[number % len(drivers)]
        films = Films(listing, nobody.clip(driver.samples), crf)
        films.add_still("imagine", nobody.rgb)
        rgb, points = as_large_as(nobody.rgb, nobody.points, driver.points[0])
        for name, system in systems.items():
            make = partial(film_of, rgb, points, driver, system)
            films.add(f"imagine-film-{name}", make, driver.samples, driver.name)


def film_of(picture: Bytes, points: Floats, driver: Clip, system: System) -> Bytes:
    """A picture moved as a driver moved."""
    return moved(picture, points, driver.points, slice(None), system).film


def drivers_of(
    clip: Clip, drivers: Sequence[Clip], count: int, rng: np.random.Generator
) -> list[Clip]:
    """Clips of ``count`` other people, each of another person."""
    order = [drivers[n] for n in rng.permutation(len(drivers))]
    by_person = {driver.person: driver for driver in order if driver.person != clip.person}
    return list(by_person.values())[:count]


@dataclass(frozen=True)
class Films:
    """Writes and lists what was made of one clip."""

    listing: Listing
    clip: Clip
    crf: int

    def add(
        self, family: str, make: Callable[[], Bytes], samples: Floats, driver: str = "",
        original: str = "",
    ) -> str:  # fmt: skip
        """Encode what ``make`` makes with its sound, unless it is there; its file's name.

        ``family`` is "real", or what made it.
        """
        name = "-".join(filter(None, (self.clip.name, family, driver))) + ".mp4"
        if not (self.listing.folder / name).exists():
            self._encode(self.listing.folder / name, make(), samples)
        return self._list(name, family, original)

    def _encode(self, path: Path, film: Bytes, samples: Floats) -> None:
        height, width = film.shape[1:3]
        sound = {"audio_rate": RATE} if len(samples) else {}
        settings = EncoderSettings(crf=self.crf, preset="medium", threads=1)
        like = video_like(width, height, FRAME_RATE)
        with Writer(path, like, settings, **sound) as writer:
            for picture in film:
                writer.write(np.ascontiguousarray(picture))
            if len(samples):
                writer.write_audio(samples[: len(film) * RATE // FRAME_RATE])

    def add_still(self, family: str, rgb: Bytes) -> str:
        """Store a picture as a JPEG; its file's name."""
        name = f"{self.clip.name}-{family}.jpg"
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG]
        cv2.imwrite(str(self.listing.folder / name), np.ascontiguousarray(rgb[..., ::-1]), quality)
        return self._list(name, family, "")

    def _list(self, name: str, family: str, original: str) -> str:
        clip = self.clip
        self.listing.add(
            file=name, label="real" if family.startswith("real") else "fake", group=family,
            person=clip.person, split=clip.split, source=clip.source, original=original,
        )  # fmt: skip
        return name


if __name__ == "__main__":
    main()
