"""What a voice is like, heard once from beginning to end in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.models.voice_engine import SourceVoice
from avsynth.speech.activity import SPEECH_LEVEL, envelope, speech_level, voice_activity
from avsynth.speech.pitch_track import PitchStatistics, pitch_track
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

Floats = NDArray[np.float32]

_SPECTRUM = SpectrumConfig()
RATE, HOP = _SPECTRUM.rate, _SPECTRUM.hop
_STEPS = RATE // HOP  # a second
_KEPT, _CONTEXT = 20 * RATE, RATE  # samples that a window is for, and those heard on either side
_BRIEF = _STEPS  # steps; sound as short as this may be a single vowel, which hardly varies
_ACTIVE = 0.5
# Of the histogram of loudness, in dB: the level is known as finely as its bins.
_LEAST_DB, _MOST_DB, _BIN_DB = -80.0, 100.0, 0.02


def listen(chunks: Iterable[Floats]) -> SourceVoice:
    """Describe the voice in 16 kHz samples (n,): level, pitch and spectrum of what is spoken.

    A window of 20 seconds is heard at a time, with a second around it. Level and spectrum are as
    ``voice_print.describe`` has them for sound of one window; of longer sound, windows in which
    nobody speaks do not count. Memory grows by the pitch alone: 1.4 MB an hour.
    """
    ears = _Ears()
    for samples, kept in windows(chunks, _KEPT, _CONTEXT):
        ears.hear(samples, kept)
    return ears.voice()


def windows(chunks: Iterable[Floats], kept: int, context: int) -> Iterator[tuple[Floats, slice]]:
    """A stream in windows of ``kept`` samples with up to ``context`` more on either side.

    Yields the samples of each and the slice of them that it is for; these follow on each other.
    The last is as long as it happens to be. Nothing depends on how the chunks were cut.
    """
    held = np.zeros(0, np.float32)
    before = 0
    for chunk in chunks:
        held = np.concatenate([held, np.asarray(chunk, np.float32)])
        while len(held) >= before + kept + context:
            yield held[: before + kept + context], slice(before, before + kept)
            held = held[max(before + kept - context, 0) :]
            before = context
    if len(held) > before:
        yield held, slice(before, len(held))


class _Ears:
    """Sums over windows."""

    def __init__(self) -> None:
        bins = round((_MOST_DB - _LEAST_DB) / _BIN_DB)
        self._loudness = np.zeros(bins, np.int64)
        self._level = 0.0
        self._count = 0
        self._sum = np.zeros(_SPECTRUM.bands)
        self._squares = np.zeros(_SPECTRUM.bands)
        self._pitch: list[Floats] = []

    def hear(self, samples: Floats, kept: slice) -> None:
        """Count what is spoken in ``samples[kept]``."""
        if len(samples) <= _SPECTRUM.window:
            samples = np.pad(samples, (0, _SPECTRUM.window + 1 - len(samples)))
        steps = slice(kept.start // HOP, kept.stop // HOP)
        # Half of what it was before, so that a pause is not taken for speech.
        self._level = max(speech_level(samples), self._level / 2)
        loudest = max(float(np.abs(samples).max()), 3 * self._level)  # a pause is not a voice
        pitch = pitch_track(samples, HOP, loudest)[steps]
        active = voice_activity(samples, _STEPS, self._level)[steps][: len(pitch)] > _ACTIVE
        if len(samples) // HOP <= _BRIEF and speech_level(samples) >= 2e-3:
            active |= pitch > 0
        if not active.any():
            return
        self._loudness += _histogram(envelope(samples, _STEPS)[steps])
        # Brought to one level, so that the spectrum's floor is the same for loud and quiet voices.
        levelled = torch.from_numpy(samples * np.float32(SPEECH_LEVEL / self._level))
        mel = log_mel_spectrum(levelled, _SPECTRUM).numpy()[:, steps].T[: len(active)]
        spoken = mel[active] + math.log(self._level)  # and less the level of all at the end
        self._count += len(spoken)
        self._sum += spoken.sum(axis=0, dtype=np.float64)
        self._squares += (spoken.astype(np.float64) ** 2).sum(axis=0)
        self._pitch.append(pitch[active])

    def voice(self) -> SourceVoice:
        """What was heard."""
        level = _quantile(self._loudness, 0.95)
        mean = self._sum / max(self._count, 1)
        variance = np.maximum(self._squares / max(self._count, 1) - mean**2, 0.0)
        pitch = np.concatenate([np.zeros(0, np.float32), *self._pitch])
        return SourceVoice(
            level=level,
            pitch=PitchStatistics.of(pitch),
            spectrum_mean=np.asarray(mean - math.log(level), np.float32),
            spectrum_std=np.asarray(np.sqrt(variance), np.float32),
            active_seconds=self._count / _STEPS,
        )


def _histogram(levels: Floats) -> NDArray[np.int64]:
    decibels = 20 * np.log10(np.maximum(levels, 1e-9))
    bins = round((_MOST_DB - _LEAST_DB) / _BIN_DB)
    index = np.clip(((decibels - _LEAST_DB) / _BIN_DB).astype(np.int64), 0, bins - 1)
    return np.bincount(index, minlength=bins)


def _quantile(counts: NDArray[np.int64], share: float) -> float:
    """The level (linear) that ``share`` of what was counted does not exceed; 0.001 of nothing."""
    total = int(counts.sum())
    if not total:
        return 1e-3
    index = int(np.searchsorted(np.cumsum(counts), share * total))
    return max(float(10 ** ((_LEAST_DB + (index + 0.5) * _BIN_DB) / 20)), 1e-3)
