"""Imagine: a voice that belongs to nobody, with the record that says so.

The voice is drawn from the distribution of the training speakers' voices (``models/voice_space``).
Only the speaker's side is drawn: what is said, and how, comes from whoever's speech is converted
to it, so there is nothing to draw in a converter's latent space.
"""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import avsynth
from avsynth.errors import UsageError, WeightsError
from avsynth.media import atomic_output
from avsynth.models.voice_print import Voice
from avsynth.models.voice_space import VoiceSpaceConfig, draws
from avsynth.pipelines.enroll import check_voice_output
from avsynth.pipelines.inputs import check_outputs, report_path
from avsynth.pipelines.voice_report import ImaginedFigures, VoiceReport, figures
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest
from avsynth.reporting import FileHash, Weights
from avsynth.weights.registry import LoadedModel, load
from avsynth.weights.voices import write_voice

SPACE = "voice-space-small"
MOST_DRAWS = 20_000
_SEMITONE = math.log(2) / 12
_PURPOSES = ("research", "commercial")


@dataclass(frozen=True)
class Imagined:
    """A voice that was drawn, and how: see ``ImaginedFigures``."""

    voice: Voice
    seed: int
    draws: int
    too_near: int
    distance: float
    threshold: float
    measure: str
    compared: int

    @property
    def told(self) -> dict[str, Any]:
        """All but the voice, JSON-ready."""
        return {name: value for name, value in vars(self).items() if name != "voice"}


def imagine(
    output: Path,
    seed: int,
    *,
    pitch: str | None = None,
    min_distance: float | None = None,
    purposes: Sequence[str] = (),
    record: Path | None = None,
    space: str = SPACE,
) -> VoiceReport:
    """Draw a voice of nobody; write ``output``, its consent record and ``OUTPUT.report.json``.

    Args:
        output: a .safetensors file, for ``convert --to`` and ``dub --voice-from``.
        seed: equal seeds and options give equal voices.
        pitch: "low", "middle" or "high" (a third of the training speakers each), or Hz.
        min_distance: how far the nearest training speaker must be; not below the least that the
            weights demand, which is the default.
        purposes: of the record; default research and commercial use.
        record: where the synthetic record goes, signed with this machine's key, which covers
            ``output``; default ``OUTPUT.consent.json``.
        space: weights of the distribution, by name or path.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name. UsageError where no draw is far enough and of that pitch.
    """
    began = time.monotonic()
    record = record or output.with_name(output.name + ".consent.json")
    check_voice_output(output, [])
    check_outputs([record], [])
    if record.absolute() in (output.absolute(), report_path(output).absolute()):
        raise UsageError("the consent record would overwrite another output", record)
    model = load(space, "torch")
    found = draw(model, seed, pitch, min_distance)
    metadata = {
        "name": output.stem,
        "purpose": model.purpose,
        "licence": model.metadata["licence"],
        "imagined": {**found.told, "space": {"name": model.name, "sha256": model.sha256}},
    }
    with atomic_output(output) as path:
        sha256 = write_voice(path, found.voice, metadata)
    try:
        signed = _certify(output, found, purposes or _PURPOSES, record)
    except BaseException:
        output.unlink()  # without its record it could not be used
        raise
    named = Weights(name=model.name, kind=model.kind, sha256=model.sha256, engine=model.engine)
    report = VoiceReport(
        verb="voice imagine",
        avsynth_version=avsynth.__version__,
        output=FileHash(path=str(output), sha256=sha256),
        inputs=[],
        weights=[named],
        settings={"seed": seed, "pitch": pitch, "min_distance": min_distance},
        consent=[],
        voice=figures(found.voice),
        imagined=ImaginedFigures(**found.told, record=signed),
        seconds=round(time.monotonic() - began, 3),
        notes=_notes(found),
    )
    with atomic_output(report_path(output)) as path:
        report.write(path)
    return report


