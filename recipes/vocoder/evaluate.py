"""Take recordings apart and put them together again: how much is lost, as one table.

    python recipes/vocoder/evaluate.py --data ../shared/data --weights vocoder-small \
        --out runs/vocoder/evaluation --sheet recipes/vocoder/sheet.jpg

Recordings are LibriSpeech rows of ``speech.csv`` of one split (``test``: 20 speakers that no
training saw; choices are made on ``dev``). Mel and pitch are taken of each, brought to speech
level; systems make sound of them. Anchors: the original, WORLD (its analysis at 5 ms, our pitch)
and Griffin-Lim (32 rounds, from the mel). Vocoders by name or path, with ``--engine`` as in
``avsynth dub``. Phoneme errors are against what the recogniser hears in the original. PESQ-WB is
given of the sounds and of what of them lies above 120 Hz: hum below can mislead its alignment.

Real-time factors are of mel and pitch -> samples, of all recordings on end; they say something
only on an idle machine. ``--speed-only`` measures nothing else.

Writes OUT.md (means, 95 % bootstrap intervals over recordings), OUT.json (every recording, hashes,
settings), and the sheet: spectrograms of three recordings and of what the last system made of them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from copies import (
    RATE,
    Copy,
    Floats,
    Recording,
    copier,
    griffin_lim,
    heard,
    label,
    load,
    vocoded,
)
from scipy.signal import butter, sosfiltfilt

from avsynth import weights
from avsynth.metrics import speech
from avsynth.models.vocoder import Vocoder
from avsynth.speech.world import world_copy

Row = dict[str, float]

_DRAWS = 2000
_SHOWN = 3  # recordings on the sheet
_RUMBLE = butter(4, 120.0, "high", fs=RATE, output="sos")
#: Columns: title, key, factor, digits.
COLUMNS = (
    ("DNSMOS OVRL", "overall", 1, 2), ("SIG", "signal", 1, 2), ("BAK", "background", 1, 2),
    ("OVRL lost", "lost", 1, 2), ("PESQ-WB", "pesq", 1, 2), ("above 120 Hz", "pesq_high", 1, 2),
    ("STOI", "stoi", 1, 3), ("ESTOI", "estoi", 1, 3), ("PER, %", "errors", 100, 1),
    ("MCD, dB", "mcd_noc0", 1, 2), ("MCD with c0, dB", "mcd_c0", 1, 2),
)  # fmt: skip


def main() -> None:
    """Make, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    parser.add_argument("--split", default="test", choices=("test", "dev"))
    parser.add_argument("--weights", nargs="+", default=["vocoder-small"])
    parser.add_argument("--engine", default="auto", choices=("auto", "torch", "openvino"))
    parser.add_argument("--anchors", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--out", type=Path, required=True, help="without an ending")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load(options.data, options.split)
    models = {label(name): weights.load(name, options.engine) for name in options.weights}
    about = {
        label(name): described(name, models[label(name)], recordings) for name in options.weights
    }
    systems: dict[str, Copy] = {"original": lambda sound: sound}
    if options.anchors:
        systems |= {"WORLD": world_copy, "Griffin-Lim": griffin_lim}
    systems |= {name: copier(model) for name, model in models.items()}
    rows: dict[str, list[Row]] = {}
    if not options.speed_only:
        judge = Judge(recordings)
        for name, copy in systems.items():
            rows[name] = [judge(r, copy(r.sound)) for r in recordings]
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
        high = (sosfiltfilt(_RUMBLE, x) for x in (recording.sound, made))
        return {
            **its_mos._asdict(), "lost": mos.overall - its_mos.overall,
            "pesq": speech.pesq_wb(recording.sound, made),
            "pesq_high": speech.pesq_wb(*high),
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
