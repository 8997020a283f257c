"""Fit the few numbers with which the sync detector weighs what the sync expert says.

    python recipes/motion_detector/fit_sync.py --pack .packs/sync --cache .packs/raw \
        --out detectors/parameters/sync.json

Films are those of GRID clips as a scan would draw them (bursts of four films), sounds their own,
that of another clip (of another person where there is one), and their own stretched by a tenth to
a fifth; their own moved by up to half a second counts as real, since that is a slip of editing.
Clips of a person are joined at random to files of 3 to 12 s. Fitted on train people; what is
printed is of dev and test people and of s1's held-out sentences.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import itertools
import json
from pathlib import Path

import cv2
import logistic
import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.models.sync import RATE, SyncExpert, film_windows
from avsynth.training.pack import Clip, Pack
from detectors.metrics.ranking import auc
from detectors.sync import _MARGIN, compare
from detectors.sync_curve import Agreement, features

_RATE = 16_000
_FILMS = 4
_MOST_CLIPS = 40  # of a person
_MOVED = 0.5  # weight of sound that was moved: rarer than sound in place
# The expert was trained on these people; of others agreement stands out less (its card).
_STRANGERS = (0.3, 1.0)
_FILES = 60  # made of a person's clips, of each kind
REAL = ("own", "moved")
KINDS = (*REAL, "other", "stretched")


@dataclasses.dataclass(frozen=True)
class Talk:
    """A clip: embeddings (N, E) of its films, its sound from its first picture on."""

    clip: Clip
    looked: torch.Tensor
    sound: NDArray[np.float32]


def main() -> None:
    """Fit, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scores", type=Path, help="folder of score files")
    parser.add_argument("--penalty", type=float, default=0.01)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    expert = weights.read("sync-small").network
    assert isinstance(expert, SyncExpert)
    talks = load(expert, options.pack, options.cache, generator)
    bursts = {kind: [measured(expert, t, talks, kind, generator) for t in talks] for kind in KINDS}
    x, fake, people, splits, kinds = examples(talks, bursts, generator)
    train = splits == "train"
    middle, size = x[train].mean(axis=0), x[train].std(axis=0) + 1e-6
    balance = logistic.balanced(fake[train], people[train])
    balance = balance * np.where(kinds[train] == "moved", _MOVED, 1.0)
    found, bias = logistic.fit((x[train] - middle) / size, fake[train], balance, options.penalty)
    weighed = found / size
    parameters = {"weights": weighed.tolist(), "bias": float(bias - middle @ weighed)}
    options.out.write_text(json.dumps(parameters, indent=1) + "\n", "utf-8")
    logits = x @ weighed + parameters["bias"]
    print("| split | wrong sound | people | files | AUC | AUC, moved sound among the real |")
    for split in np.unique(splits):
        for kind in KINDS[len(REAL) :]:
            taken = (splits == split) & ((kinds == kind) | ~fake)
            still = taken & (kinds != "moved")
            print(
                f"| {split} | {kind} | {len(np.unique(people[taken]))} | {taken.sum()} |"
                f" {auc(logits[still], fake[still]):.3f} | {auc(logits[taken], fake[taken]):.3f} |"
            )
    print(json.dumps(parameters))
    if options.scores:
        write(options.scores / "sync.csv", logits, fake, people, splits, kinds)


