"""The tables of the README and the cards.

    python recipes/motion/evaluate.py --data ../shared/data --cache packs/landmarks \
        --weights motion-small motion-small-research --out runs/evaluation.json

Definitions are those of avsynth/metrics/sync.py. Of the scored clip's lower face the model sees a
style (closed mouth, mean and extent: 48 numbers) and a mean residual. They come from the person's
other clips; of people with one clip, each third of it is made from what lies more than 12 frames
outside that third (the reconstruction protocol). `whole`: the style of the whole clip, as `dub`
reads it; `rotated`: that, with the sound shifted by 2 s and scored against equally shifted
landmarks. `shuffled` hears another clip. `frozen` holds the mouth of the first frame; `constant`
the clip's mean shape, the best of all constants.
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
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.landmarks import open_detector
from avsynth.face.mouth_space import PersonStyle, align, opening
from avsynth.metrics import sync
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.speech.activity import envelope, voice_activity
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch import voicing
from avsynth.weights.motion import load_motion

Floats = NDArray[np.float64]
STEP = SAMPLE_RATE // 25
UNSEEN = 12  # frames to each side whose lower face may not be used
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
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation.json"))
    options = parser.parse_args()
    cases = load_cases(options.data, options.cache)
    rows = [*acoustic(cases), *peers(cases)]
    for name in options.weights:
        rows += score_weights(name, cases)
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


def score_weights(name: str, cases: list[Case]) -> list[dict[str, object]]:
    """All scores of one set of weights on all real clips."""
    loaded, speech = load_motion(name, engine="torch")
    usable = [c for c in cases if c.group == "free real" or not c.group.startswith("free")]
    rows = []
    for case in usable:
        others = [c for c in usable if c.group == case.group and c.name != case.name]
        stranger = np.resize(others[0].samples, len(case.samples))
        mine = [c for c in others if c.person == case.person]
        strict, whole = Looks.strict(speech, case, mine), Looks.whole(speech, case)
        made = make(speech, case, case.samples, strict)
        same = make(speech, case, case.samples, whole)
        turned = make(speech, case, np.roll(case.samples, ROTATED * STEP), whole)
        shuffled = make(speech, case, stranger, strict)
        first = speech.space.encode(case.mouth)[:, 0]
        held = [case.mouth[0], case.mouth.mean(axis=0)]
        frozen, constant = (case.poses.to_image(m)[:, mesh.in_mouth(LIPS), :2] for m in held)
        score, lag = sync.best_lag(made.gaps, case.opening)
        values = {
            "opening": score,
            "first": sync.best_lag(made.first, first)[0],
            "lag": lag,
            "whole": sync.best_lag(same.gaps, case.opening)[0],
            "whole_first": sync.best_lag(same.first, first)[0],
            "rotated": sync.best_lag(turned.gaps, np.roll(case.opening, ROTATED))[0],
            "rotated_first": sync.best_lag(turned.first, np.roll(first, ROTATED))[0],
            "shuffled": sync.best_lag(shuffled.gaps, case.opening)[0],
            "extent": same.gaps.std() / case.opening.std(),
            "lmd_lag0": sync.lmd(case.lips, made.lips, case.eyes),
        }
        against = {"": made, "_whole": same, "_shuffled": shuffled}
        for label, lips in [
            *((label, result.lips) for label, result in against.items()),
            ("_frozen", frozen),
            ("_constant", constant),
        ]:
            values[f"lmd{label}"] = sync.lmd_best_lag(case.lips, lips, case.eyes)[0]
        rows.append(row(loaded.name, case, **values, **silence(speech, case, whole)))
    return rows


@dataclasses.dataclass
class Looks:
    """What is known of a person, by stretch of a clip: (frames, style, canonical mouths)."""

    stretches: list[tuple[NDArray[np.intp], PersonStyle, Floats]]

    @classmethod
    def whole(cls, speech: SpeechToMotion, case: Case) -> Looks:
        """From the whole clip, for the whole clip."""
        style = read_style(speech, [case.mouth], [case.opening])
        return cls([(np.arange(len(case.mouth)), style, case.mouth)])

    @classmethod
    def strict(cls, speech: SpeechToMotion, case: Case, others: list[Case]) -> Looks:
        """From other clips of the person, or for each third from far enough outside it."""
        frames = np.arange(len(case.mouth))
        if others:
            # Another clip was aligned by its own template: only the style is carried over.
            style = read_style(speech, [c.mouth for c in others], [c.opening for c in others])
            return cls([(frames, style, np.concatenate([c.mouth for c in others]))])
        stretches = []
        for third in np.array_split(frames, 3):
            far = (frames < third[0] - UNSEEN) | (frames > third[-1] + UNSEEN)
            style = read_style(speech, [case.mouth[far]], [case.opening[far]])
            stretches.append((third, style, case.mouth[far]))
        return cls(stretches)


def read_style(speech: SpeechToMotion, mouths: list[Floats], openings: list[Floats]) -> PersonStyle:
    """Style of canonical mouths and their openings, from several clips."""
    coefficients = np.concatenate([speech.space.encode(mouth) for mouth in mouths])
    return PersonStyle.from_coefficients(
        coefficients, np.concatenate(openings), speech.space.deviation
    )


@dataclasses.dataclass
class Made:
    """First coefficient (T,), lips (T, 40, 2) and opening (T,) that were made for a clip."""

    first: Floats
    lips: Floats
    gaps: Floats


def make(speech: SpeechToMotion, case: Case, samples: NDArray[np.float32], looks: Looks) -> Made:
    """The mouth that ``samples`` make in the clip's pictures."""
    chunk = SimpleNamespace(time=Fraction(0), rate=SAMPLE_RATE, samples=samples)
    units = speech.predict([chunk]).at((np.arange(len(case.points)) + 0.5) / 25)
    first = np.empty(len(units))
    points = np.empty((len(units), len(mesh.MOUTH_JAW), 2))
    for frames, style, mouths in looks.stretches:
        first[frames] = style.from_units(units[frames])[:, 0]
        points[frames] = speech.targets(units[frames], style, mouths, case.poses[frames])
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    gaps = np.linalg.norm(points[:, top] - points[:, bottom], axis=1) / case.eyes
    return Made(first, points[:, mesh.in_mouth(LIPS)], gaps)


def silence(speech: SpeechToMotion, case: Case, looks: Looks) -> dict[str, float]:
    """Opening and movement energy in silence, against those of the person's own pauses."""
    quiet = np.random.default_rng(0).normal(0, 1e-4, len(case.samples)).astype(np.float32)
    made = make(speech, case, quiet, looks)
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
            ratios = [line["lmd"] / line[base] for line in mine if base in line]  # type: ignore[operator]
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
