"""What tests of conversion share: speech of nobody, a stored voice of nobody, records, decoding."""

from __future__ import annotations

import functools
import hashlib
import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import soxr
from dub_helpers import LINE, PERSON, Done, command, shared_folder
from numpy.typing import NDArray

from avsynth.media import read_audio
from avsynth.models.listening import listen
from avsynth.models.voice_print import Voice
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.weights.voices import write_voice

Floats = NDArray[np.float32]


@functools.cache
def speech(rate: int = 16000, seconds: float = 6.9) -> Floats:
    """The demo's line, (n,)."""
    samples, stored = soundfile.read(LINE, dtype="float32")
    return np.asarray(soxr.resample(samples, stored, rate)[: round(seconds * rate)], np.float32)


@functools.cache
def nobody() -> Voice:
    """The spectrum of the demo person at twice the pitch: another voice than that of the line."""
    heard = listen(chunk.samples for chunk in read_audio(PERSON, 16000))
    return Voice(
        embedding=np.eye(128, dtype=np.float32)[0],
        spectrum_mean=heard.spectrum_mean,
        spectrum_std=heard.spectrum_std,
        pitch=PitchStatistics(math.log(210.0), 0.2, heard.pitch.voiced),
        seconds=0.0,
        spread=0.0,
        synthetic=True,
        encoder="0" * 64,
    )


@functools.cache
def stored_voice() -> Path:
    """The same as a file."""
    path = shared_folder() / "nobody.safetensors"
    write_voice(path, nobody(), {"imagined": {"seed": 0, "distance": 1.0}})
    return path


def write_record(media: list[Path], out: Path, kind: str = "synthetic", **more: Any) -> Path:
    """A record of this machine that covers ``media``."""
    if kind == "dataset":
        record = consents.new_dataset("tests", "CC-BY-4.0", media, **more)
    else:
        nearest = Nearest(distance=1, threshold=0.5, measure="none", compared=1)
        purposes = ["demonstration", "commercial"]
        record = consents.new_synthetic("nobody", media, nearest, purposes, **more)
    consents.save(consents.sign(record), out)
    return out


@functools.cache
def voice_record(kind: str = "synthetic") -> Path:
    """One that covers the stored voice."""
    return write_record([stored_voice()], shared_folder() / f"nobody-{kind}.json", kind)


def wav(path: Path, samples: Floats, rate: int = 16000, subtype: str = "PCM_16") -> Path:
    """A sound file."""
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def convert_command(source: object, out: Path, *more: object, consent: object = None) -> Done:
    """``avsynth convert`` to the stored voice by WORLD."""
    return command(
        "convert", source, "--to", stored_voice(), "--consent", consent or voice_record(),
        "-o", out, "--weights", "world", *more,
    )  # fmt: skip


def decoded(path: Path, rate: int, stream: int = 0) -> Floats:
    """All samples (n, channels)."""
    chunks = [c.samples for c in read_audio(path, rate, stream=stream, mono=False)]
    samples = np.concatenate(chunks)
    return samples.reshape(len(samples), -1)


def packets(path: Path, kind: str) -> list[list[tuple[Any, ...]]]:
    """Of each stream of a kind: time, decoding time and content of every packet."""
    with av.open(str(path)) as container:
        found: dict[int, list[tuple[Any, ...]]] = {
            stream.index: [] for stream in container.streams if stream.type == kind
        }
        for packet in container.demux():
            if packet.stream_index in found and packet.size:
                seconds = [t and t * packet.time_base for t in (packet.pts, packet.dts)]
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                found[packet.stream_index].append((*seconds, packet.is_keyframe, digest))
    return list(found.values())
