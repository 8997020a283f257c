"""The tables of the README and the cards.

    python recipes/motion/evaluate.py --data ../shared/data --cache packs/landmarks \
        --weights motion-small motion-small-research --out runs/evaluation.json

Definitions are those of avsynth/metrics/sync.py. Of the scored clip's lower face the model sees a
style (closed mouth, mean and extent: 48 numbers) and a mean residual. They come from the person's
other clips; of people with one clip, each frame is made from what lies more than 12 frames away
from it (the reconstruction protocol, `strict`; `thirds`: each third of the clip from what lies so
far outside that third; `accent`: strict, and the person's way of moving is read off the same
frames and their sound). `whole`: the style of the whole clip, as `dub` reads it; `rotated`: that,
with the sound shifted by 2 s and scored against equally shifted mouths. `shuffled` hears another
clip. `frozen` holds the mouth of the first frame; `constant` the clip's mean shape, the best of all
constants. `--strength` moves the mouth so many times as far, as `dub` can.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import sources
from looks import Looks
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.landmarks import open_detector
from avsynth.face.mouth_space import MouthSpace, align, opening
from avsynth.metrics import sync
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.speech.activity import envelope, voice_activity
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch import voicing
from avsynth.weights.motion import load_motion

Floats = NDArray[np.float64]
STEP = SAMPLE_RATE // 25
ROTATED = 50  # frames, 2 s
LIPS = (*mesh.LIPS_OUTER, *mesh.LIPS_INNER)


@dataclasses.dataclass
class Case:
    """A clip at 25 frames a second: landmarks (T, 478, 3), sound, canonical mouth, poses."""

    name: str
    group: str
    person: str
    points: Floats
    samples: NDArray[np.float32]

    def __post_init__(self) -> None:
        self.mouth, self.poses = align(self.points)
        self.opening = opening(self.points)
        right, left = mesh.EYE_OUTER
        self.eyes = np.linalg.norm(self.points[:, right, :2] - self.points[:, left, :2], axis=1)
        self.lips = self.points[:, LIPS, :2]


def main() -> None:
    """Score the weights that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--weights", nargs="+", required=True)
    parser.add_argument("--strength", nargs="+", type=float, default=[1.0])
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation.json"))
    options = parser.parse_args()
    cases = load_cases(options.data, options.cache)
    rows = [*acoustic(cases), *peers(cases)]
    for name in options.weights:
        for strength in options.strength:
            rows += score_weights(name, strength, cases)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    for line in report(rows):
        print(line)


