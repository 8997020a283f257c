"""Raw media -> pack: landmarks and sound of every clip, features, mouth coefficients, splits.

    python recipes/motion/prepare.py --data ../shared/data --out packs/motion \
        --s1-git LIPNET/.git --lrwar-git ARABIC-LIP-READING/.git \
        --research FOLDER_OF_MP4 --speech LIBRISPEECH_FOLDER

Only ``--data`` (with ``grid.csv`` and its clips) is needed; the rest adds data. Landmarks, which
take the time (some 10 ms a frame), are cached under ``--cache`` and not made twice.

Writes index.json (licences, splits by person) and one array a file, 25 rows a second:
coefficients (N, 16), opening (N,), whisper (N, 128) and mel (N, 96) projected features, the same
of ``--copies`` disturbed versions of the sound, and statistics (mouth space, projections).
"""

from __future__ import annotations

import argparse
import dataclasses
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import disturb
import numpy as np
import sources
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from avsynth.face.landmarks import open_detector
from avsynth.face.mouth_space import MouthSpace, align, opening
from avsynth.speech import front_end as front_ends
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.windows import Windows
from avsynth.training import pack

RATE = front_ends.RATE
PROJECTED = {"whisper": 128, "mel": 96}
Floats = NDArray[np.float32]


@dataclasses.dataclass
class Prepared:
    """A clip at 25 rows a second: features by name, mouth (T, M, 3), opening (T,)."""

    item: sources.Item
    samples: Floats
    mouth: NDArray[np.float64] | None
    opening: NDArray[np.float64] | None

    @property
    def rows(self) -> int:
        """Rows in the pack."""
        return len(self.samples) // front_ends.STEP


def main() -> None:
    """Prepare everything that the arguments name."""
    options = arguments()
    torch.set_num_threads(1)  # clips are short: threads would only wait for each other
    items = list(sources.find(options))
    print(f"{len(items)} clips")
    clips: list[Prepared] = []
    with open_detector("mediapipe") as detector:
        for item in items:
            cached = options.cache / item.source / f"{item.name}.npz"
            if not cached.is_file():
                sources.extract(item, cached, detector)
            clips += filter(None, [condition(item, cached)])
    write(options.out, clips, options.copies, options.seed)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--speech", type=Path, help="folder of LibriSpeech .flac")
    parser.add_argument("--copies", type=int, default=0, help="disturbed versions of the sound")
    return parser.parse_args()


def condition(item: sources.Item, cached: Path) -> Prepared | None:
    """A cached clip on 25 rows a second, sound and mouth on one clock; None if it is of no use."""
    with np.load(cached) as stored:
        points, times, audio = stored["points"], stored["times"], stored["audio"]
        late = float(stored["audio_start"])
    if not item.face:
        rows = len(audio) // front_ends.STEP
        return Prepared(item, audio[: rows * front_ends.STEP], None, None)
    seen = np.isfinite(points).all(axis=(1, 2))
    if seen.sum() < 20 or seen.mean() < 0.9:
        return None
    grid = np.arange(times[seen][0], times[seen][-1] + 1e-6, 1 / RATE)
    even = interpolate(grid, times[seen], points[seen])
    mouth, _ = align(even)
    # Row k is the picture shown from grid[k] on, and the sound of the same 40 ms.
    skip = round((grid[0] - late) * SAMPLE_RATE)
    sound = audio[skip:] if skip >= 0 else np.pad(audio, (-skip, 0))
    length = len(grid) * front_ends.STEP
    sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    return Prepared(item, sound.astype(np.float32), mouth, opening(even))


