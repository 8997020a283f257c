"""WORLD as a voice engine: statistics moved from one speaker to another, no network at all.

The baseline that every network has to beat. WORLD (Morise et al. 2016) takes speech apart into
pitch, envelope and aperiodicity; the pitch gets the target's log statistics, the envelope the
difference of the mean spectra, and WORLD puts it together again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avsynth.models.listening import listen
from avsynth.models.voice_engine import Floats, Shifts, SourceVoice
from avsynth.models.voice_print import Voice
from avsynth.speech.activity import SPEECH_LEVEL
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import load_world, pitch_track, transfer

Doubles = NDArray[np.float64]

_HOP = 80  # samples, 5 ms
_PERIOD = 1000.0 * _HOP / SAMPLE_RATE
_SIZE = 1024  # of the Fourier transform: pitch from 48 Hz on
_SHORTEST, _LONGEST = 8 * SAMPLE_RATE, 10 * SAMPLE_RATE  # samples of a block
_CONTEXT = SAMPLE_RATE // 2  # samples heard on either side of a block
_LEAD = 10 * _HOP  # samples that are made before and after it, and cut
_FADE = 2 * _HOP  # samples on either side of a seam over which one block becomes the next
_MOST = 12 / 20 * math.log(10)  # how far a band is moved at most: 12 dB, as natural logarithm
_PEAK = 3.0  # of the level: what is much quieter than that is not voiced


class WorldEngine:
    """``VoiceEngine`` by WORLD; needs no weights."""

    name = "world"
    rate = SAMPLE_RATE

    def listen(self, chunks: Iterable[Floats]) -> SourceVoice:
        """See ``VoiceEngine``."""
        return listen(chunks)

    def pieces(self, chunks: Iterable[Floats], source: SourceVoice) -> Iterator[_Block]:
        """See ``VoiceEngine``. Blocks of 8 to 10 s end where it is quiet, and overlap by 20 ms."""
        gain = np.float32(SPEECH_LEVEL / source.level)
        return _blocks(chunk * gain for chunk in chunks)

    def remake(
        self, piece: _Block, source: SourceVoice, target: Voice, shifts: Shifts
    ) -> tuple[Doubles, bool]:
        """See ``VoiceEngine``. The sound of a block, and whether it is the last one."""
        colour = colouring(source.spectrum_mean, target.spectrum_mean)
        pitch = transfer(piece.pitch, source.pitch, target.pitch, shifts.pitch)
        made = _remade(piece, np.where(piece.pitch > 0, pitch, 0), colour, shifts.formant)
        return made, piece.last

    def join(self, made: Iterable[tuple[Doubles, bool]], source: SourceVoice) -> Iterator[Floats]:
        """See ``VoiceEngine``. One block becomes the next within 20 ms."""
        gain = np.float32(SPEECH_LEVEL / source.level)
        tail = np.zeros(0)
        for sound, last in made:
            rising = (np.arange(len(tail)) + 0.5) / max(len(tail), 1)
            sound[: len(tail)] = rising * sound[: len(tail)] + (1 - rising) * tail
            kept = len(sound) - (0 if last else 2 * _FADE)
            yield (sound[:kept] / gain).astype(np.float32)
            tail = sound[kept:]


class _Block(NamedTuple):
    """``samples[begin:end]`` are to be made anew; ``pitch`` is that of all of them."""

    samples: Floats
    pitch: Floats
    begin: int
    end: int
    last: bool


def _blocks(chunks: Iterable[Floats]) -> Iterator[_Block]:
    """The stream in blocks that overlap by 2 ``_FADE``; their seams lie where it is quiet."""
    held = np.zeros(0, np.float32)
    begin = before = 0
    for chunk in chunks:
        held = np.concatenate([held, np.asarray(chunk, np.float32)])
        while len(held) >= (whole := before + _LONGEST + _CONTEXT):
            samples = held[:whole]
            pitch = _pitch(samples)
            seam = _seam(samples, pitch, before + _SHORTEST, before + _LONGEST)
            yield _Block(samples, pitch, begin, seam + _FADE, False)
            held = held[seam - _CONTEXT :]
            before, begin = _CONTEXT, _CONTEXT - _FADE
    if len(held) > begin:
        samples = np.pad(held, (0, _CONTEXT))
        yield _Block(samples, _pitch(samples), begin, len(held), True)


def _pitch(samples: Floats) -> Floats:
    return pitch_track(samples, _HOP, max(float(np.abs(samples).max()), _PEAK * SPEECH_LEVEL))


def _seam(samples: Floats, pitch: Floats, first: int, last: int) -> int:
    """Where to cut between two places: the quietest of the steps without a voice, or of all."""
    steps = samples[first:last].reshape(-1, _HOP)
    power = np.convolve((steps.astype(np.float64) ** 2).sum(axis=1), np.ones(4), "same")
    voiced = np.convolve(pitch[first // _HOP : last // _HOP] > 0, np.ones(5), "same") > 0.5
    return first + _HOP * int(np.argmin(np.where(voiced, power + 1e6, power)))


def _remade(block: _Block, pitch: Doubles, colour: Doubles, formant: float) -> Doubles:
    """Samples ``begin`` to ``end`` of a block at another pitch, with another envelope."""
    world = load_world()
    samples = block.samples.astype(np.float64)
    first = max(block.begin - _LEAD, 0) // _HOP
    steps = slice(first, -(-(block.end + _LEAD) // _HOP))
    heard = block.pitch[steps].astype(np.float64)
    times = np.arange(steps.start, steps.start + len(heard)) * _HOP / SAMPLE_RATE
    envelope = world.cheaptrick(samples, heard, times, SAMPLE_RATE, fft_size=_SIZE)
    aperiodicity = world.d4c(samples, heard, times, SAMPLE_RATE, fft_size=_SIZE)
    envelope *= np.exp(2 * colour)  # of power
    # Bands in which there is nothing at all come as no number now and then.
    aperiodicity = np.nan_to_num(aperiodicity, nan=0.5)
    if formant:
        envelope, aperiodicity = warped(envelope, formant), warped(aperiodicity, formant)
    made: Doubles = world.synthesize(
        np.ascontiguousarray(pitch[steps], np.float64), envelope, aperiodicity, SAMPLE_RATE, _PERIOD
    )
    return made[block.begin - first * _HOP : block.end - first * _HOP].copy()


def colouring(source: Floats, target: Floats) -> Doubles:
    """What to add to the log magnitude at each frequency of WORLD's envelope, (513,).

    The difference of the mean log-mel spectra (80,), at most 12 dB either way, without its mean:
    loudness is not a matter of the voice.
    """
    difference = np.asarray(target, np.float64) - np.asarray(source, np.float64)
    difference = np.clip(difference - difference.mean(), -_MOST, _MOST)
    frequencies = np.linspace(0, SAMPLE_RATE / 2, _SIZE // 2 + 1)
    return np.asarray(np.interp(frequencies, _centres(len(difference)), difference))


def warped(values: Doubles, semitones: float) -> Doubles:
    """Rows (T, 513) over frequency, moved up by ``semitones``; the highest value stands for more.

    Positive values alone: they are interpolated as logarithms.
    """
    bins = np.arange(values.shape[1])
    asked = np.clip(bins * 2 ** (-semitones / 12), 0, bins[-1])
    low = np.minimum(asked.astype(np.intp), bins[-1] - 1)
    share = asked - low
    logarithm = np.log(np.maximum(values, 1e-16))
    moved = np.exp(logarithm[:, low] * (1 - share) + logarithm[:, low + 1] * share)
    return np.ascontiguousarray(moved)  # as WORLD wants it


def _centres(bands: int) -> Doubles:
    """Centre frequencies of Slaney's mel bands up to half the rate, Hz (bands,)."""
    knee, step = 15.0, math.log(6.4) / 27  # 1000 Hz is 15 mel; logarithmic from there on
    top = knee + math.log(SAMPLE_RATE / 2 / 1000) / step
    mel = np.linspace(0, top, bands + 2)[1:-1]
    return np.where(mel < knee, mel * 200 / 3, 1000 * np.exp((mel - knee) * step))
