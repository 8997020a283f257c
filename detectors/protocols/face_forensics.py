"""FaceForensics++ (Rössler et al., 2019) and the DeepFakeDetection films that came with it.

Splits are JSON lists of pairs of originals; a fake is called ``target_source``, and both directions
of a pair belong to its split: 720, 140 and 140 originals, as many fakes a method.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative, the_file, the_folder
from detectors.protocols.trials import Protocol, Trial, checked

#: Folder -> short name. The first four are the paper's, FaceShifter came later.
METHODS = {
    "Deepfakes": "DF", "Face2Face": "F2F", "FaceSwap": "FS", "NeuralTextures": "NT",
    "FaceShifter": "FSh",
}  # fmt: skip
SPLITS = ("train", "val", "test")
_FOLDERS = {"c0": ("raw", "c0"), "c23": ("c23",), "c40": ("c40",)}
_LAYOUT = (
    "original_sequences/youtube/{c}/videos/000.mp4, manipulated_sequences/Deepfakes/{c}/videos/"
    "000_003.mp4, splits/train.json val.json test.json"
)


def face_forensics(root: Path, compression: str) -> Protocol:
    """The films of one compression (``c0``, ``c23``, ``c40``), of the methods that are there.

    A person is a pair of originals: each of its four or more files shows one of two faces.
    """
    layout = _LAYOUT.format(c=compression)
    real = _videos(root / "original_sequences" / "youtube", compression)
    if real is None:
        raise InputError("the originals are missing", root, f"expected: {layout}")
    methods = {
        short: _videos(root / "manipulated_sequences" / method, compression)
        for method, short in METHODS.items()
    }
    there = {short: folder for short, folder in methods.items() if folder is not None}
    if not there:
        raise InputError("no manipulated films are there", root, f"expected: {layout}")
    trials = [
        trial
        for split in SPLITS
        for pair in _pairs(the_file(root, (f"splits/{split}.json", f"{split}.json"), layout))
        for trial in _of_pair(root, f"ffpp-{compression}", real, there, pair, split)
    ]
    absent = [method for method, short in METHODS.items() if short not in there]
    notes = (f"not in this folder, and left out: {', '.join(absent)}",) if absent else ()
    return checked(Protocol(f"ffpp-{compression}", root, tuple(trials), True, notes=notes))


def deep_fake_detection(root: Path, compression: str) -> Protocol:
    """The DeepFakeDetection films of actors (Google and Jigsaw, 2019); no splits, all ``test``.

    Names are ``TARGET_SOURCE__scene__id.mp4`` and ``ACTOR__scene.mp4``.
    """
    layout = _LAYOUT.replace("youtube", "actors").replace("Deepfakes", "DeepFakeDetection")
    real = _videos(root / "original_sequences" / "actors", compression)
    fake = _videos(root / "manipulated_sequences" / "DeepFakeDetection", compression)
    if real is None or fake is None:
        raise InputError(
            "the films of DeepFakeDetection are missing", root,
            f"expected: {layout.format(c=compression)}",
        )  # fmt: skip
    name = f"dfd-{compression}"
    trials = [_of_actor(name, root, real, stem, "") for stem in _stems(real)]
    trials += [_of_actor(name, root, fake, stem, "DFD") for stem in _stems(fake)]
    notes = ("the authors give no splits: every film is test",)
    return checked(Protocol(name, root, tuple(trials), True, notes=notes))


def _of_actor(name: str, root: Path, folder: Path, stem: str, group: str) -> Trial:
    actors, *scene = stem.split("__")
    actor = actors.split("_")[0]
    source = "__".join((actor, *scene[:1]))
    return Trial(
        f"{name}/{group or 'real'}/{stem}", f"{folder.relative_to(root).as_posix()}/{stem}.mp4",
        bool(group), group, person=actor, source=source,
        original=f"{name}/real/{source}" if group else "",
    )  # fmt: skip


def _of_pair(
    root: Path, name: str, real: Path, there: dict[str, Path], pair: tuple[str, str], split: str
) -> list[Trial]:
    person = "+".join(sorted(pair))
    trials = []
    for target, source in (pair, pair[::-1]):
        own = f"{name}/real/{target}"
        base = real.relative_to(root).as_posix()
        trials.append(
            Trial(own, relative(f"{base}/{target}.mp4"), False, "", person, split, target)
        )
        for short, folder in there.items():
            stem = f"{target}_{source}"
            path = relative(f"{folder.relative_to(root).as_posix()}/{stem}.mp4")
            trials.append(
                Trial(f"{name}/{short}/{stem}", path, True, short, person, split, target, own)
            )
    return trials


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        found = json.loads(read_text(path))
        pairs = [(str(first), str(second)) for first, second in found]
    except (ValueError, TypeError) as error:
        raise InputError(f"not a list of pairs: {error}", path) from error
    for name in (name for pair in pairs for name in pair):
        if not name.isalnum():
            raise InputError(f"{name[:40]!r} is no number of a film", path)
    return pairs


def _videos(base: Path, compression: str) -> Path | None:
    try:
        names = [f"{name}/videos" for name in _FOLDERS[compression]]
        return the_folder(base, names, "")
    except InputError:
        return None


def _stems(folder: Path) -> list[str]:
    return sorted(Path(e.name).stem for e in os.scandir(folder) if e.name.endswith(".mp4"))
