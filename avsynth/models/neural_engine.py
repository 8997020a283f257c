"""A voice network and a vocoder as a voice engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.models.listening import listen, windows
from avsynth.models.synthesis import Model, StreamingVocoder
from avsynth.models.voice import STACK, VoiceConfig, energy_of, speaker_vector, sung
from avsynth.models.voice_engine import Floats, Shifts, SourceVoice
from avsynth.models.voice_print import Voice
from avsynth.speech.activity import SPEECH_LEVEL
from avsynth.speech.content import ContentFrontEnd
from avsynth.speech.pitch_track import pitch_track, transfer
from avsynth.speech.spectrum import FLOOR, band_centres, log_mel_spectrum

#: Samples, and the slice of them that is kept; log-mel (bands, t) and pitch (t,) of how many.
_Window = tuple[Floats, slice]
_Remade = tuple[Floats, Floats, int]

_KEPT, _CONTEXT = 8 * 16_000, 16_000  # samples made at a time, and those heard on either side
_PEAK = 3.0  # of the level: what is much quieter than that is not voiced


class NeuralEngine:
    """``VoiceEngine`` by a voice network and a vocoder of the same spectrum."""

    rate = 16_000

    def __init__(self, name: str, voice: Model, vocoder: Model, front_end: ContentFrontEnd) -> None:
        self.name = name
        self._voice, self._vocoder, self._front_end = voice, vocoder, front_end
        self._config: VoiceConfig = voice.config

    def listen(self, chunks: Iterable[Floats]) -> SourceVoice:
        """See ``VoiceEngine``."""
        return listen(chunks)

    def pieces(self, chunks: Iterable[Floats], source: SourceVoice) -> Iterator[_Window]:
        """See ``VoiceEngine``. Windows of 8 s, with a second around them, at the usual level."""
        gain = np.float32(SPEECH_LEVEL / source.level)
        return windows((chunk * gain for chunk in chunks), _KEPT, _CONTEXT)

    def join(self, made: Iterable[_Remade], source: SourceVoice) -> Iterator[Floats]:
        """See ``VoiceEngine``. One vocoder sounds all of it."""
        gain = np.float32(SPEECH_LEVEL / source.level)
        vocoder = StreamingVocoder(self._vocoder)
        done = total = 0
        for mel, pitch, length in made:
            total += length
            samples = vocoder.push(mel, pitch)
            yield samples / gain
            done += len(samples)
        samples = vocoder.flush()[: total - done]
        yield np.pad(samples, (0, total - done - len(samples))) / gain

    @torch.inference_mode()
    def remake(self, piece: _Window, source: SourceVoice, target: Voice, shifts: Shifts) -> _Remade:
        """See ``VoiceEngine``. What the vocoder is told of a window in the target's voice."""
        samples, kept = piece
        length = kept.stop - kept.start
        spectrum, hop = self._config.spectrum, self._config.spectrum.hop
        samples = np.pad(samples, (0, -len(samples) % (STACK * hop)))
        if len(samples) <= spectrum.window:
            samples = np.pad(samples, (0, 2 * spectrum.window))
        mel = log_mel_spectrum(torch.from_numpy(samples), spectrum)
        mean, std = torch.from_numpy(source.spectrum_mean), torch.from_numpy(source.spectrum_std)
        loudest = max(float(np.abs(samples).max()), _PEAK * SPEECH_LEVEL)
        pitch = pitch_track(samples, hop, loudest)
        pitch = transfer(pitch, source.pitch, target.pitch, shifts.pitch)
        batch = {
            "content": self._front_end(samples, mel, mean, std.clamp_min(0.1))[None],
            "pitch": sung(torch.from_numpy(pitch)[None], spectrum),
            "energy": energy_of(mel)[None],
            "speaker": _told(target, self._config.embedding),
        }
        made = self._voice(batch)["mel"][0]
        steps = slice(kept.start // hop, -(-kept.stop // hop))
        made = warped(made[:, steps], shifts.formant, band_centres(spectrum).numpy())
        return made.numpy(), pitch[steps], length


def _told(target: Voice, embedding: int) -> Tensor:
    """What the decoder is told of the target, (1, S); ``embedding`` is 0 where it has no use."""
    pitch = [target.pitch.mean, target.pitch.std]
    parts = (target.embedding[:embedding], target.spectrum_mean, target.spectrum_std, pitch)
    return speaker_vector(*(torch.as_tensor(np.asarray(x, np.float32))[None] for x in parts))


def warped(mel: Tensor, semitones: float, centres: NDArray[np.float64]) -> Tensor:
    """Log-mel (bands, T), ``centres`` (bands,), with its resonances moved up by ``semitones``."""
    if not semitones:
        return mel
    asked = centres * 2 ** (-semitones / 12)
    columns = [np.interp(asked, centres, column) for column in mel.T.numpy()]
    return torch.from_numpy(np.asarray(columns, np.float32).T).clamp_min(float(np.log(FLOOR)))
