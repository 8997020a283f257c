"""ASVspoof 2019 and 2021 logical access, 2021 deepfake, and ASVspoof 5 (track 1).

Their score files are customarily higher for bona fide speech. A line is found by its key
(``bonafide`` or ``spoof``) at a fixed place; the layouts are those of the organisers' README files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative, the_file, the_folder
from detectors.protocols.trials import Protocol, Trial, checked

_KEYS = {"bonafide": False, "spoof": True}


@dataclass(frozen=True, slots=True)
class _Columns:
    """Places in a line: speaker, file, attack, key; where given corpus and subset too."""

    speaker: int
    file: int
    attack: int
    key: int
    corpus: int | None = None
    subset: int | None = None


_2019 = _Columns(0, 1, 3, 4)
_2021_LA = _Columns(0, 1, 4, 5, subset=7)
_2021_DF = _Columns(0, 1, 4, 5, corpus=3, subset=7)
_5 = _Columns(0, 1, 7, 8)
_5_FIRST = _Columns(0, 1, 3, 4)  # of the first release of train and dev


def asvspoof_2019_la(root: Path) -> Protocol:
    """Train, dev and eval (as ``test``) of ASVspoof 2019 LA."""
    layout = "ASVspoof2019_LA_cm_protocols/*.txt, ASVspoof2019_LA_eval/flac/LA_E_1000147.flac"
    base = root / "LA" if (root / "LA").is_dir() else root
    trials: list[Trial] = []
    for part, split in (("train", "train"), ("dev", "dev"), ("eval", "test")):
        lists = [f"ASVspoof2019.LA.cm.{part}.{end}.txt" for end in ("trl", "trn")]
        listing = the_file(base / "ASVspoof2019_LA_cm_protocols", lists, layout)
        folder = base / f"ASVspoof2019_LA_{part}" / "flac"
        trials += _trials("asvspoof2019-la", root, listing, folder, split, _2019)
    return _protocol("asvspoof2019-la", root, trials)


def asvspoof_2021_la(root: Path) -> Protocol:
    """Progress, eval (as ``test``) and hidden phases of ASVspoof 2021 LA."""
    return _2021(root, "LA", _2021_LA)


def asvspoof_2021_df(root: Path) -> Protocol:
    """Progress, eval (as ``test``) and hidden phases of ASVspoof 2021 DF."""
    return _2021(root, "DF", _2021_DF)


def asvspoof_5(root: Path) -> Protocol:
    """Train, dev and eval (as ``test``) of ASVspoof 5, track 1; the splits that are there."""
    layout = "ASVspoof5_protocols/ASVspoof5.eval.track_1.tsv, flac_E_eval/E_0000000001.flac"
    trials: list[Trial] = []
    for part, split, folders in (
        ("train", "train", ("flac_T",)),
        ("dev.track_1", "dev", ("flac_D",)),
        ("eval.track_1", "test", ("flac_E_eval", "flac_E")),
    ):
        plain = part.split(".")[0]
        names = [
            f"{at}{name}"
            for at in ("", "ASVspoof5_protocols/", "protocols/")
            for name in (f"ASVspoof5.{part}.tsv", f"ASVspoof5.{plain}.metadata.txt")
        ]
        try:
            listing = the_file(root, names, layout)
        except InputError:
            continue  # such as eval, which most do not keep
        folder = the_folder(root, folders, layout)
        trials += _trials("asvspoof5", root, listing, folder, split, _5)
    if not trials:
        raise InputError("no protocol is there", root, f"expected: {layout}")
    return _protocol("asvspoof5", root, trials)


def _2021(root: Path, track: str, columns: _Columns) -> Protocol:
    name = f"asvspoof2021-{track.lower()}"
    layout = (
        f"keys/{track}/CM/trial_metadata.txt, ASVspoof2021_{track}_eval/flac/{track}_E_1000001.flac"
    )
    places = (f"keys/{track}/CM", f"{track}-keys-full/keys/{track}/CM", f"{track}/CM", ".")
    lists = [f"{place}/trial_metadata.txt" for place in places]
    folder = the_folder(root, (f"ASVspoof2021_{track}_eval/flac", "flac"), layout)
    trials = list(_trials(name, root, the_file(root, lists, layout), folder, "test", columns))
    return _protocol(name, root, trials)


def _trials(
    name: str, root: Path, listing: Path, folder: Path, split: str, columns: _Columns
) -> Iterator[Trial]:
    base = folder.relative_to(root).as_posix()
    for number, line in enumerate(read_text(listing).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = _5_FIRST if columns is _5 and len(words) == 5 else columns
        if len(words) <= max(where.key, where.subset or 0) or words[where.key] not in _KEYS:
            raise InputError(f"line {number} has no bonafide or spoof where it should", listing)
        synthetic = _KEYS[words[where.key]]
        subset = words[where.subset] if where.subset is not None else ""
        attack = words[where.attack] if synthetic else ""
        file = words[where.file]
        yield Trial(
            f"{name}/{attack or 'bonafide'}/{file}", relative(f"{base}/{file}.flac"), synthetic,
            attack, words[where.speaker],
            subset if subset in ("progress", "hidden") else split,
            words[where.corpus] if where.corpus is not None else "",
        )  # fmt: skip


def _protocol(name: str, root: Path, trials: list[Trial]) -> Protocol:
    return checked(Protocol(name, root, tuple(trials), True, higher_is="bona-fide"))
