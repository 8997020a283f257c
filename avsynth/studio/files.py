"""What a job finds in its folder: uploads under fixed names, linked, not copied."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from avsynth.errors import AvsynthError, UsageError
from avsynth.provenance import consent as consents
from avsynth.provenance.records import SubjectRecord
from avsynth.studio.store import Upload, ending

#: A consent record beyond this is none, in bytes.
LARGEST_RECORD = 2**20
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ()+-]{0,120}\.[A-Za-z0-9]{1,5}")


def lay_out(folder: Path, name: str, upload: Upload) -> Path:
    """Put an upload into a job's folder as ``name`` with its own ending; the path in there."""
    path = Path(name + ending(upload.name))
    link(upload.path, folder / path)
    return path


def link(source: Path, place: Path) -> None:
    """The same file at another place; a copy where the disk has no links."""
    place.unlink(missing_ok=True)
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)


def lay_out_record(folder: Path, record: Upload, references: Iterable[Upload]) -> Path:
    """A consent record in a folder of its own, beside it the reference media that it names.

    The pipelines look for those by the names in the record. Only plain names are used, and only
    for media of the very content that the record states.
    """
    if record.size > LARGEST_RECORD:
        raise UsageError("too large for a consent record", record.name)
    inside = Path("consent")
    (folder / inside).mkdir(mode=0o700, exist_ok=True)
    path = inside / "consent.json"
    link(record.path, folder / path)
    media = {each.sha256: each for each in references}
    for name, sha256 in _named(record) if media else ():
        if sha256 in media and name.lower() != path.name:
            link(media[sha256].path, folder / inside / name)
    return path


def _named(record: Upload) -> list[tuple[str, str]]:
    """Reference media of a subject's record with a plain name: name and hash."""
    try:
        found = consents.load(record.path).record
    except AvsynthError:
        return []  # the job says what is wrong with it
    if not isinstance(found, SubjectRecord):
        return []
    return [
        (m.name, m.sha256) for m in found.references if m.name and _PLAIN_NAME.fullmatch(m.name)
    ]
