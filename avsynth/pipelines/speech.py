"""The new speech: what the mouths shall do with it, and how it goes into the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import AudioChunk, probe, read_audio
from avsynth.models.speech_to_motion import MotionCurve, SpeechToMotion
from avsynth.pipelines.convert_finish import Finish
from avsynth.pipelines.progress import Progress

_MOTION_RATE = 16000
_LEAST_RATE, _MOST_RATE = 16000, 48000
_BLOCK = 4096  # samples
_CEILING = 0.89  # true peaks of a converted voice, linear: -1 dB


@dataclass(frozen=True)
class Speech:
    """An audio file and the mouth motion it asks for. ``seconds`` is its exact length.

    ``made`` is what is heard instead of it, in another voice, if anything: raw float32 mono
    samples at ``made_rate``, as ``convert_sound.convert_to`` writes them.
    """

    path: Path
    rate: int
    channels: int
    seconds: Fraction
    curve: MotionCurve
    made: Path | None = None
    made_rate: int = _MOTION_RATE


def listen(
    path: Path,
    to_motion: SpeechToMotion,
    strength: float = 1.0,
    heard: Callable[[float], None] = lambda seconds: None,
) -> Speech:
    """Read the sound of ``path`` once and turn it into mouth motion, ``strength`` times as far.

    ``heard`` is told of seconds as they are read.

    Raises:
        InputError: not audio, no audio stream, or no sample in it.
    """
    info = probe(path)
    if not info.audio:
        raise InputError("holds no sound", path)
    samples = 0

    def counted() -> Iterator[AudioChunk]:
        nonlocal samples
        for chunk in from_zero(read_audio(path, _MOTION_RATE)):
            samples += len(chunk.samples)
            heard(len(chunk.samples) / _MOTION_RATE)
            yield chunk

    curve = to_motion.predict(counted())
    curve = replace(curve, coefficients=curve.coefficients * np.float32(strength))
    if samples == 0:
        raise InputError("its sound is empty", path)
    stream = info.audio[0]
    rate = min(max(stream.rate, _LEAST_RATE), _MOST_RATE)
    # Of more than two channels the first two are not all: the voice may be in the middle one.
    channels = stream.channels if stream.channels <= 2 else 1
    return Speech(path, rate, channels, Fraction(samples, _MOTION_RATE), curve)


def minute_by_minute(
    chunks: Iterator[AudioChunk], measure: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> NDArray[np.float64]:
    """What ``measure`` says of 16 kHz mono chunks, on a time line from 0.

    ``measure`` takes samples and gives a fixed number of values a second; it hears a minute at a
    time, so that memory does not grow.
    """
    block = 60 * _MOTION_RATE
    found: list[NDArray[np.float64]] = []
    held = np.zeros(0, dtype=np.float32)
    for chunk in from_zero(chunks):
        held = np.concatenate([held, chunk.samples])
        while len(held) >= block:
            found.append(np.asarray(measure(held[:block]), np.float64))
            held = held[block:]
    if len(held):
        found.append(np.asarray(measure(held), np.float64))
    return np.concatenate(found) if found else np.zeros(0)


def soundtrack(
    speeches: Sequence[Speech], start: Fraction, seconds: Fraction
) -> tuple[int, Iterator[AudioChunk]]:
    """The sound of the output: all speeches together, exactly ``seconds`` long.

    Returns:
        Its rate and its chunks, float32 (n, channels), beginning at ``start``.
    """
    rate = max(speech.rate for speech in speeches)
    channels = max(speech.channels for speech in speeches)
    total = round(seconds * rate)
    tracks = [_blocks(speech, rate, channels) for speech in speeches]

    def chunks() -> Iterator[AudioChunk]:
        for first in range(0, total, _BLOCK):
            count = min(_BLOCK, total - first)
            mixed = np.sum([next(track)[:count] for track in tracks], axis=0, dtype=np.float32)
            yield AudioChunk(start + Fraction(first, rate), rate, np.clip(mixed, -1.0, 1.0))

    return rate, chunks()


def _blocks(speech: Speech, rate: int, channels: int) -> Iterator[NDArray[np.float32]]:
    """Blocks (4096, channels) of a speech, followed by silence without end."""
    held = np.zeros((0, channels), dtype=np.float32)
    for chunk in from_zero(_sound(speech, rate)):
        samples = chunk.samples[:, None] if chunk.samples.ndim == 1 else chunk.samples
        if samples.shape[1] == 1:
            samples = np.repeat(samples, channels, axis=1)
        held = np.concatenate([held, samples[:, :channels]])
        while len(held) >= _BLOCK:
            yield held[:_BLOCK]
            held = held[_BLOCK:]
    yield np.concatenate([held, np.zeros((_BLOCK - len(held), channels), dtype=np.float32)])
    while True:
        yield np.zeros((_BLOCK, channels), dtype=np.float32)


def _sound(speech: Speech, rate: int) -> Iterator[AudioChunk]:
    """What is heard: the file's sound, or the same in another voice and as loud."""
    if speech.made is None:
        return read_audio(speech.path, rate, mono=speech.channels == 1)
    finish = Finish(
        speech.path, probe(speech.path), speech.made, speech.made_rate, rate, _CEILING, 1.0
    )
    chunks = finish.chunks(Progress(None))
    if speech.channels > 1:
        return chunks
    return (replace(chunk, samples=chunk.samples.mean(axis=1)) for chunk in chunks)


def from_zero(chunks: Iterator[AudioChunk]) -> Iterator[AudioChunk]:
    """The same sound on a time line that starts at 0: silence before it, or cut."""
    for number, chunk in enumerate(chunks):
        samples = chunk.samples
        if number == 0 and chunk.time > 0:
            lead = np.zeros((round(chunk.time * chunk.rate), *samples.shape[1:]), np.float32)
            yield AudioChunk(Fraction(0), chunk.rate, lead)
        if chunk.time < 0:
            samples = samples[round(-chunk.time * chunk.rate) :]
        if len(samples):
            yield AudioChunk(max(chunk.time, Fraction(0)), chunk.rate, samples)
