"""The corpus of recipes/fake_sounds -> every item as it is, and disturbed a few times.

    python recipes/audio_detector/prepare.py --corpus .packs/fake_sounds --out .packs/sound_views \
        --draws 1

A fake and the recording that it was made from are disturbed by equal draws: codec, room, noise and
band are theirs in common, so that they cannot tell the two apart. Writes ``views.npy``, int16
(1 + draws, samples of the corpus), memory-mapped in training, and ``items.csv`` of the corpus.
Items that are there from an earlier, smaller corpus are taken over.
"""

from __future__ import annotations

import argparse
import shutil
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.training.sound_corpus import SoundCorpus, SoundItem, open_sounds, read_items
from avsynth.training.sound_disturbance import disturb

Steps = NDArray[np.int16]


def main() -> None:
    """Write the views."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=1)
    options = parser.parse_args()
    prepare(options.corpus, options.out, options.draws)


def prepare(folder: Path, out: Path, draws: int) -> None:
    """See ``main``."""
    corpus = open_sounds(folder)
    known = _known(out, draws)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "views.tmp.npy"
    shape = (1 + draws, len(corpus.samples))
    views = np.lib.format.open_memmap(path, "w+", np.int16, shape)
    views[0] = corpus.samples
    made = 0
    for item in corpus.items:
        place = slice(item.start, item.start + item.samples)
        before = known.get(item.name)
        if before is not None and np.array_equal(before[0], views[0, place]):
            views[1:, place] = before[1:]
            continue
        made += 1
        for draw in range(1, 1 + draws):
            views[draw, place] = disturbed(corpus, item, draw)
    views.flush()
    path.rename(out / "views.npy")
    shutil.copyfile(folder / "items.csv", out / "items.csv")
    print(f"{len(corpus.items)} items, {made} of them disturbed anew -> {out}")


def disturbed(corpus: SoundCorpus, item: SoundItem, draw: int) -> Steps:
    """One item by the draws of its original: (N,)."""
    sound = corpus.sound(item).astype(np.float32) / 32768
    rng = np.random.default_rng([zlib.crc32(basis(item).encode()), draw])
    return np.clip(np.rint(disturb(sound, rng) * 32767), -32768, 32767).astype(np.int16)


def basis(item: SoundItem) -> str:
    """The recording that an item belongs to: its original, its own name, or, for speech made of
    text, the recording whose length, level and spectrum it was given."""
    return item.original or item.name.partition(".")[0]


def _known(out: Path, draws: int) -> dict[str, Steps]:
    """What an earlier run wrote: name -> (1 + draws, N)."""
    if not (out / "views.npy").is_file():
        return {}
    views = np.load(out / "views.npy", mmap_mode="r")
    if views.shape[0] != 1 + draws:
        return {}
    return {item.name: views[:, item.start : item.start + item.samples] for item in read_items(out)}


if __name__ == "__main__":
    main()
