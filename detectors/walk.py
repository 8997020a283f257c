"""Which files a scan looks at: those that are named, and in folders those that may be media."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Item:
    """A file to look at. Unless ``sure``, it is first seen whether it is media at all."""

    path: str
    sure: bool = True


@dataclass
class Walk:
    """Iterates the files under ``paths``, in a fixed order; folders only where ``recursive``.

    Links are followed, each folder entered once. ``skipped`` counts by reason what was passed over;
    ``closed`` are folders that could not be read, with the reason.
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
            if _is_folder(name):
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
        suffix = Path(path).suffix[1:].lower()
        if suffix in _OTHER:
            self.skipped["no media by their names"] += 1
        elif _is_special(path):
            self.skipped["no regular files"] += 1
        else:
            yield Item(path, sure=suffix in _MEDIA)


def is_media(path: StrPath) -> bool:
    """Whether a file, whatever its name, holds pictures or sound."""
    try:
        with open_input(path) as container:
            return bool(container.streams.video or container.streams.audio)
    except InputError:
        return False


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
