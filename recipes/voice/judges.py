"""What a clip scores: every judge loaded once, natural speech judged once.

All sound is brought to ``SPEECH_LEVEL`` before anything judges it: DNSMOS and ``mcd_c0`` depend on
loudness, and loudness is the pipeline's matter, not the network's.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from protocols import Floats, Protocol, Recording, Sounds, Trial

from avsynth.metrics import speech
from avsynth.metrics.speaker_similarity import acceptance_rate
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

_SPECTRUM = SpectrumConfig()
_SHORTEST = _SPECTRUM.window


class Judges:
    """The networks that score, and a file in which natural speech keeps what they said."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / "natural.json"
        self._known: dict[str, Any] = {}
        if self._path.is_file():
            self._known = json.loads(self._path.read_text("utf-8"))
        self._cepstra: dict[str, speech.Cepstra] = {}

    def save(self) -> None:
        """Write what is known of natural speech."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")  # others may run at the same time
        beside.write_text(json.dumps(self._known) + "\n", "utf-8")
        beside.replace(self._path)

    def verifier(self, protocol: Protocol) -> dict[str, float]:
        """Threshold and rate of equal error of the protocol's natural trials, and their numbers."""
        scores: dict[bool, list[float]] = {True: [], False: []}
        for trial in protocol.natural:
            own = self._voice(trial.own)
            scores[trial.same].append(speech.similarity(self.embedding(trial.sound), own))
        threshold, rate = speech.equal_error_threshold(scores[True], scores[False])
        return {
            "threshold": threshold,
            "equal_error_rate": rate,
            "same": len(scores[True]),
            "different": len(scores[False]),
            "same_mean": float(np.mean(scores[True])),
            "different_mean": float(np.mean(scores[False])),
        }

    def conversion(
        self, trial: Trial, made: Floats, threshold: float, natural: bool, follows: bool
    ) -> dict[str, float]:
        """All scores of one conversion; ``edits`` and ``length`` are those of error rates.

        ``natural``: it is a recording, so remember what is said of it. ``follows``: it says what
        the source says, so compare that, with the recognisers' own text on the source.
        """
        made = levelled(made)
        point = self.embedding(made, natural)
        target, source = (
            speech.similarity(point, self._voice(sounds)) for sounds in (trial.own, trial.theirs)
        )
        scores = {
            "target": target,
            "source": source,
            "closer": float(target > source),
            "accepted": acceptance_rate([target], threshold),
            "mistaken": acceptance_rate([source], threshold),
            **self.quality(made, natural),
            **self._liveliness(made, trial.own),
        }
        if follows:
            scores |= self.recognised(trial.sound, made, natural)
        if trial.parallel:
            real = levelled(trial.real)
            scores |= speech.parallel_scores(self._analysed(made), self._analysed(real))
            scores["mcd_mel"] = speech.mcd_mel(made, real)[0]
            scores["duration"] = speech.duration_difference(made, real)
        return scores

    def copy(self, original: Recording, made: Floats) -> dict[str, float]:
        """All scores of a clip that was taken apart and put together again."""
        natural, made = levelled(original.sound), levelled(made)
        made = np.pad(made, (0, max(0, len(natural) - len(made))))[: len(natural)]
        own = self.quality(natural)
        quality = self.quality(made, keep=False)
        cepstra = self._analysed(natural), speech.Cepstra.of(made)
        similarity = speech.similarity(self.embedding(natural), self.embedding(made, keep=False))
        return {
            "pesq": speech.pesq_wb(natural, made),
            "stoi": speech.stoi(natural, made),
            "estoi": speech.estoi(natural, made),
            **quality,
            "overall_lost": own["overall"] - quality["overall"],
            **self.recognised(original.sound, made, keep=False),
            "similarity": similarity,
            "mcd_noc0": speech.mcd_noc0(cepstra[0].cepstrum, cepstra[1].cepstrum),
            **self._liveliness(made, (natural,)),
        }

    def recognised(self, original: Floats, made: Floats, keep: bool) -> dict[str, float]:
        """Edits and lengths of words and phonemes, against what is heard in the original."""
        found = {}
        for kind, recognise in (("word", self.words), ("phoneme", self.phonemes)):
            errors = speech.count_errors(recognise(original), recognise(made, keep))
            found[f"{kind}_edits"] = float(errors.edits)
            found[f"{kind}_length"] = float(errors.length)
        return found

    def quality(self, sound: Floats, keep: bool = True) -> dict[str, float]:
        """DNSMOS: signal, background, overall."""
        found = self._judged("dnsmos", sound, lambda x: self._dnsmos(x)._asdict(), keep)
        return dict(found)

    def words(self, sound: Floats, keep: bool = True) -> list[str]:
        """What Whisper-tiny hears."""
        return speech.words(self._judged("text", sound, lambda x: self._whisper(x), keep))

    def phonemes(self, sound: Floats, keep: bool = True) -> list[str]:
        """What hama hears."""
        return list(self._judged("phonemes", sound, lambda x: self._hama(x), keep))

    def embedding(self, sound: Floats, keep: bool = True) -> NDArray[np.float64]:
        """Resemblyzer's, to six digits."""
        rounded = self._judged(
            "voice", sound, lambda x: [round(float(v), 6) for v in self._resemblyzer(x)], keep
        )
        return np.array(rounded)

    def _voice(self, sounds: Sounds) -> NDArray[np.float32]:
        return speech.centroid([self.embedding(sound) for sound in sounds])

    def _liveliness(self, made: Floats, natural: Sounds) -> dict[str, float]:
        """Global variance and modulation spectrum against those of natural recordings."""
        mels = [_mel(levelled(sound)) for sound in natural]
        variance = np.mean([speech.global_variance(mel) for mel in mels], axis=0)
        movement = np.mean([speech.modulation_spectrum(mel) for mel in mels], axis=0)
        own = _mel(made)
        return {
            "variance": speech.global_variance_ratio(speech.global_variance(own), variance),
            "modulation": speech.modulation_distance(speech.modulation_spectrum(own), movement),
        }

    def _analysed(self, sound: Floats) -> speech.Cepstra:
        key = _key(sound)
        if key not in self._cepstra:
            self._cepstra[key] = speech.Cepstra.of(sound)
        return self._cepstra[key]

    def _judged(self, judge: str, sound: Floats, ask: Callable[[Floats], Any], keep: bool) -> Any:
        sound = levelled(sound)
        key = f"{judge} {_key(sound)}"
        if key in self._known:
            return self._known[key]
        found = ask(sound)
        if keep:
            self._known[key] = found
        return found

    @functools.cached_property
    def _dnsmos(self) -> speech.Dnsmos:
        return speech.Dnsmos()

    @functools.cached_property
    def _whisper(self) -> speech.WordRecogniser:
        return speech.WordRecogniser()

    @functools.cached_property
    def _hama(self) -> speech.PhonemeRecogniser:
        return speech.PhonemeRecogniser()

    @functools.cached_property
    def _resemblyzer(self) -> speech.ResemblyzerEmbedder:
        return speech.ResemblyzerEmbedder()


def levelled(sound: Floats) -> Floats:
    """Samples at ``SPEECH_LEVEL``; the same array where they are already."""
    level = speech_level(sound)
    if abs(level - SPEECH_LEVEL) < 1e-6:
        return sound
    return np.asarray(sound * np.float32(SPEECH_LEVEL / level), np.float32)


def _mel(sound: Floats) -> NDArray[np.float32]:
    padded = np.pad(sound, (0, max(0, _SHORTEST - len(sound))))
    found: NDArray[np.float32] = log_mel_spectrum(torch.from_numpy(padded), _SPECTRUM).numpy()
    return found


def _key(sound: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(sound).tobytes()).hexdigest()[:24]
