"""Whose voice it is to be: recordings or a stored voice, authorised, described, and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import ConsentError, InputError, NothingToDoError, UsageError
from avsynth.media import probe
from avsynth.media.excerpts import sound_excerpts
from avsynth.models.voice_print import Voice, describe
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.consent import Authorisation
from avsynth.weights.manifest import list_weights
from avsynth.weights.speakers import Speaker, load_speaker
from avsynth.weights.subject import consent_record
from avsynth.weights.voices import is_voice_file, read_voice

RATE = 16_000
LEAST_SPEECH = 3.0  # seconds, with less of which a voice is described badly
_HEARD = 300  # seconds of a file: more says nothing new of a voice
_LEAST_VOICED = 0.15  # of active frames; read speech has about a half


@dataclass(frozen=True)
class Target:
    """A voice that may be used.

    Attributes:
        voice: what converters are told of it.
        allowed: the record's answer for each of ``files``, all of scope "voice".
        files: what was given, with hashes: a stored voice, or recordings.
        notes: warnings for the report, in plain words.
    """

    voice: Voice
    allowed: tuple[Authorisation, ...]
    files: dict[Path, str]
    notes: tuple[str, ...]


def find_target(
    given: Sequence[Path], consent: Path, purpose: str | None = None, language: str | None = None
) -> Target:
    """The voice in ``given``, if the consent record allows to make that voice.

    Args:
        given: one stored voice (.safetensors), or recordings of one person: anything with sound.
        consent: the record; of a person's stored voice the very one it was enrolled under.
        purpose: what the work is for; default all purposes of the record.
        language: of the new speech, where a subject's record limits languages.

    Raises:
        UsageError: nothing, or a stored voice beside other files.
        InputError, WeightsError: a file that cannot be read, holds no sound, or is no voice.
        ConsentError: the record does not allow it.
        InvalidCredentialsError: a recording was changed after it was signed.
        NothingToDoError: the recordings are silent.
    """
    if not given:
        raise UsageError("no voice was given")
    files = list(dict.fromkeys(given))
    stored = [path for path in files if is_voice_file(path)]
    if stored and len(files) > 1:
        raise UsageError("a stored voice stands alone: give it, or recordings", stored[0])
    if stored:
        return _stored(stored[0], consent, purpose, language)
    return _heard(files, consent, purpose, language)


def _stored(path: Path, consent: Path, purpose: str | None, language: str | None) -> Target:
    voice, metadata = read_voice(path)
    if voice.synthetic and consents.load(consent).record.kind == "subject":
        # It could be taken for that person's, where no encoder compares.
        raise ConsentError(
            "a person's record does not cover a voice of nobody", path,
            "use the record that was made with it",
        )  # fmt: skip
    allowed = consents.authorise(
        consent, path, "voice", purpose,
        language=language, made_under=None if voice.synthetic else consent_record(metadata),
    )  # fmt: skip
    return Target(voice, (allowed,), {path: allowed.media_sha256}, tuple(_outdated(voice)))


def _outdated(voice: Voice) -> list[str]:
    shipped = [entry.sha256 for entry in list_weights() if entry.kind == "speaker"]
    if voice.encoder in shipped:
        return []
    return ["the stored voice is of another speaker encoder, which networks may not know: renew it"]


def _heard(
    files: Sequence[Path], consent: Path, purpose: str | None, language: str | None
) -> Target:
    for path in files:
        if not probe(path).audio:
            raise InputError("holds no sound", path)
    allowed = tuple(
        consents.authorise(consent, path, "voice", purpose, language=language) for path in files
    )
    hashes = {path: each.media_sha256 for path, each in zip(files, allowed, strict=True)}
    for path in files:
        credentials.refuse_tampered(path)
    speaker = load_speaker()
    sounds = [sound for path in files for sound in sound_excerpts(path, RATE, _HEARD)]
    try:
        voice = describe(sounds, speaker.embedder)
    except NothingToDoError as error:
        raise NothingToDoError(error.what, files[0]) from error
    unchecked = [each.reasons[0] for each in allowed if each.identity == "not checked"]
    notes = dict.fromkeys([*warnings(voice, speaker), *unchecked])
    return Target(voice, allowed, hashes, tuple(notes))


def warnings(voice: Voice, speaker: Speaker) -> list[str]:
    """What is doubtful about a voice that was heard, in plain words with the measured figures."""
    spread = f"spread {voice.spread:.3f}, one person's is at most {speaker.spread:.3f}"
    notes = []
    if voice.seconds == 0:
        notes.append(f"nobody seems to speak in the reference: it sounds like a noise ({spread})")
    elif voice.seconds < LEAST_SPEECH:
        notes.append(
            f"only {voice.seconds:.1f} s of speech in the reference: {LEAST_SPEECH:.0f} s describe "
            "a voice better"
        )
    if voice.seconds > 0 and voice.pitch.voiced < _LEAST_VOICED:
        notes.append(
            f"only {voice.pitch.voiced:.0%} of the reference is voiced: it is whispered, or a noise"
            f" ({spread})"
        )
    if voice.seconds > 0 and voice.spread > speaker.spread:
        notes.append(f"several people seem to speak in the reference, or a noise does ({spread})")
    return notes
