"""LibriSpeech and GRID -> a corpus of real and synthetic speech for detectors.

    python recipes/fake_sounds/prepare.py --data ../shared/data --full LIBRISPEECH_FOLDER \
        --config recipes/fake_sounds/small.yaml --out .packs/fake_sounds

Every family of fakes is made into a part of its own (``parts/SOURCE-FAMILY``) and kept as it was
made: what is there is not made again. The corpus joins what is there, each fake matched to the
recording that it belongs to (``matching.py``). ``--families`` names those to make. Systems whose
weights or programs are missing are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path

import classical
import matching
import neural
import numpy as np
import pulses
import signals
import spoken
import torch
import yaml
from excerpts import Excerpt, grid, librispeech
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from avsynth.errors import AvsynthError
from avsynth.training.sound_corpus import SoundItem, open_sounds, save_sounds

Floats = NDArray[np.float32]
Steps = NDArray[np.int16]
Made = tuple[SoundItem, Steps]
Maker = Callable[[Floats, np.random.Generator], Floats]


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    excerpts: int = Field(2, gt=0, description="of each speaker, at most")
    sentences: int = Field(0, ge=0, description="of each person of GRID, at most")
    speakers: int = Field(0, ge=0, description="of each split; 0: all")
    copies: dict[str, float] = Field(description="family -> fakes of one real excerpt")
    training: dict[str, float] = Field({}, description="the same, of training speakers alone")
    vocoders: tuple[str, ...] = Field(("vocoder-small",), description="names or files of weights")
    voices: tuple[str, ...] = Field(("voice-small",), description="names or files of weights")
    upsamplers: str = Field("runs/upsamplers", description="folder of train_upsampler.py")
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Workshop:
    """Everything that makers need beside the sound itself."""

    settings: Settings
    real: tuple[Excerpt, ...]

    def systems(self, family: str) -> dict[str, Maker]:
        """The systems of a family that are at hand."""
        if family == "vocoder":
            names = [n for n in self.settings.vocoders if "/" not in n or Path(n).is_file()]
            return {_label(n): functools.partial(neural.vocoder_copy, name=n) for n in names}
        if family == "upsampler":
            stages = sorted(Path(self.settings.upsamplers).glob("*.safetensors"))
            return {p.stem: functools.partial(neural.upsampler_copy, path=p) for p in stages}
        return dict(_PLAIN.get(family, {}))


_PLAIN: dict[str, dict[str, Maker]] = {
    "world": {
        "world": classical.world_plain,
        "world-coded": classical.world_coded,
        "world-jittered": classical.world_jittered,
    },
    "griffinlim": {
        "griffin-lim-mel": classical.griffin_lim_mel,
        "griffin-lim-linear": classical.griffin_lim_linear,
    },
    "signal": {
        "phase-vocoder": signals.phase_vocoder,
        "linear-prediction": signals.linear_prediction,
        "sinusoids": signals.sinusoids,
        "high-phases": signals.high_phases,
        "smooth-envelope": signals.smooth_envelope,
        "images": signals.images,
        "ripple": signals.ripple,
        "coarse-mel": signals.coarse_mel,
        "masked": signals.masked,
        "frame-codec": signals.frame_codec,
    },
    "pulses": {
        "source-filter": pulses.source_filter,
        "overlap-add": pulses.overlap_add,
    },
}


def main() -> None:
    """Make the parts that are asked for, and join all that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    parser.add_argument("--full", type=Path, help="folder of full utterances")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--families", nargs="*", help="default: all of the config")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings.model_validate(yaml.safe_load(options.config.read_text("utf-8")))
    prepare(settings, options.data, options.full, options.out, options.families)


def prepare(
    settings: Settings, data: Path, full: Path | None, out: Path, families: list[str] | None = None
) -> None:
    """See ``main``."""
    sources = {
        "librispeech": librispeech(data, full, settings.excerpts, settings.speakers),
        "grid": grid(data, settings.sentences) if settings.sentences else [],
    }
    for source, real in sources.items():
        workshop = Workshop(settings, tuple(real))
        every = [*settings.copies, *settings.training]
        for family in ["real", *(every if families is None else families)]:
            folder = out / "parts" / f"{source}-{family}"
            if (folder / "items.csv").is_file():
                continue
            began = time.monotonic()
            made = _real(workshop) if family == "real" else _fakes(workshop, family)
            if made:
                save_sounds(folder, *_joined(made))
            print(f"{folder.name}: {len(made)} items, {time.monotonic() - began:.0f} s", flush=True)
    _join_parts(out, settings.seed)


def _real(workshop: Workshop) -> list[Made]:
    return [
        (_item(excerpt, excerpt.name, "real", "recording", ""), _kept(excerpt.sound))
        for excerpt in workshop.real
    ]


