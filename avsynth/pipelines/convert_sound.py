"""The voice of a file, heard and converted: mono, at the engine's rate, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError
from avsynth.media import MediaInfo, read_audio
from avsynth.media.output import resource_error
from avsynth.models.voice_engine import Floats, SourceVoice, VoiceEngine
from avsynth.pipelines.convert_work import Remake
from avsynth.pipelines.progress import Progress
from avsynth.speech.high_pass import HighPass

_CANCELS = 0.1  # of a channel's energy: with less of it the middle of two channels says nothing


@dataclass(frozen=True)
class Heard:
    """The voice in a file, and where it is: in one channel of two that cancel each other, or in
    the usual mix (None).
    """

    voice: SourceVoice
    channel: int | None


def hear(source: Path, info: MediaInfo, engine: VoiceEngine, steps: Progress) -> Heard:
    """Listen to the first sound of ``source`` from beginning to end.

    Raises:
        InputError: it cannot be decoded.
        NothingToDoError: nobody speaks in it.
    """
    energy = np.zeros(3)  # left, right, middle
    stereo = info.audio[0].channels == 2

    def mixed() -> Iterator[Floats]:
        for samples in _upright(source, engine.rate, mono=not stereo):
            middle = samples.mean(axis=1)
            if stereo:
                energy[:] += [(samples[:, 0] ** 2).sum(), (samples[:, 1] ** 2).sum(),
                              (middle**2).sum()]  # fmt: skip
            yield middle

    steps.start("listening", whole_seconds(info), unit="s")
    voice = engine.listen(_counted(mixed(), engine.rate, steps))
    channel = None
    if stereo and energy[2] < _CANCELS * energy[:2].max():
        channel = int(energy[:2].argmax())
        voice = engine.listen(_voice(source, engine.rate, channel))
    if not voice.active_seconds:
        raise NothingToDoError("nobody speaks in it, or too quietly", source)
    return Heard(voice, channel)


def convert_to(
    made: Path,
    source: Path,
    info: MediaInfo,
    heard: Heard,
    engine: VoiceEngine,
    remake: Remake,
    steps: Progress,
) -> None:
    """Write the voice of ``source``, remade, to ``made``: raw float32 at ``engine.rate``.

    Raises:
        InputError: the source cannot be decoded.
    """
    steps.start("converting", whole_seconds(info), unit="s")
    read = written = 0

    def chunks() -> Iterator[Floats]:
        nonlocal read
        for chunk in _voice(source, engine.rate, heard.channel):
            read += len(chunk)
            yield chunk

    counted = _counted(chunks(), engine.rate, steps)
    try:
        with made.open("wb") as file:
            pieces = remake(engine.pieces(counted, heard.voice), heard.voice)
            for samples in engine.join(pieces, heard.voice):
                file.write(np.asarray(samples, "<f4").tobytes())
                written += len(samples)
    except OSError as error:
        raise resource_error(error, made) from error
    if written != read:
        raise RuntimeError(f"{engine.name} made {written} samples of {read}")


def _voice(source: Path, rate: int, channel: int | None) -> Iterator[Floats]:
    """The sound that is converted, mono."""
    for samples in _upright(source, rate, mono=channel is None):
        yield samples[:, channel or 0]


def _upright(source: Path, rate: int, mono: bool) -> Iterator[NDArray[np.float32]]:
    """Samples (n, C) without what is lower than sound, such as an offset."""
    high_pass = HighPass(rate)
    for chunk in read_audio(source, rate, mono=mono):
        yield high_pass(chunk.samples.reshape(len(chunk.samples), -1))


def _counted(chunks: Iterator[Floats], rate: int, steps: Progress) -> Iterator[Floats]:
    for chunk in chunks:
        yield chunk
        steps.advance(len(chunk) / rate)


def whole_seconds(info: MediaInfo) -> int | None:
    """How long a file says that it is."""
    return None if info.duration is None else round(info.duration)
