"""The voice of a dub: the new speech in the timbre of the film's own speaker, or of another voice.

The mouths follow the speech as it was given, which is clearer; what is heard is the conversion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from avsynth.cluster.connection import Cluster
from avsynth.errors import ConsentError, NothingToDoError, UsageError
from avsynth.media import MediaInfo, probe
from avsynth.models.voice_engine import Shifts
from avsynth.pipelines.convert_report import is_research
from avsynth.pipelines.convert_sound import convert_to, hear
from avsynth.pipelines.convert_work import remade
from avsynth.pipelines.inputs import Cast
from avsynth.pipelines.job import Job
from avsynth.pipelines.networks import device
from avsynth.pipelines.options import ORIGINAL, DubOptions
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.speech import Speech
from avsynth.pipelines.voice_target import Target, find_target
from avsynth.provenance import vocabulary
from avsynth.provenance.credentials import Action
from avsynth.reporting import NewVoice
from avsynth.weights.voice_engines import ConversionModels, load_voice_engine

_MADE = "voice.f32"


@dataclass(frozen=True)
class DubVoice:
    """Whose voice the new speech is given, and what gives it."""

    source: str
    target: Target
    models: ConversionModels

    @property
    def research(self) -> bool:
        """Whether what it makes is for research alone."""
        return is_research(self.models, self.target)

    @property
    def fingerprint(self) -> list[object]:
        """All that the converted speech depends on beside the speech; JSON-ready."""
        return [
            list(self.target.files.values()),
            self.target.allowed[0].record_sha256,
            self.models.voice.name,
            [[model.sha256, model.engine] for model in self.models.loaded],
        ]

    @property
    def action(self) -> Action:
        """For the credentials."""
        # WORLD is no trained model, and what it makes is no recording.
        trained = bool(self.models.loaded)
        kind = vocabulary.COMPOSITE if trained else vocabulary.IPTC + "compositeSynthetic"
        whose = {True: "nobody", False: "another recording"}[self.target.voice.synthetic]
        whose = "the film's own speaker" if self.source == ORIGINAL else whose
        words = f"the new speech was given the voice of {whose} by {self.models.voice.name}"
        record = self.target.allowed[0].record_sha256
        return Action("c2pa.edited", words, kind, {"voice_consent_sha256": record})

    @property
    def report(self) -> NewVoice:
        """For the report."""
        voice = self.target.voice
        return NewVoice(
            source=self.source,
            engine=self.models.voice.name,
            pitch=round(math.exp(voice.pitch.mean), 1),
            seconds=round(voice.seconds, 2),
            spread=round(voice.spread, 4),
            synthetic=voice.synthetic,
            consent=self.target.allowed[0].as_dict(),
        )


def voice_files(options: DubOptions) -> list[Path]:
    """The files that are read for the voice alone: what it is taken from, and its consent."""
    given = [options.voice_from, options.voice_consent]
    return [Path(path) for path in given if path not in (None, ORIGINAL)]


def refuse_many(cast: Cast, info: MediaInfo, options: DubOptions) -> None:
    """UsageError: a voice for several faces, or that of a film without sound."""
    if options.voice_from is None:
        return
    faces = [face.strip().lower() for face, _ in cast]
    if len(faces) > 1 or faces == ["all"]:
        raise UsageError("--voice-from gives one face one voice: not with --cast or --face all")
    if options.voice_from == ORIGINAL and not info.audio:
        raise UsageError(
            "has no sound from which a voice could be taken", info.path, "--voice-from REF"
        )


def find_voice(
    video: Path, options: DubOptions, consent: Path, commercial: bool
) -> DubVoice | None:
    """The voice that the options name, if its consent allows to make it; None: none is named.

    Args:
        video: the film.
        options: name the voice and, where it is not the film's, its consent.
        consent: the film's.
        commercial: whether the work is, which excludes research weights.

    Raises:
        ConsentError: it does not, or the engine is for research alone and the work is not.
        AvsynthError: as ``find_target`` and ``load_voice_engine`` have them.
    """
    if options.voice_from is None:
        return None
    given = video if options.voice_from == ORIGINAL else Path(options.voice_from)
    record = consent if options.voice_consent is None else Path(options.voice_consent)
    target = find_target([given], record, options.purpose, options.language)
    commercial |= target.allowed[0].commercial
    models = load_voice_engine(
        options.voice_weights, "commercial" if commercial else "research",
        options.engine, device(options),
    )  # fmt: skip
    for model in models.loaded:
        if commercial and model.purpose == "research":
            raise ConsentError(
                f"the consent is for commercial work, which excludes {model.name}",
                hint="name other --voice-weights",
            )
    return DubVoice(options.voice_from, target, models)


def convert_speech(
    voice: DubVoice, speech: Speech, job: Job, steps: Progress, cluster: Cluster | None = None
) -> Speech:
    """The same speech, to be heard in the voice; as it was where nobody speaks in it."""
    engine = voice.models.voice
    if not job.done(_MADE):
        info = probe(speech.path)
        try:
            heard = hear(speech.path, info, engine, steps)
        except NothingToDoError:
            return speech
        with job.finishing(_MADE) as path:
            remake = remade(voice.models, voice.target.voice, Shifts(), cluster)
            convert_to(path, speech.path, info, heard, engine, remake, steps)
    return replace(speech, made=job.path(_MADE), made_rate=engine.rate)