def _fakes(workshop: Workshop, family: str) -> list[Made]:
    made: list[Made] = []
    settings = workshop.settings
    wanted = (settings.copies | settings.training)[family]
    for excerpt in workshop.real:
        if family in settings.training and excerpt.split != "train":
            continue
        rng = _random(settings.seed, excerpt.name, family)
        for number in range(int(wanted) + int(rng.random() < wanted % 1)):
            try:
                system, fake = _fake(workshop, family, excerpt, rng)
            except AvsynthError as error:
                print(f"{family} {excerpt.name}: {error}", flush=True)
                continue
            original = "" if family == "tts" else excerpt.name
            name = f"{excerpt.name}.{family}{number}"
            made.append((_item(excerpt, name, family, system, original), _kept(fake)))
    return made


def _kept(sound: Floats) -> Steps:
    """As it was made, but for a peak that 16 bits do not hold."""
    peak = float(np.abs(sound).max())
    return np.rint(sound * np.float32(32767 * min(1, 0.9 / max(peak, 1e-9)))).astype(np.int16)


def _fake(
    workshop: Workshop, family: str, excerpt: Excerpt, rng: np.random.Generator
) -> tuple[str, Floats]:
    if family == "tts":
        return _spoken(workshop, excerpt, rng)
    if family == "conversion":
        return _converted(workshop, excerpt, rng)
    systems = workshop.systems(family)
    if not systems:
        raise AvsynthError(f"no system of the family {family} is at hand")
    name = str(rng.choice(sorted(systems)))
    return name, systems[name](excerpt.sound, rng)


def _spoken(workshop: Workshop, excerpt: Excerpt, rng: np.random.Generator) -> tuple[str, Floats]:
    """Words of this or another excerpt, cut to this one's length: the voice is another."""
    system = str(rng.choice(spoken.SYSTEMS))
    texts = [each.text for each in workshop.real if each.split == excerpt.split and each.text]
    texts = texts or ["the words of a sentence that nobody has written down before"]
    text = " ".join(str(t) for t in rng.choice(texts, 3))
    sound = spoken.speak(system, text, rng)
    start = int(rng.integers(max(1, len(sound) - len(excerpt.sound))))
    return system, sound[start : start + len(excerpt.sound)]


def _converted(
    workshop: Workshop, excerpt: Excerpt, rng: np.random.Generator
) -> tuple[str, Floats]:
    """In the voice of another speaker of the same split."""
    others = [
        each for each in workshop.real
        if each.split == excerpt.split and each.speaker != excerpt.speaker
    ]  # fmt: skip
    if not others:
        raise AvsynthError("nobody else of its split is there to be converted to")
    target = others[int(rng.integers(len(others)))]
    voices = [n for n in workshop.settings.voices if "/" not in n or Path(n).is_file()]
    voice = str(rng.choice(voices))
    vocoder = str(rng.choice([n for n in workshop.settings.vocoders if "/" not in n]))
    made = neural.conversion(excerpt.sound, rng, voice, vocoder, target.name, target.sound)
    return _label(voice), made


def _item(excerpt: Excerpt, name: str, family: str, system: str, original: str) -> SoundItem:
    return SoundItem(
        name=name, label="real" if family == "real" else "fake", family=family, system=system,
        speaker=excerpt.speaker, split=excerpt.split, original=original, start=0, samples=1,
    )  # fmt: skip


def _joined(made: list[Made]) -> tuple[list[SoundItem], Steps]:
    """Items with their places, and all samples in a row."""
    items, start = [], 0
    for item, sound in made:
        items.append(item.model_copy(update={"start": start, "samples": len(sound)}))
        start += len(sound)
    return items, np.concatenate([sound for _, sound in made])


def _join_parts(out: Path, seed: int) -> None:
    """The corpus: every fake matched to its recording, everything as of some origin."""
    parts = [
        open_sounds(path)
        for path in sorted(
            (out / "parts").iterdir(), key=lambda p: (not p.name.endswith("-real"), p)
        )
        if (path / "items.csv").is_file()
    ]
    raw = {
        item.name: (item, part.sound(item).astype(np.float32) / np.float32(32768))
        for part in parts
        for item in part.items
    }
    made = [
        (item, _matched(item, sound, raw[name.partition(".")[0]][1], seed))
        for name, (item, sound) in raw.items()
    ]
    items, samples = _joined(made)
    save_sounds(out, items, samples)
    counts = {f: sum(i.family == f for i in items) for f in dict.fromkeys(i.family for i in items)}
    print(f"{len(items)} items, {len(samples) / 16_000 / 3600:.1f} h: {counts} -> {out}")


def _matched(item: SoundItem, sound: Floats, real: Floats, seed: int) -> Steps:
    """One item as the corpus has it; ``real`` is the recording that it belongs to, or itself."""
    rng = _random(seed, item.name, "match")
    if item.family == "tts":
        sound = matching.pauses(sound, real, rng)
    if item.label == "fake":
        sound = matching.match(sound, real, rng, item.family in ("tts", "upsampler"))
    return matching.to_steps(matching.origin(sound, rng), rng)


def _random(seed: int, name: str, family: str) -> np.random.Generator:
    """Draws of one excerpt and family, whatever else is made."""
    words = np.frombuffer(f"{name}/{family}".encode(), np.uint8)
    return np.random.default_rng([seed, *words.tolist()])


def _label(name: str) -> str:
    path = Path(name)
    return f"{path.parent.name}-{path.stem}" if path.suffix else name


if __name__ == "__main__":
    main()
