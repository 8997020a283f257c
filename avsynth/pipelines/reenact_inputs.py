"""What a reenactment works on, checked and authorised before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import ConsentError, InputError, UsageError
from avsynth.media import MediaInfo, probe, sha256_file
from avsynth.media.still import is_still
from avsynth.pipelines.inputs import (
    CONTAINERS,
    check_outputs,
    check_preview,
    report_path,
)
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials
from avsynth.provenance.consent import Authorisation
from avsynth.reporting import FileHash
from avsynth.weights.head_motions import MotionFile, is_motion_file, read_motion
from avsynth.weights.subject import consent_record


@dataclass(frozen=True)
class ReenactInputs:
    """Files, checked and hashed.

    Attributes:
        source: the picture or film whose person is to move; ``source_info`` is None for a picture.
        driver: the film or motion file; ``driver_info`` of the film, ``motion`` of the file.
        hashes: of both.
    """

    source: Path
    source_info: MediaInfo | None
    driver: Path
    driver_info: MediaInfo | None
    motion: MotionFile | None
    hashes: dict[Path, str]

    @property
    def report(self) -> list[FileHash]:
        """For the report."""
        return [FileHash(path=str(path), sha256=value) for path, value in self.hashes.items()]


@dataclass(frozen=True)
class Allowed:
    """What the records say: of the person in the source, and of the driver's motion."""

    source: Authorisation
    driver: Authorisation

    @property
    def commercial(self) -> bool:
        """Whether either is for a commercial purpose."""
        return self.source.commercial or self.driver.commercial

    @property
    def label(self) -> bool:
        """Whether either asks for the visible label."""
        return self.source.label is not None or self.driver.label is not None

    @property
    def unchecked(self) -> list[str]:
        """What could not be checked, in plain words."""
        each = {"source": self.source, "driver": self.driver}
        return [f"{who}: {a.reasons[0]}" for who, a in each.items() if a.identity == "not checked"]

    def as_dict(self) -> dict[str, object]:
        """For the report: the source's, and the driver's beside it."""
        return {**self.source.as_dict(), "driver": self.driver.as_dict()}


def check_inputs(
    source: Path, driver: Path, records: list[Path], output: Path, preview: Path | None,
    options: ReenactOptions,
) -> ReenactInputs:  # fmt: skip
    """Refuse all that can be refused without work; hash the rest.

    Raises:
        UsageError: unknown container, an output that would overwrite an input, or options that
            ask for what the files do not have.
        InputError, WeightsError: a file that cannot be read, or has no picture.
        ResourceError: an output that cannot be written.
    """
    if output.suffix.lower() not in CONTAINERS:
        raise UsageError("the output's kind is not known", output, "use " + ", ".join(CONTAINERS))
    made = [output, report_path(output), *([preview] if preview is not None else [])]
    check_outputs(made, [source, driver, *records])
    if preview is not None and preview.absolute() in {path.absolute() for path in made[:2]}:
        raise UsageError("the preview would overwrite the output", preview)
    if preview is not None:
        check_preview(preview)
    hashes = {source: sha256_file(source)}
    still = is_still(source)
    if still and options.source_at is not None:
        raise UsageError("--source-at goes with a film, and the source is a picture", source)
    source_info = None if still else _film(source)
    motion = read_motion(driver) if is_motion_file(driver) else None
    driver_info = None if motion is not None else _film(driver)
    if options.audio == "keep" and (driver_info is None or not driver_info.audio):
        raise UsageError("has no sound for --audio keep", driver)
    hashes[driver] = sha256_file(driver) if motion is None else motion.sha256
    return ReenactInputs(source, source_info, driver, driver_info, motion, hashes)


def _film(path: Path) -> MediaInfo:
    info = probe(path)
    if info.video is None:
        raise InputError("holds no picture", path)
    return info


def authorise(
    inputs: ReenactInputs, consent: Path, driver_consent: Path, options: ReenactOptions
) -> Allowed:
    """Ask the records whether they allow it, both for the face.

    Raises:
        ConsentError: one of them does not.
        InvalidCredentialsError: a film was changed after it was signed.
    """
    purpose, language = options.purpose, options.language
    source = consents.authorise(consent, inputs.source, "face", purpose, language=language)
    driver = authorise_driver(inputs.driver, inputs.motion, driver_consent, purpose, language)
    credentials.refuse_tampered(inputs.source)
    if inputs.motion is None:
        credentials.refuse_tampered(inputs.driver)
    return Allowed(source, driver)


def authorise_driver(
    path: Path, motion: MotionFile | None, consent: Path, purpose: str | None, language: str | None
) -> Authorisation:
    """Ask for a driver's motion; a stored one belongs to the record it was extracted under.

    Raises:
        ConsentError: the record does not allow it.
    """
    try:
        return consents.authorise(
            consent, path, "face", purpose, language=language,
            made_under=None if motion is None else consent_record(motion.metadata),
        )  # fmt: skip
    except ConsentError as error:
        hint = error.hint or "the driver's motion needs consent too: --driver-consent"
        raise ConsentError(f"driver: {error.what}", error.path or path, hint) from error