def interpolate(
    wanted: NDArray[np.float64], times: NDArray[np.float64], values: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Values (T, ...) at ``times`` read off at ``wanted``, linearly."""
    left = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, len(times) - 2)
    share = (wanted - times[left]) / (times[left + 1] - times[left])
    share = np.clip(share, 0, 1).reshape(-1, *([1] * (values.ndim - 1)))
    return values[left] * (1 - share) + values[left + 1] * share


def listen(front_end: front_ends.FrontEnd, samples: Floats) -> Floats:
    """Features (T, F) of a clip, in the windows in which they will be heard at work."""
    chunk = SimpleNamespace(time=Fraction(0), rate=SAMPLE_RATE, samples=samples)
    parts = [front_end(w.samples, w.level).numpy()[w.used] for w in Windows([chunk])]
    return np.concatenate(parts)


def write(out: Path, clips: list[Prepared], copies: int, seed: int) -> None:
    """Fit the mouth space and the projections, and write index and arrays."""
    space = MouthSpace.fit(training_mouths(clips))
    start = 0
    rows: list[pack.Clip] = []
    for clip in clips:
        item = clip.item
        rows.append(
            pack.Clip(
                name=item.name,
                source=item.source,
                person=item.person,
                split=item.split,
                licence=item.licence,
                purpose=item.purpose,
                start=start,
                rows=clip.rows,  # type: ignore[arg-type]
            )
        )
        start += clip.rows
    pack.save_index(out, pack.PackIndex(rate=RATE, clips=tuple(rows)))
    nothing = np.float32(np.nan)
    coefficients = [
        np.full((clip.rows, space.size), nothing)
        if clip.mouth is None
        else space.encode(clip.mouth)
        for clip in clips
    ]
    openings = [
        np.full(clip.rows, nothing) if clip.opening is None else clip.opening for clip in clips
    ]
    pack.save_array(out, "coefficients", np.concatenate(coefficients).astype(np.float32))
    pack.save_array(out, "opening", np.concatenate(openings).astype(np.float32))
    statistics = dict(space.arrays())
    for name, size in PROJECTED.items():
        front_end = front_ends.make(name)
        mean, directions = projection(front_end, clips, size)
        statistics |= {f"{name}.mean": mean, f"{name}.directions": directions}
        save_file(statistics, out / "statistics.safetensors")
        for copy in range(copies + 1):
            array = name if copy == 0 else f"{name}_{copy}"
            if (out / f"{array}.safetensors").is_file():
                continue  # made before an interruption; start afresh in another folder
            generator = np.random.default_rng((seed, copy))
            features = []
            for clip in clips:
                heard = (
                    listen(front_end, clip.samples)
                    if copy == 0
                    else disturb.listen(lambda s: listen(front_end, s), clip.samples, generator)  # noqa: B023
                )
                features.append(((heard - mean) @ directions).astype(np.float16))
            pack.save_array(out, array, np.concatenate(features))
            print(f"{array} done", flush=True)


def training_mouths(clips: list[Prepared]) -> list[NDArray[np.float64]]:
    """Mouths that the space is fitted to: commercial training people, six clips of each at most."""
    people: dict[str, list[NDArray[np.float64]]] = {}
    for clip in clips:
        item = clip.item
        usable = item.split == "train" and item.purpose == "commercial"
        if usable and clip.mouth is not None and len(people.setdefault(item.person, [])) < 6:
            people[item.person].append(clip.mouth)
    return [np.concatenate(mouths) for mouths in people.values()]


def projection(
    front_end: front_ends.FrontEnd, clips: list[Prepared], size: int
) -> tuple[Floats, Floats]:
    """Mean (F,) and directions (F, size) that standardise and whiten features, gently.

    From at most 400 commercial training clips, evenly taken, so that it serves every weights file.
    """
    usable = [c for c in clips if c.item.split == "train" and c.item.purpose == "commercial"]
    chosen = usable[:: max(1, len(usable) // 400)]
    heard = np.concatenate([listen(front_end, clip.samples)[::2] for clip in chosen])
    mean, deviation = heard.mean(axis=0), heard.std(axis=0) + 1e-3
    standard = (heard - mean) / deviation
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    values, vectors = values[::-1][:size], vectors[:, ::-1][:, :size]
    scaled = vectors / np.sqrt(values + 0.02 * values[0])
    directions = scaled / deviation[:, None]
    return mean.astype(np.float32), np.ascontiguousarray(directions, np.float32)


if __name__ == "__main__":
    main()
