"""Fit the distribution of voices that ``avsynth voice imagine`` draws from.

    python recipes/voice/space.py --pack packs/speech --speaker speaker-small \
        --out runs/voice-space/voice-space-small.safetensors

Describes the voice of every utterance of the pack as ``voice enroll`` does and fits a
``VoiceSpace`` to those of the ``train`` speakers. A draw counts as somebody's voice when it is
nearer to a training speaker than the limit at which the encoder tells two people apart. What is
drawn is printed as JSON, with what such distances are in people: from the ``dev`` speakers to
themselves (halves of an utterance) and to the nearest training speaker. ``--compare`` also prints
the log-likelihood of the dev speakers under other settings, by which the defaults were chosen.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.models.voice_print import Voice, describe
from avsynth.models.voice_space import VoiceSpace, draws, fit, scale_of, vector
from avsynth.training.pack import Pack
from avsynth.weights import file as files
from avsynth.weights.speakers import load_speaker

Doubles = NDArray[np.float64]

_DRAWN = 1000  # voices that are looked at


def main() -> None:
    """Describe, fit, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--speaker", default="speaker-small", help="encoder, by name or file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--components", type=int, default=32)
    parser.add_argument("--shrinkage", type=float, default=0.0)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pack = Pack.open(options.pack, ("sound",))
    voices, halves = described(pack, "train", options.speaker), halved(pack, options.speaker)
    strangers = described(pack, "dev", options.speaker)
    if options.compare:
        for components, shrinkage in itertools.product((16, 32, 48, 64, 96, 128), (0.0, 0.2, 0.4)):
            found = likelihood(voices, strangers, components, shrinkage)
            print(json.dumps({"components": components, "shrinkage": shrinkage, "nats": found}))
    space = fit(voices, options.components, options.shrinkage)
    known = np.stack([voice.embedding for voice in voices])
    measured = distances(known, strangers, halves)
    threshold = round(load_speaker(options.speaker).threshold, 4)
    told = {
        "pitch_thirds": [round(hz, 1) for hz in thirds(voices)],
        "threshold": threshold,
        "distances": {name: quantiles(values) for name, values in measured.items()},
        "strangers nearer than the threshold": share(measured["stranger"], threshold),
        "drawn": drawn(space, known, threshold),
        "components": options.components,
        "shrinkage": options.shrinkage,
    }
    statement = {
        "name": options.out.stem,
        "purpose": "commercial",
        "licence": "CC-BY-4.0",
        "data": sorted({clip.licence for clip in pack.index.clips}),
        "people": len(voices),
        "speaker": {"name": options.speaker, "sha256": voices[0].encoder},
        "measure": f"Euclidean distance of {options.speaker} embeddings",
        **told,
    }
    extras = {"speakers": torch.from_numpy(known).half()}
    files.write(options.out, "voice-space", space, space.config, extras, statement)
    print(json.dumps(told, indent=2))


def described(pack: Pack, split: str, speaker: str) -> list[Voice]:
    """The voice of each speaker of a split."""
    return [describe(sounds, load_speaker(speaker).embedder) for sounds in sounds_of(pack, split)]


def sounds_of(pack: Pack, split: str) -> list[list[NDArray[np.float32]]]:
    """Recordings (N,) of each speaker of a split."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for clip in pack.index.clips:
        if clip.split == split:
            samples = pack.rows(clip, "sound").reshape(-1).astype(np.float32) / 32767
            found.setdefault(clip.person, []).append(samples)
    return list(found.values())


def halved(pack: Pack, speaker: str) -> list[tuple[Voice, Voice]]:
    """The voice in the first and in the second half of each dev speaker's sound."""
    embedder = load_speaker(speaker).embedder
    pairs = []
    for sounds in sounds_of(pack, "dev"):
        whole = np.concatenate(sounds)
        middle = len(whole) // 2
        pairs.append((describe([whole[:middle]], embedder), describe([whole[middle:]], embedder)))
    return pairs


def distances(
    known: NDArray[np.float32], strangers: list[Voice], halves: list[tuple[Voice, Voice]]
) -> dict[str, Doubles]:
    """Of a dev speaker to himself, of two training speakers, to the nearest training speaker."""
    between = np.linalg.norm(known[:, None] - known[None], axis=2)
    nearest = [np.linalg.norm(known - voice.embedding, axis=1).min() for voice in strangers]
    own = [np.linalg.norm(a.embedding - b.embedding) for a, b in halves]
    others = between + 9.0 * np.eye(len(known))
    return {
        "self": np.array(own),
        "two training speakers": between[np.triu_indices(len(known), 1)],
        "training speaker to the nearest other": others.min(axis=1),
        "stranger": np.array(nearest),
    }


def drawn(space: VoiceSpace, known: NDArray[np.float32], threshold: float) -> dict[str, object]:
    """What 1000 draws are like."""
    voices = list(itertools.islice(draws(space, space.config, 0, ""), _DRAWN))
    points = np.stack([voice.embedding for voice in voices])
    nearest = np.linalg.norm(points[:, None] - known[None], axis=2).min(axis=1)
    among = np.linalg.norm(points[:-1] - points[1:], axis=1)
    hertz = np.exp([voice.pitch.mean for voice in voices])
    return {
        "to the nearest training speaker": quantiles(nearest),
        "to each other": quantiles(among),
        "nearer than the threshold": share(nearest, threshold),
        "pitch": quantiles(hertz),
    }


def likelihood(
    voices: list[Voice], strangers: list[Voice], components: int, shrinkage: float
) -> float:
    """Log-likelihood of a dev speaker, nats a number, with the rest of the variance as noise."""
    space = fit(voices, components, shrinkage)
    known, new = (np.stack([vector(voice) for voice in group]) for group in (voices, strangers))
    scale = scale_of(known, space.config)
    basis = space.basis.double().numpy() / scale[:, None]
    centred = (known - known.mean(axis=0)) / scale
    rest = (centred**2).sum() / len(known) - (basis**2).sum()
    noise = max(rest / (centred.shape[1] - components), 1e-3)
    covariance = basis @ basis.T + noise * np.eye(len(scale))
    apart = (new - known.mean(axis=0)) / scale
    _, determinant = np.linalg.slogdet(covariance)
    square = (apart @ np.linalg.inv(covariance) * apart).sum(axis=1).mean()
    size = len(scale)
    return round(float(-0.5 * (square + determinant + size * np.log(2 * np.pi)) / size), 4)


def thirds(voices: list[Voice]) -> list[float]:
    """The two pitches, Hz, that part the speakers into thirds."""
    return [float(hz) for hz in np.exp(np.quantile([v.pitch.mean for v in voices], (1 / 3, 2 / 3)))]


def share(values: Doubles, limit: float) -> float:
    """Of values up to a limit."""
    return round(float((values <= limit).mean()), 3)


def quantiles(values: Doubles) -> list[float]:
    """5 %, 25 %, 50 %, 75 % and 95 %."""
    return [round(float(q), 3) for q in np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))]


if __name__ == "__main__":
    main()
