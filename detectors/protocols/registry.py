"""Every protocol by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from avsynth.errors import InputError, UsageError
from detectors.protocols.asvspoof import (
    asvspoof_5,
    asvspoof_2019_la,
    asvspoof_2021_df,
    asvspoof_2021_la,
)
from detectors.protocols.av_deepfake import av_deepfake
from detectors.protocols.celeb_df import celeb_df
from detectors.protocols.face_forensics import deep_fake_detection, face_forensics
from detectors.protocols.fake_av_celeb import fake_av_celeb
from detectors.protocols.folder import folder
from detectors.protocols.trials import Protocol

#: Name -> what reads its folder.
PROTOCOLS: dict[str, Callable[[Path], Protocol]] = {
    **{f"ffpp-{c}": partial(face_forensics, compression=c) for c in ("c0", "c23", "c40")},
    **{f"dfd-{c}": partial(deep_fake_detection, compression=c) for c in ("c0", "c23", "c40")},
    "celeb-df-v2": celeb_df,
    "fakeavceleb": fake_av_celeb,
    "av-deepfake1m": av_deepfake,
    "asvspoof2019-la": asvspoof_2019_la,
    "asvspoof2021-la": asvspoof_2021_la,
    "asvspoof2021-df": asvspoof_2021_df,
    "asvspoof5": asvspoof_5,
    "folder": folder,
}


def read_protocol(name: str, data: Path) -> Protocol:
    """The trials of a benchmark in a local folder (for ``folder``: or its list), checked.

    Raises:
        UsageError: no protocol of that name.
        InputError: the folder is missing, or not laid out as the benchmark is, or its splits
            overlap.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    if not data.is_dir() and not (name == "folder" and data.is_file()):
        raise InputError("no such folder", data)
    return PROTOCOLS[name](data)
