"""FakeAVCeleb v1.2 (Khalid et al., 2021): real and fake faces and voices of 500 people."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative, the_file
from detectors.protocols.trials import Protocol, Trial, checked, hashed_split

#: Category -> its usual short name.
CATEGORIES = {
    "RealVideo-RealAudio": "RVRA", "RealVideo-FakeAudio": "RVFA",
    "FakeVideo-RealAudio": "FVRA", "FakeVideo-FakeAudio": "FVFA",
}  # fmt: skip
SHARES = {"train": 0.6, "val": 0.1, "test": 0.3}
_LAYOUT = "meta_data.csv, RealVideo-RealAudio/African/men/id00076/00109.mp4 and so on"


def fake_av_celeb(root: Path) -> Protocol:
    """Every file of ``meta_data.csv``; the authors give no split: ours is by person, hashed.

    A group is category and method, such as ``FVFA-faceswap-wav2lip``. Only the person whose film it
    is decides on the split; the face or voice that was put in may be of another.
    """
    listing = the_file(root, ("meta_data.csv",), _LAYOUT)
    rows = list(csv.reader(io.StringIO(read_text(listing), newline="")))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if not {"source", "method", "type"} <= set(header):
        raise InputError("not the meta_data.csv of FakeAVCeleb", listing)
    prefix = "FakeAVCeleb/" if (root / "FakeAVCeleb").is_dir() else ""
    trials: dict[str, Trial] = {}
    again = 0
    for number, row in enumerate(rows[1:], 2):
        if row:
            trial = _trial(row, header, prefix, listing, number)
            again += trial.path in trials
            trials.setdefault(trial.path, trial)
    notes = [f"no official split: by person, hashed, {SHARES}"]
    if again:
        notes.append(f"{again} lines of meta_data.csv name a file again and were passed over")
    found = Protocol("fakeavceleb", root, tuple(trials.values()), False, notes=tuple(notes))
    return checked(found)


def _trial(row: list[str], header: list[str], prefix: str, listing: Path, number: int) -> Trial:
    of = dict(zip(header, (value.strip() for value in row), strict=False))
    if not {"source", "method", "type"} <= of.keys():
        raise InputError(f"line {number} has too few columns", listing)
    kind = CATEGORIES.get(of["type"])
    file = next((value.strip() for value in row if value.strip().endswith(".mp4")), "")
    # The folder stands in a column that the header has forgotten.
    folder = next((v.strip() for v in row if f"{of['type']}/" in v), "")
    if kind is None or not file:
        raise InputError(f"line {number} names no category or no film", listing)
    if not folder:
        folder = "/".join((of["type"], of.get("race", ""), of.get("gender", ""), of["source"]))
    path = relative(f"{prefix}{folder.removeprefix('FakeAVCeleb/')}/{Path(file).name}")
    synthetic = kind != "RVRA"
    group = f"{kind}-{of['method']}" if synthetic else ""
    person = of["source"]
    stem = Path(file).stem
    return Trial(
        f"fakeavceleb/{group or kind}/{person}/{stem}", path, synthetic, group, person,
        hashed_split(person, SHARES, "fakeavceleb"), person,
        _original(of, path) if synthetic else "",
    )  # fmt: skip


def _original(of: dict[str, str], path: str) -> str:
    """The person's film that a fake was made from begins its name."""
    return f"fakeavceleb/RVRA/{of['source']}/{Path(path).stem.split('_')[0]}"
