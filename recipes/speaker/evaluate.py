"""The tables of the README and the card: how often an encoder takes strangers for one speaker.

    python recipes/speaker/evaluate.py --data ../shared/data --weights speaker-small \
        --resemblyzer --out runs/speaker.json

Trials are pairs of stretches of speech, scored by the cosine of their embeddings: *within* one
utterance without overlap (the dev speakers have but one: same microphone, same minute) or *across*
utterances.
EER as trials.py defines it, with 95 % intervals by bootstrap over speakers; and what the encoder's
two stored thresholds, which were set on the dev speakers, do on the same trials. ``--resemblyzer``
scores the same trials with Resemblyzer (pip install Resemblyzer), which is a yardstick only.
Last, the stored limit of the spread of references: how many of the people with several recordings,
all of them taken together, pass for several people, and how many pairs of people pass for one.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from trials import Trials, apart, equal_error, interval, trials

from avsynth.media import read_audio
from avsynth.models.speaker_embedder import SpeakerEmbedder
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.weights.registry import load

Floats = NDArray[np.float32]
Embed = Callable[[Floats], Floats]
_PIECES = 2  # of one recording at most, where there are several
_EVERY = SAMPLE_RATE // 2  # from one piece to the next where there is but one


@dataclass(frozen=True)
class Piece:
    """A stretch of a file of one person."""

    person: str
    file: str
    start: int
    samples: Floats

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from all others."""
        return self.file, self.start, len(self.samples)


@dataclass(frozen=True)
class Group:
    """Whose recordings, cut into pieces of how many seconds (0: not cut), paired how."""

    name: str
    corpus: str
    split: str
    seconds: int
    across: bool
    sex: str = ""


_OTHER = ("LibriSpeech test-other", "test")
GROUPS = (
    Group("dev", "LibriSpeech train-clean-100", "dev", 3, False),
    Group("test, LibriSpeech clean", "LibriSpeech train-clean-100", "test", 3, False),
    *(Group("test-other", *_OTHER, seconds, True) for seconds in (1, 2, 3, 0)),
    Group("test-other, women", *_OTHER, 3, True, "F"),
    Group("test-other, men", *_OTHER, 3, True, "M"),
    *(Group("VCTK", "VCTK (parallel sentences)", "eval", seconds, True) for seconds in (3, 0)),
)


def main() -> None:
    """Score the weights that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, help="names or files")
    parser.add_argument("--resemblyzer", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/speaker.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    embedders: dict[str, tuple[Embed, dict[str, float]]] = {}
    people = pieces(options.data, GROUPS[-1]) + pieces(options.data, Group("", *_OTHER, 0, True))
    for name in options.weights:
        model = load(name, "torch")
        ours = SpeakerEmbedder(model)
        print(f"{name}: {spreads(ours, people, float(model.metadata['spread']))}")
        limits = {"eer": ours.threshold_eer, "far1": ours.threshold_far1}
        embedders[Path(name).stem] = ours.embed, limits
    if options.resemblyzer:
        embedders["Resemblyzer"] = resemblyzer(), {}
    heard = {group: pieces(options.data, group) for group in GROUPS}
    rows = [
        row
        for name, (embed, limits) in embedders.items()
        for row in score(name, embed, limits, heard)
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    for line in report(rows):
        print(line)


def resemblyzer() -> Embed:
    """Its encoder, with its own levelling and trimming of pauses."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    return lambda samples: encoder.embed_utterance(preprocess_wav(samples, SAMPLE_RATE))


def pieces(data: Path, group: Group) -> list[Piece]:
    """Pieces of the group's recordings; what is shorter than a piece is left out."""
    with (data / "speech.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["corpus"], row["split"]) == (group.corpus, group.split)
            and group.sex in ("", row["sex"])
        ]
    found = []
    for row in rows:
        chunks = read_audio(data / row["file"], SAMPLE_RATE)
        samples = np.concatenate([chunk.samples for chunk in chunks])
        size = group.seconds * SAMPLE_RATE or len(samples)
        starts = range(0, len(samples) - size + 1, size if group.across else _EVERY)
        starts = starts[:_PIECES] if group.across else starts
        found += [
            Piece(row["speaker"], row["file"], start, samples[start : start + size])
            for start in starts
        ]
    return found


def score(
    name: str, embed: Embed, limits: dict[str, float], heard: dict[Group, list[Piece]]
) -> Iterator[dict[str, object]]:
    """A row for each group."""
    known: dict[tuple[str, int, int], Floats] = {}
    for group, parts in heard.items():
        known |= {p.key: embed(p.samples) for p in parts if p.key not in known}
        points = np.stack([known[p.key] for p in parts]).astype(np.float64)
        people = [p.person for p in parts]
        size = None if group.across else group.seconds * SAMPLE_RATE
        allowed = apart([p.file for p in parts], [p.start for p in parts], size)
        found = trials(points, points, people, allowed)
        low, high = interval(found)
        row: dict[str, object] = {
            "encoder": name,
            "group": group.name,
            "seconds": group.seconds or "whole",
            "pairs": "across" if group.across else "within",
            "people": len(set(people)),
            "same": found.counts[0],
            "different": found.counts[1],
            "eer": round(equal_error(found.scores, found.same)[0], 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }
        yield row | {f"{k} {e}": v for k, t in limits.items() for e, v in errors(found, t).items()}


def spreads(embedder: SpeakerEmbedder, parts: list[Piece], limit: float) -> str:
    """What the spread says of all recordings of a person, and of those of every two."""
    windows: dict[str, list[Floats]] = {}
    for part in parts:
        windows.setdefault(part.person, []).append(embedder.windows(part.samples))
    whole = {person: np.concatenate(found) for person, found in windows.items()}
    one = np.array([embedder.spread(found) for found in whole.values()])
    two = np.array(
        [
            embedder.spread(np.concatenate(pair))
            for pair in itertools.combinations(whole.values(), 2)
        ]
    )
    return (
        f"spread above {limit:.3f}: {(one > limit).sum()} of {len(one)} people "
        f"(median {np.median(one):.3f}, largest {one.max():.3f}); at most that: "
        f"{(two <= limit).sum()} of {len(two)} pairs (median {np.median(two):.3f})"
    )


def errors(found: Trials, threshold: float) -> dict[str, float]:
    """Shares of speakers refused, and of strangers accepted, at a threshold."""
    accepted = found.scores >= threshold
    return {
        "refused": round(float((~accepted)[found.same].mean()), 4),
        "accepted": round(float(accepted[~found.same].mean()), 4),
    }


def report(rows: list[dict[str, object]]) -> Iterator[str]:
    """The rows as a table."""
    yield "| Encoder | on | seconds | pairs | people | trials same, different | EER, % | " + (
        "refused, accepted at EER threshold, % | at 1 % threshold, % |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        value = {k: f"{100 * v:.1f}" for k, v in row.items() if isinstance(v, float)}
        at = [
            f"{value[f'{k} refused']}, {value[f'{k} accepted']}" if f"{k} refused" in row else ""
            for k in ("eer", "far1")
        ]
        yield (
            f"| {row['encoder']} | {row['group']} | {row['seconds']} | {row['pairs']} "
            f"| {row['people']} | {row['same']}, {row['different']} "
            f"| {value['eer']} ({value['low']} to {value['high']}) | {at[0]} | {at[1]} |"
        )


if __name__ == "__main__":
    main()
