"""Is the person in this media file the person who consented? By embedding, where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import ConsentError, InputError
from avsynth.media import sha256_file
from avsynth.provenance.records import Scope, SubjectRecord
from avsynth.provenance.text import plain

_NOT_CHECKED = {
    "face": "whether the person in the film is the person of the record was not checked",
    "voice": "whether the voice is that of the person of the record was not checked",
}
_MISSING = {
    "face": "install the extra 'metrics'",
    "voice": "the weights of the speaker encoder are not here",
}


class IdentityEmbedder(Protocol):
    """Turns the faces, or the voices, of a media file into points that lie near for one person.

    Attributes:
        name: for the report.
        scope: "face" or "voice".
    """

    name: str
    scope: Scope

    @property
    def threshold(self) -> float:
        """Euclidean distance above which two points are two persons."""
        ...

    def embed(self, path: Path) -> NDArray[np.float32]:
        """Points (N, D) for samples spread over a file; N is 0 where nobody was found.

        Raises InputError for a file that cannot be read.
        """
        ...


def find_embedders(scope: Scope) -> tuple[IdentityEmbedder, ...]:
    """The embedders of ``scope`` that are installed; loads no model."""
    if scope == "voice":
        # Here, because it loads torch, without which faces can be compared.
        from avsynth.provenance.voice_identity import VoiceIdentity
        from avsynth.weights.speakers import speaker_installed

        return (VoiceIdentity(),) if speaker_installed() else ()
    if find_spec("dlib") is None or find_spec("face_recognition_models") is None:
        return ()
    from avsynth.provenance.dlib_face import DlibFace

    return (DlibFace(),)


def compare(
    record: SubjectRecord,
    sha256: str,
    media: Path | None,
    scope: Scope,
    *,
    beside: Path | None = None,
    references: Sequence[Path] = (),
    embedders: Sequence[IdentityEmbedder] | None = None,
) -> tuple[str, str]:
    """Compare a media file with a subject's reference media.

    Args:
        record: the subject's.
        sha256: of the media file; media: the file, None when only its hash is known.
        scope: what is to be compared.
        beside: path of the record, next to which reference media are looked for by name.
        references: reference media that the caller has.
        embedders: default ``find_embedders(scope)``.

    Returns "listed", "matched" or "not checked", with the reason in plain words.

    Raises:
        ConsentError: another person; or an embedder is there, but nothing to compare with.
        InputError: a file cannot be read.
    """
    if sha256 in {m.sha256 for m in record.references}:
        return "listed", "this file is one of the subject's reference media"
    available = find_embedders(scope) if embedders is None else embedders
    fitting = [e for e in available if e.scope == scope]
    if not fitting:
        return "not checked", f"{_NOT_CHECKED[scope]}: {_MISSING[scope]}"
    if media is None:
        return "not checked", f"{_NOT_CHECKED[scope]}: only the hash of the file was given"
    embedder = fitting[0]
    known = [embedder.embed(path) for path in _references(record, beside, references)]
    points = np.concatenate(known) if known else np.zeros((0, 0), np.float32)
    if not len(points):
        raise ConsentError(
            f"no reference {scope} to compare with was found",
            beside,
            "put the reference media of the record beside it",
        )
    seen = embedder.embed(media)
    if not len(seen):
        raise ConsentError(f"no {scope} was found to compare with the subject's", media)
    # Each sample against its nearest reference; the median tolerates a few bad views.
    distances = np.linalg.norm(seen[:, None] - points[None], axis=2).min(axis=1)
    distance = float(np.median(distances))
    measured = f"{embedder.name} distance {distance:.2f}, limit {embedder.threshold:.2f}"
    if not distance <= embedder.threshold:  # not a number is no match either
        raise ConsentError(
            f"the person is not {plain(record.person, 60)}, who consented ({measured})", media
        )
    return "matched", f"the same person as in the reference media ({measured})"


def _references(record: SubjectRecord, beside: Path | None, given: Sequence[Path]) -> list[Path]:
    """Reference media at hand whose content is what the record names."""
    candidates = list(given)
    if beside is not None:
        # The name comes from a file that nobody vouches for: only its last part counts.
        names = [Path(m.name.replace("\\", "/")).name for m in record.references if m.name]
        candidates += [beside.parent / name for name in names if name]
    wanted = {m.sha256 for m in record.references}
    found = []
    for path in dict.fromkeys(candidates):
        if path in given and not path.is_file():
            raise InputError("no such reference file", path)
        if path.is_file() and sha256_file(path) in wanted:
            found.append(path)
    return found
