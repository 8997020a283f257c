"""More parsers of ours: casts, scores, keys, benchmarks, results of earlier scans."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from parser_targets import file, folder

from avsynth.errors import InputError


def cast(data: bytes) -> None:
    """A cast file."""
    from avsynth.pipelines.options import Cast

    assert Cast.load(file(data, "cast.json"))


def scan_lines(data: bytes) -> None:
    """Results of an earlier scan: read, gone on with, listed in an index."""
    from detectors.report import html
    from detectors.report import json as lines
    from detectors.resume import Earlier, read_lines

    path = file(data, "scan.jsonl")
    with contextlib.suppress(InputError):
        Earlier(file(data, "resumed.jsonl"), "f")
    found = [lines.read(line) for line in read_lines(path)]
    html.write_index(found, folder())
    for verdict in found:
        html.page_name(verdict)


def scores(data: bytes) -> None:
    """Anyone's score file."""
    from detectors.metrics.score_files import read_asv, read_scores, to_ratios

    path = file(data, "scores.txt")
    with contextlib.suppress(InputError):
        read_asv(path)
    found = read_scores(path)
    assert found.scores and all(v is None or abs(v) < 1e301 for v in found.scores.values())
    with contextlib.suppress(ValueError):
        to_ratios(found.scores, "synthetic", True)


def key(data: bytes) -> None:
    """Anyone's key."""
    from detectors.metrics.key_files import read_key

    found = read_key(file(data, "key.txt"))
    assert found.trials and len({trial.file for trial in found.trials}) == len(found.trials)


def results(data: bytes) -> None:
    """A result file and the scores beside it, which are held against a hash that is right."""
    import hashlib

    from detectors.metrics.results import read_results

    head, _, rows = data.partition(b"\n\n")
    beside = file(rows, "r.scores.csv")
    digest = hashlib.sha256(beside.read_bytes()).hexdigest().encode()
    read_results(file(head.replace(b"HASH", digest), "r.json"))


def earlier_rows(data: bytes) -> None:
    """What earlier benchmarks and audits have kept: whatever is no row is passed over."""
    from detectors.audit.gather import _cached
    from detectors.benchmark.rows import read_rows

    path = file(data, "rows.jsonl")
    list(read_rows(path))
    _cached(path, faces=False)


_PLACES = {
    "folder": "manifest.csv", "celeb-df-v2": "List_of_testing_videos.txt",
    "fakeavceleb": "meta_data.csv", "av-deepfake1m": "val_metadata.json",
    "asvspoof2021-df": "trial_metadata.txt", "asvspoof5": "ASVspoof5.eval.track_1.tsv",
}  # fmt: skip


def protocol(data: bytes) -> None:
    """A benchmark's own list; the first word says which. Nothing outside its folder is named."""
    from detectors.protocols.registry import read_protocol

    word, _, rest = data.partition(b"\n")
    names = list(_PLACES)
    name = names[word[0] % len(names)] if word else names[0]
    root = folder() / "data"
    shutil.rmtree(root, ignore_errors=True)
    for inner in ("flac", "flac_E", "Celeb-real"):
        (root / inner).mkdir(parents=True)
    path = root / _PLACES[name]
    path.write_bytes(rest)
    found = read_protocol(name, root)
    assert len(found.sha256) == 64
    for trial in found.trials:
        assert ".." not in Path(trial.path).parts and not Path(trial.path).is_absolute()
        with contextlib.suppress(InputError):
            found.file(trial)


def pairs(data: bytes) -> None:
    """The splits of FaceForensics++."""
    from detectors.protocols.face_forensics import _pairs

    _pairs(file(data, "test.json"))
