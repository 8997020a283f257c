"""What is said of a conversion: in the report, and in the credentials."""

from __future__ import annotations

import math
from typing import Any

from avsynth.pipelines.convert_finish import PEAK_DB, Finished
from avsynth.pipelines.convert_inputs import ConvertInputs, ConvertOptions
from avsynth.pipelines.voice_target import Target
from avsynth.provenance import vocabulary
from avsynth.provenance.credentials import Action, Signed
from avsynth.reporting import SoundReport
from avsynth.speech.loudness import decibels
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.weights.voice_engines import ConversionModels

_LOUDNESS_OFF = 0.5  # LU from which on it is told


def actions(models: ConversionModels, target: Target, options: ConvertOptions) -> list[Action]:
    """What was done, for the credentials."""
    # WORLD is no trained model, and what it makes is no recording.
    kind = vocabulary.COMPOSITE if models.loaded else vocabulary.IPTC + "compositeSynthetic"
    whose = "one of nobody" if target.voice.synthetic else "another"
    research = "; research output" if is_research(models, target) else ""
    words = f"the voice was changed to {whose} by {models.voice.name}{research}"
    shifts = {"pitch_semitones": options.pitch, "formant_semitones": options.formant}
    return [Action("c2pa.edited", words, kind, shifts)]


def is_research(models: ConversionModels, target: Target) -> bool:
    """Whether the output may serve research alone."""
    return any(a.label is not None for a in target.allowed) or any(
        model.purpose == "research" for model in models.loaded
    )


def consent_report(target: Target) -> dict[str, Any]:
    """The record's answer for the first file of the target, and for each by hash."""
    return target.allowed[0].as_dict() | {
        "files": [
            {"sha256": a.media_sha256, "identity": a.identity, "reasons": list(a.reasons)}
            for a in target.allowed
        ]
    }


def sound_report(
    inputs: ConvertInputs,
    models: ConversionModels,
    target: Target,
    finished: Finished,
    speech_seconds: float,
    pitch: PitchStatistics,
    work_seconds: float,
) -> SoundReport:
    """The figures of the new sound."""
    how = inputs.how
    return SoundReport(
        samples=finished.samples,
        rate=how.rate,
        channels=how.channels,
        codec=how.codec,
        bandwidth_hz=min(models.voice.rate, how.rate, inputs.info.audio[0].rate) // 2,
        speech_seconds=speech_seconds,
        loudness_before=_finite(finished.before),
        loudness_after=_finite(finished.after.loudness),
        true_peak_db=_finite(decibels(finished.after.peak)),
        pitch_before=_hertz(pitch),
        pitch_target=_hertz(target.voice.pitch),
        target_seconds=target.voice.seconds,
        target_spread=target.voice.spread,
        engine=models.voice.name,
        realtime_factor=work_seconds * how.rate / max(finished.samples, 1),
    )


def notes(
    inputs: ConvertInputs,
    models: ConversionModels,
    target: Target,
    finished: Finished,
    signed: Signed,
    output_name: str,
) -> list[str]:
    """What a user should know beside the figures."""
    how, sound = inputs.how, inputs.info.audio[0]
    said = [f"not copied, there is no place for it: {stream}" for stream in finished.dropped]
    said += target.notes
    if is_research(models, target):
        said.append("research output: sound can carry no visible label, the credentials say so")
    if len(inputs.info.audio) > 1:
        said.append(f"the first of {len(inputs.info.audio)} sounds was converted")
    if how.rate != sound.rate:
        said.append(f"{how.codec} cannot hold {sound.rate} Hz: written at {how.rate} Hz")
    if min(how.rate, sound.rate) > models.voice.rate:
        said.append(f"the new voice reaches up to {models.voice.rate // 2} Hz")
    if finished.after.samples > finished.samples:
        said.append(
            f"{how.codec} has whole frames: decoders that do not heed the container's length give "
            f"{finished.after.samples - finished.samples} samples more"
        )
    gap = finished.after.loudness - finished.before
    if math.isfinite(gap) and abs(gap) > _LOUDNESS_OFF:
        said.append(f"{gap:+.1f} LU from the source's loudness, to keep peaks below {PEAK_DB} dB")
    if signed.sidecar is not None:
        said.append(f"the credentials lie beside the file: {output_name}.c2pa")
    return said


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _hertz(pitch: PitchStatistics) -> float:
    return math.exp(pitch.mean) if pitch.voiced else 0.0
