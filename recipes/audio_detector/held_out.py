"""Score families of fakes by detectors that were trained without them.

    python recipes/audio_detector/held_out.py --corpus .packs/fake_sounds --runs runs/detect \\
        --out runs/detect

Takes every ``audio-without-FAMILY/audio-without-FAMILY.safetensors`` of ``--runs``, writes
``audio-without-FAMILY.csv`` and, after MP3 at 64 kb/s, ``audio-without-FAMILY-mp3.csv`` (the family
and all recordings, dev and test), and the table, as Markdown, in ``audio-held-out.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tables
import torch
from evaluate import CHANGES, of_items, write
from tables import Row

from avsynth.training.sound_corpus import open_sounds
from detectors.audio import AudioDetector


def main() -> None:
    """Everything, in order."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_sounds(options.corpus)
    items = [item for item in corpus.items if item.split != "train"]
    found: dict[str, dict[str, list[Row]]] = {}
    for family in sorted({item.family for item in items} - {"real"}):
        name = f"audio-without-{family}"
        path = options.runs / name / f"{name}.safetensors"
        if not path.is_file():
            continue
        detector = AudioDetector(str(path))
        wanted = [item for item in items if item.family in ("real", family)]
        found[family] = {c: of_items(detector, corpus, wanted, CHANGES[c]) for c in ("", "-mp3")}
        for change, rows in found[family].items():
            write(options.out / f"{name}{change}.csv", rows)
    text = tables.held_out(found)
    (options.out / "audio-held-out.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
