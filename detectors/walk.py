"""Which files a scan looks at: those that are named, and in folders those that may be media."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from avsynth.cluster import storage
from avsynth.errors import InputError, UsageError
from avsynth.media.opening import StrPath, open_input

_NAMES: Final = """
3g2 3gp aac ac3 aif aiff amr apng asf au avi avif bmp caf dv f4v flac flv gif h264 heic heif hevc
j2k jp2 jpeg jpg m2ts m2v m4a m4b m4v mj2 mka mkv mov mp2 mp3 mp4 mpe mpeg mpg mts mxf nut oga ogg
ogm ogv opus png qt rm rmvb spx tif tiff tta vob w64 wav webm webp wma wmv wv y4m
"""
_OTHER_NAMES: Final = """
7z asc ass bat bib bz2 c c2pa cfg cmd conf cpp css csv db dll doc docx eml epub exe go gz h htm html
ini ipynb iso jar java js json jsonl kt lock log lua md npy npz odp ods odt onnx parquet pdf pem php
pickle pkl pl ppt pptx ps1 pt pth py pyc pyi r rar rb rs rst rtf safetensors sh so sql sqlite srt
swift tar tex toml tsv ttf txt vtt whl woff woff2 xls xlsx xml xz yaml yml zip zst
"""
_MEDIA: Final = frozenset(_NAMES.split())
# Obviously something else; whatever is in neither list is judged by what it holds.
_OTHER: Final = frozenset(_OTHER_NAMES.split())


#: Size in bytes, time of change in nanoseconds, entity tag: as far as it is known.
State = tuple[int, int | None, str | None]


@dataclass(frozen=True, slots=True)
class Item:
    """A file to look at.

    Attributes:
        path: or URL.
        sure: that it is media; else that is seen first.
        state: what whoever named it saw of it; None: nobody has looked, or nothing was there.
        data: what is in it, where who looks at it cannot reach it.
        lost: why it cannot be had, where that is known already.
    """

    path: str
    sure: bool = True
    state: State | None = None
    data: bytes | None = None
    lost: str | None = None


@dataclass
class Walk:
    """Iterates the files under ``paths``, in a fixed order; folders only where ``recursive``.

    Of stores (``s3://bucket/folder``) a page of names is held at a time, of local folders one
    folder's. Links are followed, each folder entered once. ``skipped`` counts by reason what was
    passed over; ``closed`` are folders that could not be read, with the reason.
    """

    paths: Iterable[StrPath]
    recursive: bool = False
    skipped: Counter[str] = field(default_factory=Counter)
    closed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paths = [os.fspath(path) for path in self.paths]
        for path in self.paths:
            if not self.recursive and _is_folder(os.fspath(path)):
                raise UsageError("is a folder", path, "-r looks through folders")

    def __iter__(self) -> Iterator[Item]:
        entered: set[tuple[int, int]] = set()
        for path in self.paths:
            name = os.fspath(path)
            if storage.is_url(name):
                yield from self._stored(name)
            elif _is_folder(name):
                yield from self._inside(name, entered)
            else:
                yield Item(name)

    def _inside(self, top: str, entered: set[tuple[int, int]]) -> Iterator[Item]:
        """The files of a folder, then those of the folders in it."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                state = Path(folder).stat()
                if (state.st_dev, state.st_ino) in entered:
                    self.skipped["folders seen before, by another way"] += 1
                    continue
                entered.add((state.st_dev, state.st_ino))
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self.closed[folder] = error.strerror or str(error)
                continue
            folders = []
            for entry in entries:
                if entry.name.startswith("."):
                    self.skipped["hidden"] += 1
                elif _is_folder(entry.path):
                    folders.append(entry.path)
                else:
                    yield from self._file(entry.path)
            waiting += reversed(folders)

    def _file(self, path: str) -> Iterator[Item]:
        if not self._may_be_media(path):
            return
        if _is_special(path):
            self.skipped["no regular files"] += 1
        else:
            yield Item(path, _sure(path))

    def _stored(self, url: str) -> Iterator[Item]:
        """The file at a URL, or those in the folder there."""
        found = storage.entry(url)
        if found is not None:
            yield Item(url, state=(found.size, found.changed, found.etag))
            return
        if not self.recursive:
            raise UsageError("is a folder", url, "-r looks through folders")
        for each in storage.entries(url, recursive=True):
            inside = each.url.removeprefix(url)
            if any(part.startswith(".") for part in inside.split("/")):
                self.skipped["hidden"] += 1
            elif self._may_be_media(each.url):
                yield Item(each.url, _sure(each.url), (each.size, each.changed, each.etag))

    def _may_be_media(self, name: str) -> bool:
        if Path(name).suffix[1:].lower() in _OTHER:
            self.skipped["no media by their names"] += 1
            return False
        return True


def is_media(path: StrPath) -> bool:
    """Whether a file, whatever its name, holds pictures or sound."""
    try:
        with open_input(path) as container:
            return bool(container.streams.video or container.streams.audio)
    except InputError:
        return False


def state_of(path: StrPath) -> State | None:
    """Of a local file; None where there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, None


def _sure(name: str) -> bool:
    return Path(name).suffix[1:].lower() in _MEDIA


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _is_special(path: str) -> bool:
    """A pipe, a socket, a device: nothing to be opened."""
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False  # gone, or a link to nothing: said when it is its turn
