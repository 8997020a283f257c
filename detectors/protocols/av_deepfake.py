"""AV-Deepfake1M (Cai et al., 2024): words of real films replaced; where is known to the word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative
from detectors.protocols.trials import Protocol, Trial, checked

SPLITS = ("train", "val", "test")
_KINDS = {"real", "audio_modified", "visual_modified", "both_modified"}
_LAYOUT = "train_metadata.json, val_metadata.json, train/id00012/VIDEO/00110/real.mp4 and so on"


def av_deepfake(root: Path) -> Protocol:
    """The splits whose metadata are there. The labels of ``test`` are withheld by the authors.

    A group is what was replaced (``audio_modified`` ...); ``fakes`` are the metadata's
    ``fake_segments``, seconds.
    """
    trials = []
    for split in SPLITS:
        listing = root / f"{split}_metadata.json"
        if listing.is_file():
            folder = next(
                (f for f in (split, f"{split}_data", f"{split}/{split}") if (root / f).is_dir()), ""
            )
            trials += [_trial(entry, split, folder, listing) for entry in _entries(listing)]
    if not trials:
        raise InputError("no metadata is there", root, f"expected: {_LAYOUT}")
    notes = ("the labels of test are withheld: figures of val must not be compared with it",)
    found = Protocol("av-deepfake1m", root, tuple(trials), True, localised=True, notes=notes)
    return checked(found)


def _entries(listing: Path) -> Iterator[dict[str, Any]]:
    try:
        found = json.loads(read_text(listing))
    except ValueError as error:
        raise InputError(f"not JSON: {error}", listing) from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("not a list of films", listing)
    yield from found


def _trial(entry: dict[str, Any], split: str, folder: str, listing: Path) -> Trial:
    try:
        name = relative(str(entry["file"]))
        kind = str(entry["modify_type"])
        fakes = tuple((float(start), float(stop)) for start, stop in entry["fake_segments"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a film without file, kind or segments: {error}", listing) from error
    if kind not in _KINDS or bool(fakes) != (kind != "real"):
        raise InputError(f"{name!r} is called {kind} with {len(fakes)} fake segments", listing)
    inner = name.removeprefix(f"{split}/")
    original = entry.get("original")
    own = f"av-deepfake1m/{split}"
    return Trial(
        f"{own}/{inner}", f"{folder}/{inner}" if folder else name, bool(fakes),
        kind if fakes else "", Path(inner).parts[0], split, str(Path(inner).parent.as_posix()),
        f"{own}/{relative(str(original)).removeprefix(f'{split}/')}" if original and fakes else "",
        fakes,
    )  # fmt: skip