def _certify(output: Path, found: Imagined, purposes: Sequence[str], record: Path) -> FileHash:
    """The signed record which says that the voice in ``output`` is nobody's."""
    nearest = Nearest(
        distance=found.distance, threshold=found.threshold, measure=found.measure,
        compared=found.compared,
    )  # fmt: skip
    name = f"imagined voice, seed {found.seed}"
    made = consents.new_synthetic(name, [output], nearest, purposes)
    saved = consents.save(consents.sign(made), record)
    return FileHash(path=str(record), sha256=saved.sha256)


def draw(
    model: LoadedModel, seed: int, pitch: str | None = None, min_distance: float | None = None
) -> Imagined:
    """The first voice of ``seed`` that has the pitch and is far enough from every speaker.

    Args:
        model: weights of kind "voice-space".
        seed: 0 to 2^63 - 1.
        pitch, min_distance: as ``imagine`` has them.

    Raises:
        UsageError: a value outside its range, or no such voice among ``MOST_DRAWS``.
        WeightsError: weights of another kind.
    """
    if not isinstance(model.config, VoiceSpaceConfig):
        raise WeightsError(f"weights of kind {model.kind!r}, not of a space of voices", model.name)
    if not 0 <= seed < 2**63:
        raise UsageError("--seed must be 0 or more")
    least = float(model.metadata["threshold"])
    wanted = least if min_distance is None else min_distance
    if not least <= wanted <= 2.0:
        raise UsageError(f"--min-distance must be {least:.2f} to 2: nearer, it would be somebody")
    low, high, exact = _pitch_range(pitch, [float(hz) for hz in model.metadata["pitch_thirds"]])
    others = model.extras["speakers"].float().numpy()
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    encoder = str(model.metadata["speaker"]["sha256"])
    too_near, farthest = 0, 0.0
    voices = draws(model, model.config, seed, encoder)
    for number, voice in zip(range(1, MOST_DRAWS + 1), voices, strict=False):
        if not low <= voice.pitch.mean <= high:
            continue
        # Of unit vectors the square of the distance is 2 - 2 cosine.
        nearest = float(np.einsum("nd,d->n", others, voice.embedding).max())
        distance = round(math.sqrt(max(2 - 2 * nearest, 0.0)), 4)
        farthest = max(farthest, distance)
        if distance <= wanted:
            too_near += 1
            continue
        if exact is not None:
            voice = dataclasses.replace(voice, pitch=voice.pitch._replace(mean=exact))
        measure = str(model.metadata["measure"])
        return Imagined(
            voice, seed, number, too_near, distance, wanted, measure, len(others)
        )  # fmt: skip
    if not too_near:
        raise UsageError(f"none of {MOST_DRAWS} voices has a pitch of {pitch} Hz")
    raise UsageError(
        f"none of {MOST_DRAWS} voices is farther than {wanted:.2f} from everybody; the farthest is "
        f"{farthest:.2f}",
        hint="a smaller --min-distance",
    )


def _pitch_range(pitch: str | None, thirds: Sequence[float]) -> tuple[float, float, float | None]:
    """Least and largest log Hz that a draw may have, and what it is then set to."""
    lower, upper = (math.log(hz) for hz in thirds)
    ranges = {
        None: (-math.inf, math.inf), "low": (-math.inf, lower), "middle": (lower, upper),
        "high": (upper, math.inf),
    }  # fmt: skip
    word = pitch if pitch is None else pitch.strip().lower()
    if word in ranges:
        return (*ranges[word], None)
    number = re.fullmatch(r"(\d{2,3}(?:\.\d+)?)(?: ?hz)?", word or "")
    if number is None or not 40.0 <= float(number[1]) <= 600.0:
        raise UsageError(f"--pitch: {pitch!r} is none of low, middle, high, or Hz (40 to 600)")
    exact = math.log(float(number[1]))
    return exact - _SEMITONE, exact + _SEMITONE, exact


def _notes(found: Imagined) -> list[str]:
    if not found.too_near:
        return []
    return [f"{found.too_near} draw(s) before it were too near to a training speaker"]
