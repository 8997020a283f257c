"""What is measured: voice engines by name, and the anchors that say what their figures mean.

- ``source``: the source passed through, ``target``: a recording of the target. No system should be
  worse than the one; none can be expected to be better than the other.
- ``copy-world``, ``copy-NAME``: the target's recording taken apart and put together again by WORLD,
  or by the vocoder called NAME: what conversion could reach if it only made no mistakes.
- ``world`` and all other names: ``weights.voice_engines``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from protocols import Floats, Sounds, Trial

from avsynth import weights
from avsynth.metrics.speech import parameter_count
from avsynth.models.synthesis import StreamingVocoder
from avsynth.models.vocoder import VocoderConfig
from avsynth.models.voice_engine import Shifts, convert
from avsynth.models.voice_print import Voice, describe
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.speech.world import world_copy
from avsynth.weights.speakers import NAME, load_speaker
from avsynth.weights.voice_engines import VOCODER, load_voice_engine

Copy = Callable[[Floats], Floats]


@dataclasses.dataclass(frozen=True)
class System:
    """Something that answers a trial.

    Attributes:
        name: as on the command line; ``label`` is that without folders and endings.
        make: trial -> samples.
        natural: what it gives is a recording.
        follows: it says what the source says; else what the target's recording says.
        copy: samples -> samples, of what copies.
        about: hashes of weights and number of parameters, for the result file.
    """

    name: str
    make: Callable[[Trial], Floats]
    natural: bool = False
    follows: bool = True
    copy: Copy | None = None
    about: dict[str, object] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name in tables: of a file, its folder's name too, as trainings share file names."""
        path = Path(self.name.removeprefix("copy-"))
        if path.suffix != ".safetensors":
            return self.name
        short = f"{path.parent.name}-{path.stem}"
        return f"copy-{short}" if self.name.startswith("copy-") else short


def find(name: str, speaker: str = NAME, vocoder: str = VOCODER) -> System:
    """The system called ``name``; WeightsError.

    Voices are told of targets by the encoder ``speaker``, and sound through ``vocoder``.
    """
    if name == "source":
        return System(name, lambda trial: trial.sound, natural=True)
    if name == "target":
        return System(name, lambda trial: trial.real, natural=True, follows=False)
    if name == "copy-world":
        return _copying(name, world_copy)
    if name.startswith("copy-"):
        model = weights.load(name.removeprefix("copy-"), "torch")
        return _copying(name, vocoder_copier(model), model)
    return _converting(name, speaker, vocoder)


def _copying(name: str, copy: Copy, *models: weights.LoadedModel) -> System:
    about = _about([name.removeprefix("copy-")], models)
    return System(name, lambda trial: copy(trial.real), follows=False, copy=copy, about=about)


def vocoder_copier(model: weights.LoadedModel) -> Copy:
    """Sound to mel and pitch, and back by the vocoder ``model``."""
    config = model.config
    assert isinstance(config, VocoderConfig)

    def copy(sound: Floats) -> Floats:
        gain = np.float32(SPEECH_LEVEL / speech_level(sound))
        padded = np.pad(sound * gain, (0, -len(sound) % config.hop))
        mel = log_mel_spectrum(torch.from_numpy(padded), config.spectrum)
        vocoder = StreamingVocoder(model)
        parts = [vocoder.push(mel, pitch_track(padded, config.hop)), vocoder.flush()]
        return np.asarray(np.concatenate(parts)[: len(sound)] / gain, np.float32)

    return copy


def _converting(name: str, speaker: str, vocoder: str) -> System:
    models = load_voice_engine(name, "research", engine="torch", vocoder=vocoder)
    engine, embedder = models.voice, load_speaker(speaker).embedder
    known: dict[int, tuple[Sounds, Voice]] = {}  # the sounds too: else an id may come again

    def voice(heard: Sounds) -> Voice:
        if id(heard) not in known:
            known[id(heard)] = heard, describe(heard, embedder)
        return known[id(heard)][1]

    def make(trial: Trial) -> Floats:
        target = voice(trial.heard)
        source = engine.listen([trial.sound])
        return np.concatenate(list(convert(engine, [trial.sound], source, target, Shifts())))

    return System(name, make, about=_about([name, vocoder], models.loaded))


def _about(given: Iterable[str], models: Iterable[weights.LoadedModel]) -> dict[str, object]:
    """Hashes and parameters; weights that were ``given`` by their file are read from there."""
    found = {model.name: model.sha256 for model in models}
    paths = {Path(path).stem: path for path in given if path.endswith(".safetensors")}
    count = parameter_count(weights.read(paths.get(name, name)).network for name in found)
    return {"weights": found, "parameters": count}
