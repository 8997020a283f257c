"""The tables of the README and the cards: ours and the peers, by one definition.

    python recipes/lipsync/evaluate.py --data ../shared/data --cache packs/landmarks \
        --pairs motion-small:classical motion-small:lipsync-small \
        --out runs/lipsync.json --sheet runs/lipsync.png

A pair is a motion (name or file, or ``oracle``: the real landmarks) and a renderer (``classical``,
or name or file of a lip-sync network). Reconstruction protocol: of the lower face of a scored clip
nothing within 12 frames of a frame is seen when that frame is made: neither pixels (skin and mouth
come from other frames) nor shape (style and identity are read off the others, the helper points
follow the made jaw). Image scores are of the mouth box, at lag 0; landmarks are found again in the
made pictures by mediapipe; ``rotated`` hears the sound shifted by 2 s and is scored against equally
shifted landmarks. Scores are means over a clip's frames, then over a person's clips, then people.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import footage
import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.face import mesh
from avsynth.face.alignment import align
from avsynth.face.landmarks import open_detector
from avsynth.face.lower_face import LIPS
from avsynth.face.mouth_space import opening
from avsynth.face.render import ClassicalRenderer, Renderer
from avsynth.metrics import image, sync
from avsynth.metrics.perceptual import Lite0Distance
from avsynth.models.lipsync_renderer import LipsyncRenderer
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.weights.motion import load_motion

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import looks
import sources

ROTATED = 50  # pictures, 2 s
PERCEIVED = 5  # every n-th picture is looked at by the perceptual distance
RING = mesh.LIPS_OUTER + mesh.LIPS_INNER
Floats = NDArray[np.float64]
Film = list[NDArray[np.uint8]]


@dataclass
class Case:
    """A real clip, what others made of it, and its landmarks as found (T, 478, 3)."""

    group: str
    person: str
    clip: footage.Footage
    points: Floats
    peers: dict[str, Film]


def main() -> None:
    """Score what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--pairs", nargs="+", required=True, metavar="MOTION:RENDERER")
    parser.add_argument("--groups", nargs="+", default=["free", "grid"])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--rotated", action="store_true", help="score rotated sound as well")
    parser.add_argument("--out", type=Path, default=Path("runs/lipsync.json"))
    parser.add_argument("--films", type=Path, help="folder for the made films, lossless")
    options = parser.parse_args()
    torch.set_num_threads(1)
    judge = Judge()
    rows: list[dict[str, Any]] = []
    for case in load_cases(options.data, options.cache, options.groups):
        if not options.no_peers:
            rows += [judge.row(name, case, film) for name, film in case.peers.items()]
        for pair in options.pairs:
            film = reconstruct(case, pair)
            rows.append(judge.row(pair, case, film))
            if options.rotated and not pair.startswith("oracle"):
                turned = reconstruct(case, pair, turn=ROTATED)
                rows[-1] |= judge.motion(case, turned, ROTATED, "rotated_")
            if options.films:
                store(options.films / f"{case.clip.item.name}-{slug(pair)}.npz", film)
            print(case.clip.item.name, pair, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print("\n".join(table(rows)))


def load_cases(data: Path, cache: Path, groups: list[str]) -> list[Case]:
    """The real external clips with their peers; GRID's dev and test people; ``seen``: new
    sentences of its training person s1."""
    cases = []
    if "free" in groups:
        with (data / "external_dev_video.csv").open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        peers: dict[str, dict[str, Film]] = defaultdict(dict)
        for line in lines:
            maker = line["kind"].rpartition("_")[2]
            if maker != "real":
                peers[line["person"]][maker] = footage.pictures_of(data / line["file"])
        for line in lines:
            if line["kind"].endswith("real"):
                media = data / line["file"]
                item = sources.Item(
                    media.stem,
                    "external",
                    line["person"],
                    "test",
                    line["licence"],
                    "research",
                    media,
                )
                cases += case_of("free", item, cache, peers[line["person"]])
    splits = {"grid": ("dev", "test"), "seen": ("test_sentence",)}
    for group in set(groups) & splits.keys():
        for item in sources.table(data / "grid.csv"):
            if item.split in splits[group]:
                cases += case_of(group, item, cache, {})
    return cases


def case_of(group: str, item: sources.Item, cache: Path, peers: dict[str, Film]) -> list[Case]:
    """One case, or none where the clip has no usable face."""
    cached = cache / item.source / f"{item.name}.npz"
    clip = footage.load(item, cached)
    if clip is None:
        return []
    with np.load(cached) as stored:
        points = stored["points"].astype(np.float64)
    return [Case(group, item.person, clip, points, peers)]


def reconstruct(case: Case, pair: str, turn: int = 0) -> Film:
    """The clip made from its own other pictures, with the sound ``turn`` pictures late."""
    motion, _, renderer_name = pair.partition(":")
    clip = case.clip
    frames = np.arange(len(clip))
    if motion == "oracle":
        lips, wanted = clip.canonical[:, LIPS], clip.vertices
    else:
        lips, wanted = heard(clip, speech(motion), turn)
    cost = clip.costs(lips, frames)
    cost[np.abs(frames[:, None] - frames[None]) <= looks.UNSEEN] = footage.NEVER
    path, mixes = footage.retrieve(cost)
    renderer = make_renderer(renderer_name, clip)
    return [clip.render(renderer, int(t), wanted[t], int(path[t]), mixes[t]) for t in frames]


def heard(
    clip: footage.Footage, listener: SpeechToMotion, turn: int
) -> tuple[Floats, NDArray[np.float32]]:
    """Canonical lips (T, 40, 3) and vertices (T, V, 2) that the sound asks for."""
    units = units_of(listener, np.roll(clip.samples, turn * footage.STEP), len(clip))
    known = looks.Looks.elsewhere(listener.space, clip.canonical, opening(clip.points))
    shape = listener.space.shape(known.coefficients(units)) + known.identity
    mouth = known.points(listener.space, units, clip.poses)
    wanted = [clip.wanted(t, points) for t, points in enumerate(mouth)]
    return shape[:, LIPS], np.stack(wanted)


def units_of(listener: SpeechToMotion, samples: NDArray[np.float32], frames: int) -> Floats:
    """Motion (T, K + 1) of the pictures that go with 16 kHz ``samples``."""
    chunk = SimpleNamespace(time=Fraction(0), rate=SAMPLE_RATE, samples=samples)
    return listener.predict([chunk]).at((np.arange(frames) + 0.5) / 25).astype(np.float64)


_LOADED: dict[str, Any] = {}


def speech(name: str) -> SpeechToMotion:
    """A motion network, loaded once."""
    if name not in _LOADED:
        _LOADED[name] = load_motion(name, engine="torch")[1]
    listener: SpeechToMotion = _LOADED[name]
    return listener


def make_renderer(name: str, clip: footage.Footage) -> Renderer:
    """The classical renderer, or one around a lip-sync network."""
    if name == "classical":
        return ClassicalRenderer(clip.mean)
    if name not in _LOADED:
        _LOADED[name] = weights.load(name, engine="torch")
    loaded = _LOADED[name]
    return LipsyncRenderer(clip.mean, loaded, loaded.config.size)


class Judge:
    """Scores films against the real clip."""

    def __init__(self) -> None:
        self._perceive = Lite0Distance()

    def row(self, system: str, case: Case, film: Film) -> dict[str, Any]:
        """All scores of one film."""
        about = {"system": system, "group": case.group, "person": case.person}
        scores = about | {"clip": case.clip.item.name}
        return scores | self.pictures(case, film) | self.motion(case, film, 0, "")

    def pictures(self, case: Case, film: Film) -> dict[str, float]:
        """Image scores of the mouth boxes; and restlessness over that of the real clip."""
        height, width = film[0].shape[:2]
        boxes = [image.mouth_box(points).clip(width, height) for points in case.clip.points]
        pairs = [
            (made[box.slices], real[box.slices])
            for made, real, box in zip(film, case.clip.pictures, boxes, strict=False)
        ]
        few = pairs[::PERCEIVED]
        return {
            "psnr": float(np.mean([image.psnr(*pair) for pair in pairs])),
            "ssim": float(np.mean([image.ssim(*pair) for pair in pairs])),
            "l1": float(np.mean([image.l1(*pair) for pair in pairs])),
            "lite0": float(self._perceive([a for a, _ in few], [b for _, b in few]).mean()),
            "sharpness": float(np.mean([image.sharpness(*pair) for pair in pairs])),
            "flicker": restless(case, film, boxes) / restless(case, case.clip.pictures, boxes),
        }

    def motion(self, case: Case, film: Film, turn: int, prefix: str) -> dict[str, float]:
        """Landmarks found again in a film whose sound was ``turn`` pictures late."""
        points = np.stack([p if p is not None else case.points[0] * np.nan for p in find(film)])
        length = min(len(points), len(case.points))
        points, real = points[:length], np.roll(case.points[:length], turn, axis=0)
        right, left = mesh.EYE_OUTER
        eyes = [np.linalg.norm(p[:, right, :2] - p[:, left, :2], axis=1) for p in (points, real)]
        # In eye distances of each picture: some of the peers' outputs are reframed.
        mine, theirs = (
            p[:, RING, :2] / e[:, None, None] for p, e in zip((points, real), eyes, strict=True)
        )
        seen = np.isfinite(mine).all(axis=(1, 2))
        mine[~seen] = theirs.mean(axis=0)  # no face found: as far off as the mean shape
        score, lag = sync.best_lag(opening(points), opening(real))
        lmd, _ = sync.lmd_best_lag(theirs, mine, np.ones(length))
        # Lips in the pose-free space: a rotated film's heads are turned as other moments' are.
        still = [align(p)[0][:, LIPS, :2] for p in (real[seen], points[seen])]
        return {
            f"{prefix}lmd_posefree": sync.lmd_best_lag(*still, np.ones(int(seen.sum())))[0],
            f"{prefix}opening": score, f"{prefix}lag": float(lag), f"{prefix}lmd": lmd,
            f"{prefix}lmd_lag0": sync.lmd(theirs, mine, np.ones(length)),
            f"{prefix}extent": float(np.nanstd(opening(points)) / np.nanstd(opening(real))),
        }  # fmt: skip


def find(film: Film) -> list[Floats | None]:
    """Landmarks (478, 3) of each picture, None where no face is seen."""
    with open_detector("mediapipe") as detector:
        found = [detector.detect(picture) for picture in film]
    return [faces[0].points.astype(np.float64) if faces else None for faces in found]


def restless(case: Case, film: Film, boxes: list[Any]) -> float:
    """``image.flicker`` of the mouth held still: each box brought to one size."""
    side = 64
    still = []
    for picture, box in zip(film, boxes, strict=False):
        grey = cv2.cvtColor(picture[box.slices], cv2.COLOR_RGB2GRAY)
        still.append(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA))
    return image.flicker(np.stack(still))


def slug(pair: str) -> str:
    """A pair as part of a file's name."""
    return "-".join(Path(part).stem for part in pair.split(":"))


def store(path: Path, film: Film) -> None:
    """A film, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, film=np.stack(film))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Means over people, a Markdown line a system, groups apart."""
    known = ("system", "group", "person", "clip")
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in known))
    lines = [
        f"| group | system | people | {' | '.join(columns)} |",
        "|---" * (3 + len(columns)) + "|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["group"], row["system"]].append(row)
    for (group, system), mine in groups.items():
        people = sorted({row["person"] for row in mine})
        cells = []
        for column in columns:
            by_person = [
                [row[column] for row in mine if row["person"] == person and column in row]
                for person in people
            ]
            means = [float(np.mean(values)) for values in by_person if values]
            cells.append(f"{np.mean(means):.4g}" if means else "")
        lines.append(f"| {group} | {system} | {len(people)} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
