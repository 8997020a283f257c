"""What ``adapt`` brings on people that the base weights never saw: the table of docs/adapting.md.

    python recipes/adapt/evaluate.py --data ../shared/data --cache packs/landmarks \
        --research FOLDER --people hdtf_markey obama s26 --weights motion-small --out runs/adapt

Of a person with one clip the first two thirds are learnt from and the last third, less half a
second, is scored; of s26, who has six, three clips and three. Style and identity are read off what
was learnt from, before as after, so the difference is the networks'. LMD and opening are those of
avsynth/metrics/sync.py, at best lag; `accent` is the base network with the person's accent, which
needs no training. PSNR is that of the mouth, each fourth scored frame made from the pictures that
were learnt from, by its own landmarks. The sheet shows source, before, after of a few scored
frames, moved by their sound. ``--learnt`` takes weights of an earlier run instead of learning.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.lower_face import LIPS, face_box
from avsynth.face.mouth_space import align, opening
from avsynth.face.render import ClassicalRenderer, Renderer
from avsynth.metrics import sync
from avsynth.models.lipsync import LipsyncConfig
from avsynth.models.lipsync_renderer import LipsyncRenderer
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.pipelines.adapt_bases import find_bases
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.weights import LoadedModel
from avsynth.weights.engine import TorchEngine
from avsynth.weights.file import WeightsFile
from avsynth.weights.subject import read_parts

sys.path.append(str(Path(__file__).parents[1] / "lipsync"))
sys.path.append(str(Path(__file__).parents[1] / "motion"))
import footage
from looks import Looks
from people import GAP, Person, Stretch, learn, load

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
SHOWN, SIDE = 4, 240  # pictures of a person in the sheet, and their side
_LIPS = mesh.in_mouth((*mesh.LIPS_OUTER, *mesh.LIPS_INNER))


def main() -> None:
    """Adapt to the people, score, draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--research", type=Path, required=True, help="folder of .mp4")
    parser.add_argument("--people", nargs="+", required=True, help="names of files there, or s26")
    parser.add_argument("--weights", default="motion-small")
    parser.add_argument("--generator", default="none")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=60.0, help="used of a long clip")
    parser.add_argument("--out", type=Path, default=Path("runs/adapt"))
    parser.add_argument("--learnt", action="store_true", help="use the weights of an earlier run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    rows, sheet = [], []
    with tempfile.TemporaryDirectory() as home:
        os.environ["AVSYNTH_HOME"] = home  # the records made here are this run's own
        for name in options.people:
            person = load(name, options)
            path = options.out / f"{name}.safetensors"
            if not options.learnt:
                learn(person, path, options)
            row, pictures = evaluate(person, path, options)
            rows.append(row)
            sheet += pictures
            print(json.dumps(row), flush=True)
    (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print("\n".join(table(rows)))
    if sheet:
        cv2.imwrite(str(options.out / "sheet.png"), np.concatenate(sheet)[..., ::-1])


def evaluate(
    person: Person, path: Path, options: argparse.Namespace
) -> tuple[dict[str, object], list[Bytes]]:
    """A row of the table, and rows of the sheet where there is a generator."""
    base = find_bases(options.weights, options.generator, "research", "")
    learnt = read_parts(path)
    report = json.loads(path.with_name(f"{path.name}.report.json").read_text("utf-8"))
    row: dict[str, object] = {
        "person": person.name,
        "learnt_s": round(sum(s.stop - s.first for s in person.learnt) / 25, 1),
        "scored_s": round(sum(s.stop - s.first for s in person.scored) / 25, 1),
        "share": report["motion"]["share"],
    }
    before, after = _speech(base.motion.file), _speech(learnt["motion"])
    for label, speech, accent in (
        ("before", before, False), ("accent", before, True), ("after", after, False),
    ):  # fmt: skip
        scores = [score(speech, person, stretch, accent) for stretch in person.scored]
        weights = [len(stretch.samples) for stretch in person.scored]
        for key in scores[0]:
            value = np.average([its[key] for its in scores], weights=weights)
            row[f"{key}_{label}"] = round(float(value), 4)
    if base.lipsync is None or "lipsync" not in learnt:
        return row, []
    row["generator_share"] = report["lipsync"]["share"]
    clip = person.scored[0].clip
    renderers: dict[str, Renderer] = {
        "classical": ClassicalRenderer(clip.mean),
        "before": _renderer(clip, base.lipsync.file),
        "after": _renderer(clip, learnt["lipsync"]),
    }
    for label, renderer in renderers.items():
        row[f"psnr_{label}"] = round(psnr(person, renderer), 2)
    speeches = {"before": before, "after": after}
    return row, sheet_rows(person, {n: (speeches[n], renderers[n]) for n in speeches})


def _speech(part: WeightsFile) -> SpeechToMotion:
    return SpeechToMotion(LoadedModel("", part, TorchEngine(part.network, torch.device("cpu"))))


def _renderer(clip: footage.Footage, part: WeightsFile) -> LipsyncRenderer:
    assert isinstance(part.config, LipsyncConfig)
    model = LoadedModel("", part, TorchEngine(part.network, torch.device("cpu")))
    return LipsyncRenderer(clip.mean, model, part.config.size)


def looks(speech: SpeechToMotion, person: Person, frames: int, accent: bool) -> Looks:
    """What is known of the person from what was learnt from."""
    points = [stretch.clip.points[stretch.rows] for stretch in person.learnt]
    mouths = np.concatenate([align(its)[0] for its in points])
    openings = np.concatenate([opening(its) for its in points])
    made = None
    if accent:
        made = np.concatenate([hear(speech, stretch)[:, :-1] for stretch in person.learnt])
    return Looks.same(speech.space, mouths, openings, frames, made)


def hear(speech: SpeechToMotion, stretch: Stretch) -> Floats:
    """Motion and presence (T, K + 1) of a stretch's sound."""
    chunk = SimpleNamespace(time=Fraction(0), rate=SAMPLE_RATE, samples=stretch.samples)
    times = (np.arange(stretch.stop - stretch.first) + 0.5) / 25
    return np.asarray(speech.predict([chunk]).at(times), np.float64)


def mouths_of(
    speech: SpeechToMotion, person: Person, stretch: Stretch, accent: bool = False
) -> Floats:
    """MOUTH_JAW image points (T, M, 2) that a stretch's sound makes in its pictures."""
    units = hear(speech, stretch)
    known = looks(speech, person, len(units), accent)
    return known.points(speech.space, units, stretch.clip.poses[stretch.rows])


def score(
    speech: SpeechToMotion, person: Person, stretch: Stretch, accent: bool
) -> dict[str, float]:
    """Lip distance and correlation of the opening at their best lags."""
    made = mouths_of(speech, person, stretch, accent)
    points = stretch.clip.points[stretch.rows]
    real = points[:, mesh.stored(mesh.MOUTH_JAW), :2]
    eyes = points[:, mesh.stored(mesh.EYE_OUTER), :2]
    distance = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    gaps = np.linalg.norm(made[:, top] - made[:, bottom], axis=1) / distance
    return {
        "lmd": sync.lmd_best_lag(real[:, _LIPS], made[:, _LIPS], distance)[0],
        "opening": sync.best_lag(gaps, opening(points))[0],
    }


def psnr(person: Person, renderer: Renderer) -> float:
    """Of the mouth, dB, in frames of the first scored stretch, made by their own landmarks."""
    stretch, errors = person.scored[0], []
    numbers = np.arange(stretch.first, stretch.stop, 4)
    lips = stretch.clip.canonical[numbers][:, LIPS]
    for number, mix in zip(numbers, references(person, lips, numbers), strict=True):
        clip = stretch.clip
        made = clip.render(renderer, int(number), clip.vertices[number], mix[0][0], mix)
        height, width = made.shape[:2]
        box = face_box(clip.vertices[number][LIPS], margin=6.0).clip(width, height)
        error = made[box.slices].astype(float) - clip.pictures[number][box.slices]
        errors.append((error**2).mean() / 255.0**2)
    return float(-10 * np.log10(np.mean(errors)))


def references(
    person: Person, lips: Floats, numbers: NDArray[np.intp]
) -> list[list[tuple[int, float]]]:
    """Mouths (frame, share) to make wanted canonical ``lips`` of frames from: of what was learnt
    from where it is of the same clip, else of what lies further than half a second away."""
    clip = person.scored[0].clip
    cost = clip.costs(lips, numbers)
    learnt = [stretch for stretch in person.learnt if stretch.clip is clip]
    if learnt:
        cost[:, learnt[0].stop :] = footage.NEVER
    else:
        cost[np.abs(numbers[:, None] - np.arange(len(clip))) <= GAP] = footage.NEVER
    return footage.retrieve(cost)[1]


def sheet_rows(person: Person, systems: dict[str, tuple[SpeechToMotion, Renderer]]) -> list[Bytes]:
    """Source | before | after, a row for each of a few scored frames."""
    stretch = person.scored[0]
    clip = stretch.clip
    numbers = np.linspace(stretch.first + 3, stretch.stop - 4, SHOWN).astype(int)
    columns = [[tile(clip, n, clip.pictures[n]) for n in numbers]]
    for speech, renderer in systems.values():
        points = mouths_of(speech, person, stretch)[numbers - stretch.first]
        flat = clip.points[numbers].copy()
        flat[:, mesh.stored(mesh.MOUTH_JAW), :2] = points
        lips = align(flat, clip.poses.template)[0][:, LIPS]
        made = []
        for number, mouth, mix in zip(
            numbers, points, references(person, lips, numbers), strict=True
        ):
            wanted = clip.wanted(int(number), mouth.astype(np.float32))
            picture = clip.render(renderer, int(number), wanted, mix[0][0], mix)
            made.append(tile(clip, int(number), picture))
        columns.append(made)
    return [np.concatenate(row, axis=1) for row in zip(*columns, strict=True)]


def tile(clip: footage.Footage, number: int, picture: Bytes) -> Bytes:
    """The lower face of a frame, square."""
    height, width = picture.shape[:2]
    box = face_box(clip.vertices[number]).clip(width, height)
    cut = picture[box.slices]
    side = max(cut.shape[:2])
    padded = np.zeros((side, side, 3), np.uint8)
    padded[: cut.shape[0], : cut.shape[1]] = cut
    return np.asarray(cv2.resize(padded, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def table(rows: list[dict[str, object]]) -> list[str]:
    """A line a person, and the means over people."""
    names = [name for name in rows[0] if name != "person"]
    lines = [f"| person | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        lines.append(f"| {row['person']} | {' | '.join(str(row.get(n, '')) for n in names)} |")
    means = [np.mean([float(row[n]) for row in rows if n in row]) for n in names]  # type: ignore[arg-type]
    lines.append(f"| mean of {len(rows)} | {' | '.join(f'{m:.4g}' for m in means)} |")
    falls = [1 - float(row["lmd_after"]) / float(row["lmd_before"]) for row in rows]  # type: ignore[arg-type]
    lines.append(f"LMD lower by {100 * np.mean(falls):.1f} % (mean over people)")
    return lines


if __name__ == "__main__":
    main()