def write(path: Path, logits: NDArray[np.float64], *columns: NDArray[np.generic]) -> None:
    """Scores of dev and test people for the fusion; ``columns``: fake, people, splits, kinds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "family", "system", "person", "split", "score"])
        for number, (score, *about) in enumerate(zip(logits, *columns, strict=True)):
            fake, person, split, kind = about
            if split in ("dev", "test"):
                label, family = ("fake", kind) if fake else ("real", "real")
                name = f"{person}-{kind}-{number}"
                writer.writerow([name, label, family, kind, person, split, f"{score:.5f}"])


def load(
    expert: SyncExpert, folder: Path, cache: Path, generator: np.random.Generator
) -> list[Talk]:
    """GRID's clips: all of most people, some of s1's."""
    pack = Pack.open(folder, ["jpeg", "ends"])
    wanted = [c for c in pack.index.clips if c.purpose == "commercial"]
    people: dict[tuple[str, str], list[Clip]] = {}
    for clip in wanted:
        people.setdefault((clip.person, clip.split), []).append(clip)
    talks = []
    for clips in people.values():
        for number in generator.permutation(len(clips))[:_MOST_CLIPS]:
            talks.append(read(expert, pack, clips[number], cache))
    return talks


@torch.inference_mode()
def read(expert: SyncExpert, pack: Pack, clip: Clip, cache: Path) -> Talk:
    """One clip, picture and sound as they are in the file."""
    ends, jpeg = pack.arrays["ends"], pack.arrays["jpeg"]
    starts = np.append(0, ends)[clip.start : clip.start + clip.rows + 1]
    pictures = np.stack(
        [cv2.imdecode(jpeg[a:b], cv2.IMREAD_COLOR_RGB) for a, b in itertools.pairwise(starts)]
    )
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0
    looked = expert.look(film_windows(x, expert.config.frames))
    with np.load(cache / clip.source / f"{clip.name}.npz") as stored:
        points, times = stored["points"], stored["times"]
        first = times[np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))[0]]
        skip = round((float(first) - float(stored["audio_start"])) * _RATE)
        sound = stored["audio"].astype(np.float32)
    sound = sound[skip:] if skip >= 0 else np.pad(sound, (-skip, 0))
    return Talk(clip, looked, sound)


def measured(
    expert: SyncExpert, talk: Talk, talks: list[Talk], kind: str, generator: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Cosines (4, lags) of the bursts of a clip with its own sound or a wrong one."""
    sound = talk.sound
    if kind == "other":
        same = [t for t in talks if t.clip.split == talk.clip.split and t is not talk]
        strangers = [t for t in same if t.clip.person != talk.clip.person] or same or talks
        sound = strangers[int(generator.integers(len(strangers)))].sound
    elif kind == "moved":
        late = int(generator.integers(-_RATE // 2, _RATE // 2))
        sound = sound[late:] if late >= 0 else np.pad(sound, (-late, 0))
    elif kind == "stretched":
        factor = 1.0 + float(generator.choice([-1, 1]) * generator.uniform(0.1, 0.2))
        sound = np.asarray(soxr.resample(sound, _RATE, round(_RATE * factor)), np.float32)
    context = expert.config.context / 100
    found = []
    for first in range(int(generator.integers(6)), len(talk.looked) - _FILMS, 18):
        begin = round((first / RATE - context - _MARGIN) * _RATE)
        count = round(((_FILMS - 1) / RATE + expert.config.steps / 100 + 2 * _MARGIN) * _RATE)
        places = np.arange(begin, begin + count)
        there = (places >= 0) & (places < len(sound))
        part = np.zeros(count, np.float32)
        part[there] = sound[places[there]]
        found.append(compare(expert, talk.looked[first : first + _FILMS], part, there))
    return found


def examples(
    talks: list[Talk], bursts: dict[str, list[list[NDArray[np.float64]]]],
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], ...]:  # fmt: skip
    """Files of one to four clips of a person: features, fake, people, splits, kinds."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, talk in enumerate(talks):
        groups.setdefault((talk.clip.person, talk.clip.split), []).append(number)
    rows = []
    for (person, split), numbers in groups.items():
        for kind in KINDS:
            for _ in range(_FILES):
                chosen = generator.choice(numbers, int(generator.integers(1, 5)))
                agreement = Agreement()
                for number in chosen:
                    for cosines in bursts[kind][number]:
                        agreement.add(cosines)
                found = agreement.figures()
                if found is not None and kind in REAL and split == "train":
                    fainter = float(generator.uniform(*_STRANGERS))
                    found = dataclasses.replace(
                        found, confidence=found.confidence * fainter,
                        contrast=found.contrast * fainter,
                    )  # fmt: skip
                if found is not None:
                    rows.append((features(found), kind not in REAL, person, split, kind))
    x, fake, people, splits, kinds = zip(*rows, strict=True)
    return np.stack(x), np.array(fake), np.array(people), np.array(splits), np.array(kinds)


if __name__ == "__main__":
    main()
