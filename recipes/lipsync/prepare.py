"""Raw clips -> pack: what the renderer is given and what it should make of it, as squares.

    python recipes/lipsync/prepare.py --data ../shared/data --cache packs/landmarks \
        --out packs/lipsync [--s1-git LIPNET/.git] [--lrwar-git ARABIC-LIP-READING/.git] \
        [--research FOLDER] [--sync packs/motion]

Of every clip a few windows of five pictures. For each picture the pack holds a mosaic of four
squares: the truth; two reconstructions by the classical renderer, from which the truth's own mouth
was kept away (the nearest reference, and random ones); and the maps. A window's mosaics are one
JPEG. Landmarks come from the cache of ``recipes/motion/prepare.py`` (made there if missing), the
offset of each clip's sound (``--sync``) from its pack.

Writes index.json, pictures (bytes, one JPEG after the other), ends (W,), mel (W, 80, 60) centred
on the window, and first (W,), its first frame.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import footage
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.landmarks import open_detector
from avsynth.face.lower_crop import LowerCrop, cut
from avsynth.face.lower_face import LIPS
from avsynth.face.render import ClassicalRenderer, Source
from avsynth.models.lipsync_renderer import squares
from avsynth.speech.mel import log_mel
from avsynth.training import pack

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources

WINDOW = 5  # pictures
MEL_STEPS = 60  # of 10 ms, centred on the window
GAP = 12  # frames to each side that may not serve as a reference
CHOICES = 8  # random frames among which the second reconstruction finds its mouth
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 93, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
Bytes = NDArray[np.uint8]


@dataclasses.dataclass
class Window:
    """One training example before it is stored."""

    first: int
    jpeg: Bytes
    mel: NDArray[np.float16]


def main() -> None:
    """Prepare everything that the arguments name."""
    options = arguments()
    torch.set_num_threads(1)
    generator = np.random.default_rng(options.seed)
    lags = read_lags(options.sync)
    rows: list[pack.Clip] = []
    windows: list[Window] = []
    with open_detector("mediapipe") as detector:
        for item, count in choose(options, generator):
            cached = options.cache / item.source / f"{item.name}.npz"
            if not cached.is_file():
                sources.extract(item, cached, detector)
            made = cut_windows(item, cached, count, options.size, lags.get(item.name), generator)
            if not made:
                continue
            rows.append(
                pack.Clip(
                    name=item.name,
                    source=item.source,
                    person=item.person,
                    split=item.split,
                    licence=item.licence,
                    purpose=item.purpose,
                    start=len(windows),
                    rows=len(made),
                )
            )
            windows += made
            print(f"\r{len(rows)} clips, {len(windows)} windows", end="", flush=True)
    print()
    write(options.out, rows, windows)


def arguments() -> argparse.Namespace:
    """The command line: that of the motion recipe, and how much to take."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--sync", type=Path, help="motion pack with the offset of each clip")
    parser.add_argument("--windows", type=int, default=90, help="of each person, about")
    parser.add_argument("--size", type=int, default=128)
    return parser.parse_args()


