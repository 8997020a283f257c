"""Media whose metadata are hostile, made with the usual library."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from c2pa_forms import actions, sign
from media_bases import KINDS, make_bases

_FIELDS = ("title", "artist", "album", "comment", "description", "copyright", "encoder", "genre")
KINDS_TAGGED = ("h264-aac.mp4", "variable.mkv", "sound.mp3", "sound.flac", "sound.opus", "s16.wav")


def tagged(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Films and sounds of several containers with the texts wherever there is a place for one."""
    kinds = [kind for kind in KINDS if kind.name in KINDS_TAGGED]
    return [
        _copy(path, folder / f"tagged-{name}", texts)
        for name, path in make_bases(folder / "plain", (), kinds).items()
    ]


def _copy(source: Path, target: Path, texts: dict[str, str]) -> Path:
    """The same streams under other names."""
    words = [text.replace("\0", "") for text in texts.values()]
    with av.open(str(source)) as opened, av.open(str(target), "w") as output:
        for number, field in enumerate((*_FIELDS, *texts)):
            output.metadata[field] = words[number % len(words)]
        streams: dict[int, Any] = {}
        for number, stream in enumerate(opened.streams):
            if stream.type in ("video", "audio"):
                made = output.add_stream_from_template(stream)
                made.metadata["language"] = words[number % len(words)][:60]
                made.metadata["handler_name"] = made.metadata["title"] = words[-1 - number]
                streams[stream.index] = made
        if target.suffix in (".mp4", ".mkv"):
            output.set_chapters([
                {"id": n, "start": 10 * n, "end": 10 * n + 10, "time_base": Fraction(1, 1000),
                 "metadata": {"title": word}} for n, word in enumerate(words)
            ])  # fmt: skip
        for packet in opened.demux(*[s for s in opened.streams if s.index in streams]):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return target


def stills(folder: Path, texts: dict[str, str]) -> list[Path]:
    """A PNG with text chunks and a JPEG with comments, invalid UTF-8 among them."""
    made = make_bases(
        folder / "stills", (), [k for k in KINDS if k.name in ("still.png", "still.jpg")]
    )
    png, jpg = made["still.png"].read_bytes(), made["still.jpg"].read_bytes()
    chunks = b"".join(
        _chunk(b"tEXt", b"Title\0" + text.encode("utf-8", "replace")[:5000])
        for text in texts.values()
    )
    comments = b"".join(
        b"\xff\xfe" + struct.pack(">H", 2 + len(data)) + data
        for data in (text.encode()[:5000] + b"\xff\xfe\x80" for text in texts.values())
    )
    made["still.png"].write_bytes(png[:33] + chunks + png[33:])
    made["still.jpg"].write_bytes(jpg[:2] + comments + jpg[2:])
    return list(made.values())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def signed(source: Path, target: Path, texts: dict[str, str]) -> Path:
    """Credentials that hold, every word in them hostile, with an ingredient like that."""
    words = [text.replace("\0", "")[:20_000] for text in texts.values()]
    said = {
        "title": words[0],
        "claim_generator_info": [{"name": words[1], "version": words[2]}],
        "assertions": [
            actions(*(
                {"action": word[:300], "description": word, "softwareAgent": {"name": word},
                 "digitalSourceType": word, "parameters": {"x": word}} for word in words
            )),
            {"label": "org.avsynth.consent", "kind": "Json",
             "data": {"record_sha256": words[3], "kind": words[8:11], "person": words}},
            {"label": "org.avsynth.making", "kind": "Json",
             "data": {"models": [{"name": w, "sha256": w} for w in words] + [7, None]}},
            {"label": "com.example.x", "kind": "Json", "data": {word: word for word in words}},
        ],
    }  # fmt: skip
    parent = {"title": words[4], "relationship": "componentOf"}
    sign(source, target, said, ((source, parent),))
    return target