def load_cases(data: Path, cache: Path) -> list[Case]:
    """GRID dev and test people, unseen sentences of s1, and all tiles of the external clips."""
    items = [i for i in sources.table(data / "grid.csv") if i.split != "train"]
    groups = {"dev": "grid unseen people", "test": "grid s26", "test_sentence": "s1 new sentences"}
    found = [(item, groups[item.split]) for item in items]
    with (data / "external_dev_video.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            maker = row["kind"].rpartition("_")[2]
            media = data / row["file"]
            item = sources.Item(
                media.stem, "external", row["person"], "test", row["licence"], "research", media
            )
            found.append((item, f"free {maker}"))
    cases = []
    with open_detector("mediapipe") as detector:
        for item, group in found:
            cached = cache / item.source / f"{item.name}.npz"
            if not cached.is_file():
                sources.extract(item, cached, detector)
            with np.load(cached) as stored:
                points = stored["points"].astype(np.float64)
                sound = stored["audio"].astype(np.float32)
            good = np.isfinite(points).all(axis=(1, 2))
            near = np.abs(np.flatnonzero(good)[:, None] - np.flatnonzero(~good)).argmin(axis=0)
            points[~good] = points[good][near]
            length = len(points) * STEP
            sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
            cases.append(Case(item.name, group, item.person, points, sound))
    return cases


def row(system: str, case: Case, **values: float) -> dict[str, object]:
    """One line of the result file: every clip keeps its scores."""
    rounded = {name: round(float(value), 4) for name, value in values.items()}
    return {
        "system": system,
        "group": case.group,
        "person": case.person,
        "clip": case.name,
    } | rounded


def acoustic(cases: list[Case]) -> list[dict[str, object]]:
    """What loudness and voicing alone say of the opening: the floor."""
    rows = []
    for case in cases:
        if case.group != "free real" and case.group.startswith("free"):
            continue
        signals = {
            "envelope": envelope(case.samples, 25),
            "voicing": voicing(case.samples),
            "vocal drive": sync.vocal_drive(case.samples),
        }
        for name, signal in signals.items():
            score, lag = sync.best_lag(signal[: len(case.opening)], case.opening)
            rows.append(row(name, case, opening=score, lag=lag))
    return rows


def peers(cases: list[Case]) -> list[dict[str, object]]:
    """Published outputs for the same speech against the real clip, by the same functions."""
    real = {case.person: case for case in cases if case.group == "free real"}
    space = load_motion("motion-small", engine="torch")[1].space
    rows = []
    for case in cases:
        if not case.group.startswith("free") or case.group == "free real":
            continue
        truth = real[case.person]
        length = min(len(case.opening), len(truth.opening))
        score, lag = sync.best_lag(case.opening[:length], truth.opening[:length])
        first, _ = sync.best_lag(
            space.encode(case.mouth)[:length, 0], space.encode(truth.mouth)[:length, 0]
        )
        # In eye distances of each picture: some of the outputs are reframed.
        mine = case.lips[:length] / case.eyes[:length, None, None]
        theirs = truth.lips[:length] / truth.eyes[:length, None, None]
        ones = np.ones(length)
        distance, _ = sync.lmd_best_lag(theirs, mine, ones)
        zero = sync.lmd(theirs, mine, ones)
        system = case.group.removeprefix("free ")
        case = dataclasses.replace(truth, name=case.name)
        rows.append(
            row(system, case, opening=score, first=first, lag=lag, lmd_lag0=zero, lmd=distance)
        )
    return rows


def score_weights(name: str, strength: float, cases: list[Case]) -> list[dict[str, object]]:
    """All scores of one set of weights on all real clips."""
    loaded, speech = load_motion(name, engine="torch")
    system = loaded.name if strength == 1 else f"{loaded.name} x {strength:g}"
    usable = [c for c in cases if c.group == "free real" or not c.group.startswith("free")]
    said = {case.name: hear(speech, case, case.samples) for case in usable}
    rows = []
    for case in usable:
        others = [c for c in usable if c.group == case.group and c.name != case.name]
        mine = [c for c in others if c.person == case.person]
        known = protocols(speech.space, case, mine, said)
        heard = {label: (said[case.name], looks, 0) for label, looks in known.items()}
        turned = hear(speech, case, np.roll(case.samples, ROTATED * STEP))
        heard["rotated"] = (turned, known["whole"], ROTATED)
        stranger = hear(speech, case, np.resize(others[0].samples, len(case.samples)))
        heard["shuffled"] = (stranger, known["strict"], 0)
        values: dict[str, float] = {}
        for label, (units, looks, shift) in heard.items():
            made = make(speech.space, case, units, looks, strength)
            scores = compare(speech.space, made, case, shift)
            values |= {f"{key}{label}": value for key, value in scores.items()}
        for label, shape in (("frozen", case.mouth[0]), ("constant", case.mouth.mean(axis=0))):
            lips = case.poses.to_image(shape)[:, mesh.in_mouth(LIPS), :2]
            values[f"lmd_{label}"] = sync.lmd_best_lag(case.lips, lips, case.eyes)[0]
        quiet = silence(speech, case, known["whole"])
        rows.append(row(system, case, **values, **quiet))
    return rows


def protocols(
    space: MouthSpace, case: Case, others: list[Case], said: dict[str, Floats]
) -> dict[str, Looks]:
    """What may be known of the person, by protocol; ``said``: what each clip's sound makes."""
    frames = len(case.mouth)
    whole = Looks.same(space, case.mouth, case.opening, frames)
    sources = others or [case]
    # Another clip was aligned by its own template: only style and accent are carried over.
    mouths = np.concatenate([c.mouth for c in sources])
    openings = np.concatenate([c.opening for c in sources])
    own = np.concatenate([said[c.name][:, :-1] for c in sources])
    if others:
        strict, accent = (Looks.same(space, mouths, openings, frames, m) for m in (None, own))
        return {"strict": strict, "accent": accent, "whole": whole}
    strict, accent = (Looks.elsewhere(space, mouths, openings, m) for m in (None, own))
    thirds = Looks.elsewhere(space, mouths, openings, blocks=3)
    return {"strict": strict, "accent": accent, "whole": whole, "thirds": thirds}


def compare(space: MouthSpace, made: Made, case: Case, shift: int) -> dict[str, float]:
    """Scores of a made mouth against the real one, moved ``shift`` frames on, by prefix."""
    gaps, mouth = (np.roll(signal, shift, axis=0) for signal in (case.opening, case.mouth))
    lips = case.poses.to_image(mouth)[:, mesh.in_mouth(LIPS), :2]  # in the pose of each picture
    return {
        "": sync.best_lag(made.gaps, gaps)[0],
        "first_": sync.best_lag(made.first, space.encode(mouth)[:, 0])[0],
        "lmd_": sync.lmd_best_lag(lips, made.lips, case.eyes)[0],
        "lmd0_": sync.lmd(lips, made.lips, case.eyes),
        "extent_": made.gaps.std() / gaps.std(),
    }


@dataclasses.dataclass
class Made:
    """First coefficient (T,), lips (T, 40, 2) and opening (T,) that were made for a clip."""

    first: Floats
    lips: Floats
    gaps: Floats


def hear(speech: SpeechToMotion, case: Case, samples: NDArray[np.float32]) -> Floats:
    """Motion and presence (T, K + 1) for the clip's pictures, in the person's units."""
    chunk = SimpleNamespace(time=Fraction(0), rate=SAMPLE_RATE, samples=samples)
    units = speech.predict([chunk]).at((np.arange(len(case.points)) + 0.5) / 25)
    return np.asarray(units, np.float64)


def make(space: MouthSpace, case: Case, units: Floats, looks: Looks, strength: float = 1.0) -> Made:
    """The mouth that motion and presence (T, K + 1) make in the clip's pictures."""
    units = np.c_[units[:, :-1] * strength, units[:, -1]]
    first = looks.coefficients(units)[:, 0]
    points = looks.points(space, units, case.poses)
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    gaps = np.linalg.norm(points[:, top] - points[:, bottom], axis=1) / case.eyes
    return Made(first, points[:, mesh.in_mouth(LIPS)], gaps)


def silence(speech: SpeechToMotion, case: Case, looks: Looks) -> dict[str, float]:
    """Opening and movement energy in silence, against those of the person's own pauses."""
    quiet = np.random.default_rng(0).normal(0, 1e-4, len(case.samples)).astype(np.float32)
    made = make(speech.space, case, hear(speech, case, quiet), looks)
    pause = voice_activity(case.samples)[: len(case.points)] < 0.5
    if (pause[1:] & pause[:-1]).sum() < 3:
        return {}
    own = energy(case.lips, case.eyes)
    return {
        "silent_opening": float(made.gaps.mean()),
        "pause_opening": float(case.opening[pause].mean()),
        "silent_energy": 1e6 * float(energy(made.lips, case.eyes).mean()),
        "pause_energy": 1e6 * float(own[pause[1:] & pause[:-1]].mean()),
    }


def energy(lips: Floats, eyes: Floats) -> Floats:
    """Squared movement of the centred lips from frame to frame (T - 1,), in eye distances."""
    centred = (lips - lips.mean(axis=1, keepdims=True)) / eyes[:, None, None]
    return np.asarray((np.diff(centred, axis=0) ** 2).sum(axis=-1).mean(axis=-1))


def report(rows: list[dict[str, object]]) -> list[str]:
    """Means over people of the means of their clips, with 95 % bootstrap intervals over people."""
    known = ("system", "group", "person", "clip", "lag")
    columns = list(dict.fromkeys(key for line in rows for key in line if key not in known))
    groups: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    for line in rows:
        groups[str(line["group"]), str(line["system"])].append(line)
    lines = []
    for (group, system), mine in sorted(groups.items()):
        people = len({str(line["person"]) for line in mine})
        lines.append(f"\n{group} | {system} | {people} people, {len(mine)} clips")
        for column in columns:
            if any(column in line for line in mine):
                lines.append(f"    {column:15s} {summary(mine, column)}")
        for base in ("lmd_frozen", "lmd_constant"):
            ratios = [line["lmd_strict"] / line[base] for line in mine if base in line]  # type: ignore[operator]
            if ratios:
                lines.append(f"    {'lmd / ' + base[4:]:15s} {np.mean(ratios):.3f}")
    return lines


def summary(rows: list[dict[str, object]], column: str) -> str:
    """Mean over people, its interval, and the people one by one."""
    people: dict[str, list[float]] = defaultdict(list)
    for line in rows:
        if column in line:
            people[str(line["person"])].append(float(line[column]))  # type: ignore[arg-type]
    means = {person: float(np.mean(values)) for person, values in people.items()}
    values = np.array(list(means.values()))
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    each = " ".join(f"{person} {value:.3g}" for person, value in means.items())
    return f"{values.mean():.4g} [{low:.4g}, {high:.4g}]  {each}"


if __name__ == "__main__":
    main()
