"""What an audit looks at: labelled files, from a protocol, a manifest, or two subfolders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols import Protocol, Trial, read_protocol
from detectors.protocols.folder import MANIFEST
from detectors.protocols.trials import people_in_two_splits

_REAL = ("real", "bonafide", "original")
_FAKE = ("fake", "spoof", "synthetic")


def collection(folder: Path, protocol: str | None = None) -> Protocol:
    """The labelled files of a folder.

    By ``protocol`` where it is named; else by ``manifest.csv`` (or the CSV that ``folder`` is);
    else those in ``real/`` and ``fake/``, where a subfolder of ``fake/`` is a group.

    Raises:
        InputError: none of these, or one class alone.
    """
    if protocol is not None:
        return read_protocol(protocol, folder)
    if folder.is_file() or (folder / MANIFEST).is_file():
        return read_protocol("folder", folder)
    if not folder.is_dir():
        raise InputError("no such folder", folder)
    names = {entry.name.lower(): entry.name for entry in os.scandir(folder) if entry.is_dir()}
    real, fake = (next((names[n] for n in of if n in names), None) for of in (_REAL, _FAKE))
    if real is None or fake is None:
        raise InputError(
            "is neither labelled nor sorted", folder, f"it needs {MANIFEST}, or real/ and fake/"
        )
    trials = [*_trials(folder, real, False), *_trials(folder, fake, True)]
    if len({trial.synthetic for trial in trials}) < 2:
        raise InputError("real/ or fake/ is empty", folder)
    trials.sort(key=lambda trial: trial.key)
    return Protocol(folder.resolve().name, folder, tuple(trials), False)


def shared_people(found: Protocol) -> dict[str, tuple[str, ...]]:
    """Person -> the splits they are in, where that is more than one."""
    return people_in_two_splits(found.trials)


def _trials(root: Path, name: str, synthetic: bool) -> Iterator[Trial]:
    """Files below a folder; hidden ones and links to folders are passed over."""
    top = root / name
    for folder, inner, files in os.walk(top, followlinks=False):
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        below = Path(folder).relative_to(top)
        group = below.parts[0] if below.parts else ""
        for file in sorted(files):
            path = (Path(name) / below / file).as_posix()
            if not file.startswith("."):
                yield Trial(path, path, synthetic, group if synthetic else "", split="")
