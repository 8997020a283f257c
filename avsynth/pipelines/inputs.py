"""What a job works on, checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.face.choice import SPEAKING
from avsynth.media import MediaInfo, probe, same_file, sha256_file
from avsynth.reporting import FileHash

Cast = Sequence[tuple[str, Path]]

#: Suffixes of the films that are written.
CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Inputs:
    """What a job works on, checked and hashed."""

    video: Path
    info: MediaInfo
    cast: Cast
    hashes: dict[Path, str]

    @property
    def report(self) -> list[FileHash]:
        """For the report."""
        return [FileHash(path=str(path), sha256=value) for path, value in self.hashes.items()]

    def missing(self, decoded: int) -> int:
        """Frames that the film claims to have beyond those that were ``decoded``; 0 where few."""
        assert self.info.video is not None
        claimed = self.info.video.frames
        # Only this family counts what is shown; and a field may be counted for a frame.
        if claimed is None or self.info.video.interlaced or "mov" not in self.info.container:
            return 0
        missing = claimed - decoded
        return missing if missing > max(2, claimed * 0.02) else 0


def check_outputs(made: Iterable[Path], given: Sequence[Path]) -> None:
    """Refuse files ``made`` that cannot be written or are one of those ``given``.

    Raises:
        UsageError: an output that would overwrite an input.
        ResourceError: an output that cannot be written.
    """
    for path in made:
        if any(same_file(path, file) for file in given):
            raise UsageError("the output would overwrite an input", path)
        try:
            if path.exists() and not path.is_file():
                raise ResourceError("cannot be written: is a directory or a device", path)
        except OSError as error:  # such as a name too long
            raise ResourceError(f"cannot be written: {error.strerror}", path) from error
        if not path.parent.is_dir():
            raise ResourceError("cannot be written: the folder does not exist", path)


def check_inputs(
    video: Path, cast: Cast, consent: Path, output: Path, preview: Path | None,
    others: Sequence[Path] = (),
) -> Inputs:  # fmt: skip
    """Refuse all that can be refused without work; hash the rest.

    ``others`` are further files that are read, and so not to be written to.

    Raises:
        UsageError: unknown container, no audio, an output that would overwrite an input, or
            "speaking" of a silent film.
        InputError: a file that cannot be read, has no picture or no sound.
        ResourceError: an output that cannot be written.
    """
    if not cast:
        raise UsageError("no audio was given")
    if output.suffix.lower() not in CONTAINERS:
        raise UsageError("the output's kind is not known", output, "use " + ", ".join(CONTAINERS))
    files = [video, *dict.fromkeys(audio for _, audio in cast)]
    made = [output, report_path(output), *([preview] if preview is not None else [])]
    check_outputs(made, [*files, consent, *others])
    if preview is not None and preview.absolute() in {path.absolute() for path in made[:2]}:
        raise UsageError("the preview would overwrite the output", preview)
    if preview is not None:
        check_preview(preview)
    info = probe(video)
    if info.video is None:
        raise InputError("holds no picture", video)
    if not info.audio and any(face.strip().lower() == SPEAKING for face, _ in cast):
        raise UsageError(
            "has no sound that could tell who is speaking", video, "use --face largest"
        )
    for path in files[1:]:
        if not probe(path).audio:
            raise InputError("holds no sound", path)
    return Inputs(video, info, cast, {path: sha256_file(path) for path in files})


def check_preview(preview: Path) -> None:
    """Refuse a contact sheet that is no PNG, or would overwrite what is none.

    Raises:
        UsageError: so it is.
        ResourceError: it cannot be looked at.
    """
    if preview.suffix.lower() != ".png":
        raise UsageError("the preview is a PNG picture", preview, "let its name end in .png")
    try:
        if preview.exists():
            with preview.open("rb") as file:
                if file.read(len(_PNG)) != _PNG:
                    raise UsageError("is there already, and is no PNG picture", preview)
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", preview) from error


def report_path(output: Path) -> Path:
    """Where the report of an output lies."""
    return output.with_name(output.name + ".report.json")
