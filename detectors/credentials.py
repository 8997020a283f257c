"""Content Credentials as evidence of their own kind: what the file says of its own making.

A statement, not a measurement. Who signs that a model made a file is believed as far as the
signature is; a camera's trusted signature speaks for a recording. Files without credentials, or
whose credentials do not hold, are told of in words and get no score: a missing mark is never
evidence of authenticity, nor a broken one of synthesis.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from avsynth.errors import InputError
from avsynth.media import AudioChunk, MediaInfo
from avsynth.provenance.report import CredentialReport, IngredientSeen
from avsynth.provenance.vocabulary import CAPTURE_TYPES
from detectors.base import Evidence, Subject, abstention
from detectors.looks import Burst

#: Log-likelihood ratios by convention; there is nothing they could be fitted on. One file in
#: 10,000 that a trusted signer calls synthetic is taken not to be, one in 20 where anyone could
#: have signed (to discredit a recording, say); one in 20 that a trusted camera signs is synthetic.
SIGNED_SYNTHETIC: Final = float(np.log(10_000))
CLAIMED_SYNTHETIC: Final = float(np.log(20))
SIGNED_CAPTURE: Final = -float(np.log(20))


class CredentialsDetector:
    """Reads the credentials of the file itself when it is asked for what it found."""

    name = "credentials"
    subject: Subject = "file"

    def __init__(self) -> None:
        self._path = ""
        #: What was read of the last file; None when it cannot carry credentials.
        self.report: CredentialReport | None = None

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._path, self.report = info.path, None

    def update_faces(self, burst: Burst) -> None:
        """Credentials are not in the picture."""

    def update_audio(self, chunk: AudioChunk) -> None:
        """Nor in the sound."""

    def finish(self) -> Evidence:
        """See ``Detector``."""
        from pathlib import Path

        from avsynth.provenance.reading import read

        try:
            self.report = read(Path(self._path))
        except InputError as error:
            return abstention(self.name, self.subject, error.what)
        return judge(self.report)


def judge(report: CredentialReport) -> Evidence:
    """What a report on credentials is worth as evidence."""
    if report.state == "none":
        return abstention(
            "credentials", "file", "no credentials: that speaks neither for nor against it"
        )
    notes = tuple(_ingredient(seen) for top in report.ingredients for seen in top.walk())
    if report.state == "invalid" or report.tampered_ingredients:
        why = "; ".join(report.problems) or "they do not hold"
        return Evidence(
            "credentials", None, np.zeros(0), np.zeros(0, np.float32), notes=notes,
            abstained=f"credentials that do not hold prove nothing either way: {why}",
        )  # fmt: skip
    score, word = _weighed(report)
    if score is None:
        return Evidence(
            "credentials", None, np.zeros(0), np.zeros(0, np.float32), notes=notes, abstained=word
        )
    return Evidence(
        "credentials", score, np.zeros(0), np.zeros(0, np.float32), seen=1.0, notes=(word, *notes)
    )


def _weighed(report: CredentialReport) -> tuple[float | None, str]:
    """The score, or None, and the reason for it."""
    signer = report.signed_by or report.claimed_by or "an unnamed signer"
    trusted = report.state == "trusted"
    if report.synthetic:
        if trusted:
            return SIGNED_SYNTHETIC, f"signed by {signer}: a model made it, or a part of it"
        return CLAIMED_SYNTHETIC, (
            f"it says that a model made it, or a part of it; {signer} cannot be checked"
        )
    if trusted and any(action.source_type in CAPTURE_TYPES for action in report.actions):
        return SIGNED_CAPTURE, f"signed by {signer} as captured by a camera or a microphone"
    return None, f"credentials by {signer} that do not say how it was made"


def _ingredient(seen: IngredientSeen) -> str:
    problems = f" ({'; '.join(seen.problems)})" if seen.problems else ""
    says = "says" if seen.synthetic else "does not say"
    state = "without credentials" if seen.state == "none" else f"with {seen.state} credentials"
    return f"made from {seen.title!r}, {state}{problems}; it {says} that a model made any of it"
