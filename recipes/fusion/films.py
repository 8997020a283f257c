"""Whole films for calibration: real clips of dev and test people, and fakes of every family.

    python recipes/fusion/films.py --data ../shared/data --cache packs/landmarks \
        --out packs/films [--inpaint FILE ...] [--quality 20 28 35]

Each fake is painted over the whole clip with the makers of ``recipes/fake_faces``, one draw of
their settings a clip, then written as a file with its clip's sound, at the same qualities as the
real clip. A last family, ``othersound``, is the real picture with somebody else's sound. The list
is a manifest of the ``folder`` protocol: ``avsynth bench detect`` and ``bench audit`` read it.
"""

from __future__ import annotations

import argparse
import functools
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from listing import Listing
from numpy.typing import NDArray

from avsynth.media.encoding import EncoderSettings
from avsynth.media.writer import Writer, video_like

sys.path += [str(Path(__file__).parents[1] / name) for name in ("fake_faces", "lipsync", "motion")]
import footage
import prepare
import sources
from shots import FRAMES, Shot, load

Film = NDArray[np.uint8]
Samples = NDArray[np.float32]
Clip = tuple[footage.Footage, NDArray[np.float32]]
RATE = 16_000


def main() -> None:
    """Write films and their list."""
    options = arguments()
    makers = prepare.make_makers(options, "commercial")
    spoken: list[tuple[str, Samples]] = []
    with Listing(options.out) as listing:
        for item in chosen(options):
            opened = open_clip(item, options.cache)
            if opened is None:
                continue
            clip, raw = opened
            films = {"real": np.stack(clip.pictures)}
            others = [Shot(other, 0, points) for other, points in neighbours(options, item)]
            for maker in makers:
                made = paint(maker, clip, raw, others)
                if made is not None:
                    films[maker.family] = made
            write(listing, options.quality, clip, films, spoken)
            spoken.append((item.person, clip.samples))
            print(f"{item.name}: {', '.join(films)}", flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--lipsync", nargs="+", default=["lipsync-small"])
    parser.add_argument("--lipsync-research", nargs="*", default=[])
    parser.add_argument("--inpaint", nargs="*", default=[])
    parser.add_argument("--families", nargs="+", default=["lipsync", "warp", "blend", "swap"])
    parser.add_argument("--quality", nargs="+", type=int, default=[20, 28, 35], help="x264's CRF")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> Iterator[sources.Item]:
    """GRID's dev and test people."""
    for item in sources.table(options.data / "grid.csv"):
        if item.split in ("dev", "test"):
            yield item


@functools.lru_cache(maxsize=16)
def open_clip(item: sources.Item, cache: Path) -> Clip | None:
    """A clip and its landmarks."""
    return load(item, cache / item.source / f"{item.name}.npz")


def neighbours(options: argparse.Namespace, item: sources.Item) -> Iterator[Clip]:
    """Clips of other people of the same split, whose pixels and movements are lent."""
    for other in sources.table(options.data / "grid.csv"):
        if other.split == item.split and other.name != item.name:
            opened = open_clip(other, options.cache)
            if opened is not None and len(opened[0]) >= FRAMES:
                yield opened


def paint(
    maker: prepare.Maker, clip: footage.Footage, raw: NDArray[np.float32], others: list[Shot]
) -> Film | None:
    """A whole film of fakes, window after window with the same draws; None if a window fails."""
    film = np.stack(clip.pictures)
    for first in range(0, len(clip) - FRAMES + 1, FRAMES):
        draws = np.random.default_rng(zlib.crc32(f"{clip.item.name} {maker.family}".encode()))
        made = maker.make(Shot(clip, first, raw), others, draws)
        if made is None:
            return None
        film[first : first + FRAMES] = made.film
    return film


def write(
    listing: Listing, qualities: list[int], clip: footage.Footage, films: dict[str, Film],
    spoken: list[tuple[str, Samples]],
) -> None:  # fmt: skip
    """Every film at every quality, and the real one with a stranger's sound."""
    item = clip.item
    strange = next((s for person, s in reversed(spoken) if person != item.person), None)
    sounds = dict.fromkeys(films, clip.samples)
    if strange is not None:
        films, sounds = films | {"othersound": films["real"]}, sounds | {"othersound": strange}
    for crf in qualities:
        original = ""
        for family, film in films.items():
            path = listing.folder / f"{item.name}-{family}-crf{crf}.mp4"
            encode(path, film, sounds[family], crf)
            listing.add(
                file=path.name, label="real" if family == "real" else "fake", group=family,
                person=item.person, split=item.split, source=f"crf{crf}", original=original,
            )  # fmt: skip
            original = original or path.name


def encode(path: Path, film: Film, samples: Samples, crf: int) -> None:
    """A film (T, h, w, 3) at 25 frames a second with 16 kHz sound."""
    height, width = film.shape[1:3]
    settings = EncoderSettings(crf=crf, preset="medium")
    with Writer(path, video_like(width, height), settings, audio_rate=RATE) as writer:
        for picture in film:
            writer.write(picture)
        writer.write_audio(samples[: len(film) * footage.STEP])


if __name__ == "__main__":
    main()
