"""The output of a conversion: the new voice in the source's rate and channels, as loud."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsynth.errors import InputError
from avsynth.media import AudioChunk, MediaInfo, read_audio
from avsynth.media.audio_writer import write_sound
from avsynth.media.resampling import Resampler
from avsynth.media.sound_format import SoundFormat
from avsynth.models.voice_engine import Floats
from avsynth.pipelines.convert_sound import whole_seconds
from avsynth.pipelines.progress import Progress
from avsynth.speech.level_match import LevelMatcher
from avsynth.speech.loudness import LoudnessMeter, PeakMeter, decibels

#: True peaks of the output stay below it, dB of full scale.
PEAK_DB = -1.0
# How much lower is aimed at: lossy codecs overshoot, and interpolation is not exact.
_MARGIN_DB, _LOSSY_MARGIN_DB = 0.15, 0.5
_CLOSE = 0.3  # LU that the loudness may be off without another try
_TRIES, _FOR_PEAKS = 5, 2  # the last of them change nothing but peaks
_READ = 1 << 16  # samples of the converted voice that are read at a time


@dataclass(frozen=True)
class Measured:
    """A file's first sound, decoded: samples, integrated loudness (LUFS), true peak (linear)."""

    samples: int
    loudness: float
    peak: float


@dataclass(frozen=True)
class Finished:
    """What was written: samples and loudness of the source, what is in the output instead, and a
    line for each stream that is not in it.
    """

    samples: int
    before: float
    after: Measured
    dropped: tuple[str, ...]


def finish(
    out: Path, source: Path, info: MediaInfo, made: Path, made_rate: int, how: SoundFormat,
    steps: Progress,
) -> Finished:  # fmt: skip
    """Write ``out``; again, where loudness or peaks of what was encoded are not as wanted.

    Args:
        out: its suffix names the container.
        source: whose first sound gives levels, channels and times; all else is copied.
        info: ``probe(source)``.
        made: the converted voice, raw float32 at ``made_rate``.
        made_rate: samples a second of it.
        how: ``sound_format`` of the output.
        steps: told how far it is.

    Raises:
        InputError: the source cannot be decoded, or the encoder lost some of it.
        ResourceError: the output cannot be written.
    """
    aim = PEAK_DB - (_MARGIN_DB if how.lossless else _LOSSY_MARGIN_DB)
    gain, gap = 1.0, math.inf
    for left in reversed(range(_TRIES)):
        steps.start("writing", whole_seconds(info), unit="s")
        sound = Finish(source, info, made, made_rate, how.rate, 10 ** (aim / 20), gain)
        dropped = write_sound(out, source, info, sound.chunks(steps), how)
        steps.start("measuring")
        after = measure(out, how.rate, how.channels)
        over = decibels(after.peak) - PEAK_DB
        before, gap = gap, sound.loudness - after.loudness
        # Where a louder try brought nothing, it is the peaks that keep it quiet.
        fine = abs(gap) <= _CLOSE or abs(gap) >= abs(before) or not math.isfinite(gap)
        if over <= 0 and (fine or left < _FOR_PEAKS):
            break
        if over > 0:
            aim -= over + _MARGIN_DB
        if not fine and left >= _FOR_PEAKS:
            gain *= 10 ** (gap / 20)
    # Codecs of whole frames add to the end; their containers say where it is.
    if after.samples < sound.samples or (how.lossless and after.samples != sound.samples):
        raise InputError(f"{after.samples} samples were written, not {sound.samples}", source)
    return Finished(sound.samples, sound.loudness, after, dropped)


class Finish:
    """The converted voice at the source's rate, in its channels and as loud as they are.

    Iterate once over ``chunks``; then ``samples`` and ``loudness`` (of the source, LUFS) are known.
    """

    def __init__(
        self, source: Path, info: MediaInfo, made: Path, made_rate: int, rate: int,
        ceiling: float, gain: float,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            source: whose first sound gives levels, channels and times.
            info: ``probe(source)``.
            made: what ``convert_to`` wrote, at ``made_rate``.
            made_rate: samples a second of it.
            rate: samples a second wanted.
            ceiling: true peaks stay below it, linear.
            gain: on everything.
        """
        self._source, self._made = source, made
        self._rate, self._made_rate = rate, made_rate
        channels = info.audio[0].channels
        self._matcher = LevelMatcher(rate, channels, ceiling, gain)
        self._meter = LoudnessMeter(rate, channels)
        self.samples = 0

    @property
    def loudness(self) -> float:
        """Integrated loudness of the source so far."""
        return self._meter.integrated()

    def chunks(self, steps: Progress) -> Iterator[AudioChunk]:
        """As many samples as the source has, at its times: float32 (n, channels)."""
        made = _Queue(_resampled(self._made, self._made_rate, self._rate))
        time = Fraction(0)
        given = 0
        for chunk in read_audio(self._source, self._rate, mono=False):
            if self.samples == 0:
                time = chunk.time
            old = chunk.samples.reshape(len(chunk.samples), -1)
            self.samples += len(old)
            self._meter.push(old)
            steps.advance(len(old) / self._rate)
            new = self._matcher.push(old, made.take(len(old)))
            if len(new):
                yield AudioChunk(time + Fraction(given, self._rate), self._rate, new)
                given += len(new)
        new = self._matcher.flush()
        if len(new):
            yield AudioChunk(time + Fraction(given, self._rate), self._rate, new)


def measure(path: Path, rate: int, channels: int) -> Measured:
    """Decode the first sound of ``path`` at ``rate`` and measure it.

    Raises:
        InputError: it cannot be decoded.
    """
    loudness, peak, samples = LoudnessMeter(rate, channels), PeakMeter(rate), 0
    for chunk in read_audio(path, rate, mono=False):
        columns = chunk.samples.reshape(len(chunk.samples), -1)
        loudness.push(columns)
        peak.push(columns)
        samples += len(columns)
    return Measured(samples, loudness.integrated(), peak.peak)


class _Queue:
    """Samples (n,) in portions as they are asked for; silence when there are no more."""

    def __init__(self, chunks: Iterator[Floats]) -> None:
        self._chunks = chunks
        self._held = np.zeros(0, np.float32)

    def take(self, count: int) -> Floats:
        while len(self._held) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                chunk = np.zeros(count - len(self._held), np.float32)
            self._held = np.concatenate([self._held, chunk])
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def _resampled(path: Path, source: int, target: int) -> Iterator[Floats]:
    resampler = Resampler(source, target)
    with path.open("rb") as file:
        while data := file.read(4 * _READ):
            yield resampler.push(np.frombuffer(data, "<f4").astype(np.float32))
    yield resampler.flush()