def choose(
    options: argparse.Namespace, generator: np.random.Generator
) -> Iterator[tuple[sources.Item, int]]:
    """Clips and how many windows to take of each, so that people weigh about the same."""
    options.speech = None
    limit, options.limit = options.limit, None
    people: dict[tuple[str, str], list[sources.Item]] = {}
    for item in sources.find(options):
        if item.split in ("train", "dev"):
            people.setdefault((item.split, item.person), []).append(item)
    taken = 0
    for (split, _), items in people.items():
        wanted = options.windows if split == "train" else options.windows // 3
        order = generator.permutation(len(items))[:wanted]
        for number in order:
            if taken != limit:
                taken += 1
                yield items[number], max(1, wanted // len(order))


def read_lags(folder: Path | None) -> dict[str, int]:
    """Frames by which the mouth comes after the sound, for clips where that is clear."""
    if folder is None:
        return {}
    clips = pack.Pack.open(folder, []).index.clips
    return {clip.name: clip.lag for clip in clips if clip.clarity >= 0.2}


def cut_windows(
    item: sources.Item, cached: Path, count: int, size: int, lag: int | None,
    generator: np.random.Generator,
) -> list[Window]:  # fmt: skip
    """At most ``count`` windows of a clip, evenly spread."""
    try:
        clip = footage.load(item, cached)
    except InputError as error:
        print(f"\n{item.name} left out: {error}")
        return []
    if clip is None or len(clip) < WINDOW + 2:
        return []
    mel = log_mel(torch.from_numpy(clip.samples)).numpy()
    firsts = np.unique(np.linspace(0, len(clip) - WINDOW, count + 2)[1:-1].astype(int))
    return [one_window(clip, int(f), size, mel, lag or 0, generator) for f in firsts]


def one_window(
    clip: footage.Footage, first: int, size: int, mel: NDArray[np.float32], lag: int,
    generator: np.random.Generator,
) -> Window:  # fmt: skip
    """The mosaics of five pictures and the sound around their middle."""
    frames = np.arange(first, first + WINDOW)
    cost = clip.costs(clip.canonical[frames][:, LIPS], frames)
    # In a clip of a word's length there is not always so much room.
    gap = min(GAP, (len(clip) - WINDOW) // 4)
    apart = np.arange(len(clip))
    cost[:, (apart >= first - gap) & (apart <= frames[-1] + gap)] = footage.NEVER
    allowed = np.flatnonzero(cost[0] < footage.NEVER)
    near, near_mix = footage.retrieve(cost)
    few = generator.choice(allowed, min(CHOICES, len(allowed)), replace=False)
    _, mix = footage.retrieve(cost[:, few])
    skin = np.full(WINDOW, generator.choice(few))
    mixes = [[(int(few[r]), share) for r, share in shares] for shares in mix]
    renderer, crop = ClassicalRenderer(clip.mean), LowerCrop(clip.mean, size)
    rows = [
        mosaic(
            clip, renderer, crop, int(t), [(int(near[i]), near_mix[i]), (int(skin[i]), mixes[i])]
        )
        for i, t in enumerate(frames)
    ]
    jpeg = cv2.imencode(".jpg", np.concatenate(rows)[..., ::-1], _QUALITY)[1].ravel()
    middle = (first + frames[-1] + 1) * 2 - 4 * lag  # of the sound, in steps of 10 ms
    around = np.arange(middle - MEL_STEPS // 2, middle + MEL_STEPS // 2)
    heard = mel[:, np.clip(around, 0, mel.shape[1] - 1)]
    return Window(first, jpeg, heard.astype(np.float16))


def mosaic(
    clip: footage.Footage, renderer: ClassicalRenderer, crop: LowerCrop, number: int,
    ways: list[tuple[int, list[tuple[int, float]]]],
) -> Bytes:  # fmt: skip
    """Truth, one reconstruction for each of ``ways`` (skin, mouths), and maps; (S, 4 S, 3)."""
    target = clip.target(number, clip.vertices[number])
    seen = []
    for skin, mouths in ways:
        source = Source(clip.picture(skin), [(clip.picture(r), share) for r, share in mouths])
        [patch] = renderer.render([target], [source])
        seen.append(squares(target, patch, crop))
    truth = cut(target.frame.rgb, seen[0].matrix, crop.size)
    return np.concatenate([truth, *(s.picture for s in seen), seen[0].maps], axis=1)


def write(out: Path, rows: list[pack.Clip], windows: list[Window]) -> None:
    """The pack."""
    notes = {"window": str(WINDOW), "mel_steps": str(MEL_STEPS)}
    pack.save_index(out, pack.PackIndex(rate=25, clips=tuple(rows), notes=notes))
    pack.save_array(out, "pictures", np.concatenate([w.jpeg for w in windows]))
    pack.save_array(out, "ends", np.cumsum([len(w.jpeg) for w in windows]))
    pack.save_array(out, "mel", np.stack([w.mel for w in windows]))
    pack.save_array(out, "first", np.array([w.first for w in windows]))
    size = sum(len(w.jpeg) for w in windows) / 2**20
    print(f"{len(windows)} windows, {len({row.person for row in rows})} people, {size:.0f} MiB")


if __name__ == "__main__":
    main()
