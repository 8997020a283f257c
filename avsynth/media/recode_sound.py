"""Sound through a lossy codec and back, in memory."""

from __future__ import annotations

import io
from typing import Any, Literal, get_args

import av
import av.container
import numpy as np
from av.audio.frame import AudioFrame

from avsynth.errors import UsageError
from avsynth.media.audio import Samples

SoundCodec = Literal["mp3", "aac", "opus", "mulaw"]
SOUND_CODECS: tuple[SoundCodec, ...] = get_args(SoundCodec)

#: Name -> encoder, container, sample format, and the rates that it takes.
_CODECS: dict[str, tuple[str, str, str, tuple[int, ...]]] = {
    "mp3": ("libmp3lame", "mp3", "fltp", (8000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "aac": ("aac", "adts", "fltp", (8000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "opus": ("libopus", "ogg", "flt", (8000, 12000, 16000, 24000, 48000)),
    "mulaw": ("pcm_mulaw", "wav", "s16", (8000,)),
}
_OPUS_RATE = 48_000  # of whatever an Opus decoder gives
_AAC_PRIMING = 1024  # samples that FFmpeg's encoder puts first; a bare AAC stream does not say so


def recode_sound(samples: Samples, rate: int, codec: SoundCodec, bit_rate: int = 64_000) -> Samples:
    """Mono samples (N,) as they come back from a codec: float32 (N,), the delay taken out.

    Args:
        samples: float32, nominally -1..1 (what lies beyond is clipped).
        rate: of the samples; where the codec does not know it, the sound is resampled on the way.
        codec: "mulaw" is telephony: G.711 at 8 kHz whatever the bit rate.
        bit_rate: bits a second; encoders take the nearest that they can do.

    Raises:
        UsageError: no such codec.
    """
    if codec not in _CODECS:
        raise UsageError(f"no sound codec is called {codec!r}", hint=", ".join(_CODECS))
    if not len(samples):
        return np.zeros(0, np.float32)
    encoder, kind, form, rates = _CODECS[codec]
    coded = next((each for each in rates if each >= rate), rates[-1])
    clipped = np.clip(np.nan_to_num(_resampled(samples, rate, coded)), -1, 1)
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        _encode(container, encoder, form, clipped, coded, bit_rate)
    file.seek(0)
    decoded = _decode(file)[_AAC_PRIMING if codec == "aac" else 0 :]
    back = _resampled(decoded, _OPUS_RATE if codec == "opus" else coded, rate)[: len(samples)]
    return np.asarray(np.pad(back, (0, len(samples) - len(back))), np.float32)


def _encode(
    container: av.container.OutputContainer, encoder: str, form: str, samples: Samples, rate: int,
    bit_rate: int,
) -> None:  # fmt: skip
    stream: Any = container.add_stream(encoder, rate=rate)
    stream.codec_context.layout = "mono"
    stream.codec_context.format = form
    if not encoder.startswith("pcm"):
        stream.codec_context.bit_rate = bit_rate
    data: Any = samples[None] if form != "s16" else np.rint(samples[None] * 32767).astype(np.int16)
    planes: Any = np.ascontiguousarray(data)
    frame = AudioFrame.from_ndarray(planes, form, "mono")
    frame.sample_rate = rate
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        container.mux(packet)


def _decode(file: io.BytesIO) -> Samples:
    parts = []
    with av.open(file, "r") as container:
        for frame in container.decode(audio=0):
            data: Any = frame.to_ndarray().reshape(-1)
            parts.append(data.astype(np.float32) / (32768 if data.dtype == np.int16 else 1))
    return np.concatenate(parts)


def _resampled(samples: Samples, source: int, target: int) -> Samples:
    import soxr

    plain = np.asarray(samples, np.float32)
    return plain if source == target else np.asarray(soxr.resample(plain, source, target))
