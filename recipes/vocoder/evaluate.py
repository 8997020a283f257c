"""Take recordings apart and put them together again: how much is lost, as one table.

    python recipes/vocoder/evaluate.py --data ../shared/data --weights vocoder-small \
        --out runs/vocoder/evaluation --sheet recipes/vocoder/sheet.png

Recordings are LibriSpeech rows of ``speech.csv`` of one split (``test``: 20 speakers that no
training saw; choices are made on ``dev``). Mel and pitch are taken of each, brought to speech
level; systems make sound of them. Anchors: the original, WORLD (its analysis at 5 ms, our pitch)
and Griffin-Lim (32 rounds, from the mel). Vocoders by name or path, with ``--engine`` as in
``avsynth dub``. Phoneme errors are against what the recogniser hears in the original.

Writes OUT.md (means, 95 % bootstrap intervals over recordings), OUT.json (every recording, hashes,
settings), and the sheet: spectrograms of three recordings and of what the last system made of them.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.errors import InputError
from avsynth.media import read_audio
from avsynth.metrics import speech
from avsynth.models.synthesis import StreamingVocoder
from avsynth.models.vocoder import Vocoder
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.pitch_track import load_world, pitch_track
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum, mel_filters, window

Floats = NDArray[np.float32]
Copy = Callable[[Floats], Floats]
Row = dict[str, float]

RATE, HOP = 16_000, 160
_WORLD_HOP = 80  # samples: 5 ms
_ROUNDS = 32  # of Griffin-Lim
_DRAWS = 2000
_SHOWN = 3  # recordings on the sheet
#: Columns: title, key, factor, digits.
COLUMNS = (
    ("DNSMOS OVRL", "overall", 1, 2), ("SIG", "signal", 1, 2), ("BAK", "background", 1, 2),
    ("OVRL lost", "lost", 1, 2), ("PESQ-WB", "pesq", 1, 2), ("STOI", "stoi", 1, 3),
    ("ESTOI", "estoi", 1, 3), ("PER, %", "errors", 100, 1), ("MCD, dB", "mcd_noc0", 1, 2),
    ("MCD with c0, dB", "mcd_c0", 1, 2),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Recording:
    """One of a speaker, at speech level, whole frames."""

    name: str
    speaker: str
    sound: Floats


def main() -> None:
    """Make, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    parser.add_argument("--split", default="test", choices=("test", "dev"))
    parser.add_argument("--weights", nargs="+", default=["vocoder-small"])
    parser.add_argument("--engine", default="auto", choices=("auto", "torch", "openvino"))
    parser.add_argument("--anchors", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path, required=True, help="without an ending")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load(options.data, options.split)
    anchors = {"original": lambda sound: sound, "WORLD": world, "Griffin-Lim": griffin_lim}
    systems: dict[str, Copy] = (
        dict(anchors) if options.anchors else {"original": anchors["original"]}
    )
    about = {}
    for name in options.weights:
        model = weights.load(name, options.engine)
        systems[label(name)] = copier(model)
        about[label(name)] = described(name, model, recordings)
    judge = Judge(recordings)
    rows = {name: [judge(r, copy(r.sound)) for r in recordings] for name, copy in systems.items()}
    result = {
        "split": options.split, "recordings": [r.name for r in recordings],
        "speakers": len({r.speaker for r in recordings}), "systems": rows, "vocoders": about,
    }  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    text = "\n".join([*table(rows), "", *speeds(about)]) + "\n"
    options.out.with_suffix(".md").write_text(text, "utf-8")
    print(text)
    if options.sheet:
        from sheet import draw

        shown = recordings[:: max(1, len(recordings) // _SHOWN)][:_SHOWN]
        last, copy = list(systems.items())[-1]
        draw([(r.speaker, r.sound, copy(r.sound)) for r in shown], last, options.sheet)


def load(data: Path, split: str) -> list[Recording]:
    """The split's LibriSpeech rows (train-clean-100); InputError when the list has none."""
    found = []
    with (data / "speech.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == split and row["corpus"] == "LibriSpeech train-clean-100":
                parts = [chunk.samples for chunk in read_audio(data / row["file"], RATE)]
                sound = np.concatenate(parts)
                sound = sound[: len(sound) // HOP * HOP] - sound.mean()
                level = np.float32(SPEECH_LEVEL / speech_level(sound))
                found.append(Recording(Path(row["file"]).stem, row["speaker"], sound * level))
    if not found:
        raise InputError(f"no {split} rows of LibriSpeech train-clean-100", data / "speech.csv")
    return found


def label(name: str) -> str:
    """Of weights in the table: of a file its folder's name too."""
    path = Path(name)
    return name if path.suffix != ".safetensors" else f"{path.parent.name}/{path.stem}"


def copier(model: weights.LoadedModel) -> Copy:
    """Sound to mel and pitch, and back by ``model``, as a stream."""
    return lambda sound: vocoded(model, *heard(sound, model))


def heard(sound: Floats, model: weights.LoadedModel) -> tuple[torch.Tensor, Floats]:
    """Mel (bands, T) and pitch (T,)."""
    spectrum: SpectrumConfig = model.config.spectrum  # type: ignore[attr-defined]
    return log_mel_spectrum(torch.from_numpy(sound), spectrum), pitch_track(sound, HOP)


def vocoded(model: weights.LoadedModel, mel: torch.Tensor, pitch: Floats) -> Floats:
    """Samples (T * hop,)."""
    vocoder = StreamingVocoder(model)
    return np.concatenate([vocoder.push(mel, pitch), vocoder.flush()])


def world(sound: Floats) -> Floats:
    """By CheapTrick, D4C and WORLD's synthesis (Morise et al. 2016), our pitch."""
    library = load_world()
    samples = sound.astype(np.float64)
    pitch = pitch_track(sound, _WORLD_HOP).astype(np.float64)
    times = np.arange(len(pitch)) * _WORLD_HOP / RATE
    parts = [f(samples, pitch, times, RATE) for f in (library.cheaptrick, library.d4c)]
    made = library.synthesize(pitch, *parts, RATE, 1000.0 * _WORLD_HOP / RATE)
    return np.asarray(np.pad(made, (0, HOP))[: len(sound)], np.float32)


def griffin_lim(sound: Floats) -> Floats:
    """Phase made up from the mel's magnitudes (Griffin and Lim 1984), fast variant of librosa."""
    import librosa

    config = SpectrumConfig()
    mel = log_mel_spectrum(torch.from_numpy(sound), config).exp()
    magnitudes = (torch.linalg.pinv(mel_filters(config)).T @ mel).clamp_min(0).numpy()
    made = librosa.griffinlim(
        np.pad(magnitudes, ((0, 0), (0, 1)), mode="edge"), n_iter=_ROUNDS, hop_length=HOP,
        win_length=config.window, window=window(config).numpy(), random_state=0, length=len(sound),
    )  # fmt: skip
    return np.asarray(made, np.float32)


class Judge:
    """All scores of a copy beside its original."""

    def __init__(self, recordings: list[Recording]) -> None:
        self._dnsmos, self._hama = speech.Dnsmos(), speech.PhonemeRecogniser()
        self._own = {r.name: self._alone(r.sound) for r in recordings}

    def __call__(self, recording: Recording, made: Floats) -> Row:
        """Of a copy as long as the recording."""
        mos, phonemes, cepstra = self._own[recording.name]
        its_mos, its_phonemes, its_cepstra = self._alone(made)
        errors = speech.count_errors(phonemes, its_phonemes)
        spoken = cepstra.active
        pair = cepstra.cepstrum[spoken], its_cepstra.cepstrum[spoken]
        return {
            **its_mos._asdict(), "lost": mos.overall - its_mos.overall,
            "pesq": speech.pesq_wb(recording.sound, made),
            "stoi": speech.stoi(recording.sound, made),
            "estoi": speech.estoi(recording.sound, made),
            "edits": errors.edits, "phonemes": errors.length, "errors": errors.rate,
            "mcd_noc0": speech.mcd_noc0(*pair), "mcd_c0": speech.mcd_c0(*pair),
        }  # fmt: skip

    def _alone(self, sound: Floats) -> tuple[speech.Mos, list[str], speech.Cepstra]:
        return self._dnsmos(sound), self._hama(sound), speech.Cepstra.of(sound)


def described(name: str, model: weights.LoadedModel, recordings: list[Recording]) -> dict[str, Any]:
    """Hash, parameters, and real-time factors of a minute or more: mel and pitch -> samples."""
    network = weights.read(name).network
    assert isinstance(network, Vocoder)
    sound = np.concatenate([r.sound for r in recordings])
    mel, pitch = heard(sound, model)
    seconds, speed = len(sound) / RATE, {}
    for engine in ("torch", "openvino"):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            ready = weights.load(name, engine)
            vocoded(ready, mel[:, :1000], pitch[:1000])
            start, began = time.process_time(), time.perf_counter()
            vocoded(ready, mel, pitch)
            speed[f"{engine} {threads}"] = {
                "wall": (time.perf_counter() - began) / seconds,
                "processor": (time.process_time() - start) / seconds,
            }
    torch.set_num_threads(1)
    return {
        "sha256": model.sha256, "engine": model.engine, "precision": model.precision,
        "parameters": speech.parameter_count([network]), "seconds": seconds, "speed": speed,
    }  # fmt: skip


def table(systems: dict[str, list[Row]]) -> list[str]:
    """Markdown: a line a system, means and intervals."""
    lines = [
        f"| | {' | '.join(title for title, *_ in COLUMNS)} |",
        "|---" * (1 + len(COLUMNS)) + "|",
    ]
    for name, rows in systems.items():
        cells = []
        for _, key, factor, digits in COLUMNS:
            values = np.array([row[key] for row in rows]) * factor
            draws = np.random.default_rng(0).choice(values, (_DRAWS, len(values))).mean(axis=1)
            low, high = np.quantile(draws, (0.025, 0.975))
            cells.append(f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def speeds(about: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown: seconds a second of sound, by engine and threads."""
    lines = [
        "| | parameters | engine, threads | real-time factor | processor s/s |",
        "|---|---|---|---|---|",
    ]
    for name, each in about.items():
        lines += [
            f"| {name} | {each['parameters']:,} | {how} | {s['wall']:.4f} | {s['processor']:.4f} |"
            for how, s in each["speed"].items()
        ]
    return lines


if __name__ == "__main__":
    main()
