"""Celeb-DF v2 (Li et al., 2020): 590 real films of celebrities, 300 of YouTube, 5,639 swaps."""

from __future__ import annotations

import os
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative, the_file
from detectors.protocols.trials import Protocol, Trial, checked

FOLDERS = {"Celeb-real": False, "YouTube-real": False, "Celeb-synthesis": True}
LIST = "List_of_testing_videos.txt"
_LAYOUT = f"Celeb-real/*.mp4, YouTube-real/*.mp4, Celeb-synthesis/*.mp4, {LIST}"


def celeb_df(root: Path) -> Protocol:
    """``test`` as the list says, all else that is there ``train``; there is no ``val``.

    In the list 1 means real. A line that contradicts its folder is refused: somebody turned the
    labels.
    """
    listed = _testing(the_file(root, (LIST,), _LAYOUT))
    names = dict.fromkeys(listed, "test") | {
        f"{folder}/{entry.name}": "train"
        for folder in FOLDERS
        if (root / folder).is_dir()
        for entry in os.scandir(root / folder)
        if entry.name.endswith(".mp4") and f"{folder}/{entry.name}" not in listed
    }
    trials = tuple(_trial(name, split) for name, split in names.items())
    notes = ("the authors give no validation split: choose on another data set, not on test",)
    return checked(Protocol("celeb-df-v2", root, trials, True, notes=notes))


def _testing(path: Path) -> set[str]:
    found = set()
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        label, _, name = line.strip().partition(" ")
        name = relative(name)
        synthetic = FOLDERS.get(name.split("/")[0])
        if label not in ("0", "1") or synthetic is None:
            raise InputError(f"line {number} is not '1 YouTube-real/00170.mp4'", path)
        if synthetic == (label == "1"):
            raise InputError(
                f"line {number} calls {name} {'real' if label == '1' else 'fake'}", path,
                "in this list 1 means real",
            )  # fmt: skip
        found.add(name)
    return found


def _trial(name: str, split: str) -> Trial:
    folder, _, file = name.partition("/")
    stem = Path(file).stem
    synthetic = FOLDERS[folder]
    parts = stem.split("_")
    target, number = parts[0], parts[-1]
    person = stem if folder == "YouTube-real" else target
    original = f"celeb-df-v2/Celeb-real/{target}_{number}" if synthetic else ""
    source = f"{target}_{number}" if len(parts) > 1 else stem
    return Trial(
        f"celeb-df-v2/{folder}/{stem}", name, synthetic, "Celeb-synthesis" if synthetic else "",
        person, split, source, original,
    )  # fmt: skip
