"""Damage to media files: random bytes, and the lengths, times and order of their parts.

The same seed and number give the same damage to the same file.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

#: Numbers where parsers break: none, one, all bits, the last with and the first without a sign.
EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1,
            2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_NESTED = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"moof", b"traf", b"mvex",
           b"dinf", b"jumb"}  # fmt: skip
_MASTERS = {
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0xAE,
    0xE0,
    0xE1,
    0x1F43B675,
    0x1C53BB6B,
    0xBB,
    0xB7,
    0x1043A770,
    0x45B9,
    0xB6,
    0x1254C367,
    0x7373,
    0x114D9B74,
    0x4DBB,
    0xA0,
}
_MOST_PARTS = 400


@dataclass(frozen=True)
class Part:
    """A stretch of a file with a length of its own: ``data[at : at + width]``, by ``order``."""

    start: int
    end: int
    at: int
    width: int
    order: str = "big"


def parts(data: bytes) -> list[Part]:
    """The boxes, elements, chunks, pages or segments of a file; none where it has no such thing."""
    for fits, find in _FINDERS:
        if fits(data):
            found = []
            for part in find(data):
                found.append(part)
                if len(found) >= _MOST_PARTS:
                    break
            return found
    return []


def _boxes(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        size = size if 8 <= size <= end - start else end - start
        yield Part(start, start + size, start, 4)
        if depth < 8 and (kind in _NESTED or kind in (b"meta", b"ilst")):
            yield from _boxes(data, start + (12 if kind == b"meta" else 8), start + size, depth + 1)
        elif kind == b"stsd":
            yield from _boxes(data, start + 16, start + size, depth + 1)
        start += size


def _elements(
    data: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[Part]:
    end = len(data) if end is None else end
    while start + 2 <= end and data[start]:
        tag_width = 9 - data[start].bit_length()
        at = start + tag_width
        if at >= end or not data[at]:
            return
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        begin = at + width
        stop = min(end, begin + size)
        yield Part(start, stop, at, width)
        if depth < 6 and int.from_bytes(data[start:at], "big") in _MASTERS:
            yield from _elements(data, begin, stop, depth + 1)
        start = max(stop, begin)


def _riff(data: bytes) -> Iterator[Part]:
    yield Part(0, len(data), 4, 4, "little")
    waiting = [(12, len(data))]
    while waiting:
        start, end = waiting.pop()
        while start + 8 <= end:
            size = int.from_bytes(data[start + 4 : start + 8], "little")
            stop = min(end, start + 8 + size + (size & 1))
            yield Part(start, stop, start + 4, 4, "little")
            if data[start : start + 4] == b"LIST":
                waiting.append((start + 12, stop))
            start = stop


def _png(data: bytes) -> Iterator[Part]:
    start = 8
    while start + 12 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        stop = min(len(data), start + 12 + size)
        yield Part(start, stop, start, 4)
        start = stop


def _jpeg(data: bytes) -> Iterator[Part]:
    start = 2
    while start + 4 <= len(data) and data[start] == 0xFF:
        size = int.from_bytes(data[start + 2 : start + 4], "big")
        stop = min(len(data), start + 2 + max(size, 2))
        yield Part(start, stop, start + 2, 2)
        if data[start + 1] == 0xDA:
            return
        start = stop


def _ogg(data: bytes) -> Iterator[Part]:
    start = data.find(b"OggS")
    while start >= 0:
        following = data.find(b"OggS", start + 4)
        end = following if following > 0 else len(data)
        yield Part(start, end, start + 6, 8, "little")  # the position counts as its length
        yield Part(start, end, start + 26, 1)
        start = following


def _flac(data: bytes) -> Iterator[Part]:
    start = 4
    while start + 4 <= len(data):
        stop = min(len(data), start + 4 + int.from_bytes(data[start + 1 : start + 4], "big"))
        yield Part(start, stop, start + 1, 3)
        if data[start] & 0x80:
            return
        start = stop


def _flv(data: bytes) -> Iterator[Part]:
    start = 13
    while start + 11 <= len(data):
        stop = start + 15 + int.from_bytes(data[start + 1 : start + 4], "big")
        yield Part(start, min(stop, len(data)), start + 1, 3)
        yield Part(start, min(stop, len(data)), start + 4, 3)  # its time
        start = stop


def _even(size: int) -> Callable[[bytes], Iterator[Part]]:
    def found(data: bytes) -> Iterator[Part]:
        for start in range(0, len(data), size):
            yield Part(start, min(start + size, len(data)), start, 4)

    return found


def _asf(data: bytes) -> Iterator[Part]:
    start = 0
    while start + 24 <= len(data):
        size = int.from_bytes(data[start + 16 : start + 24], "little")
        yield Part(start, min(start + size, len(data)), start + 16, 8, "little")
        start += 30 if start == 0 else max(size, 24)


_FINDERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[Part]]], ...] = (
    (lambda d: d[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"jP  ", b"jumb"), _boxes),
    (lambda d: d[:4] == b"\x1aE\xdf\xa3", _elements),
    (lambda d: d[:4] == b"RIFF", _riff),
    (lambda d: d[:4] == b"\x89PNG", _png),
    (lambda d: d[:2] == b"\xff\xd8", _jpeg),
    (lambda d: d[:4] == b"OggS", _ogg),
    (lambda d: d[:4] == b"fLaC", _flac),
    (lambda d: d[:3] == b"FLV", _flv),
    (lambda d: d[:4] == b"\x30\x26\xb2\x75", _asf),
    (lambda d: d[:1] == b"\x47" and d[188:189] == b"\x47", _even(188)),
    (lambda d: d[:4] == b"\0\0\x01\xba", _even(2048)),
)


def _bits(data: bytearray, dice: random.Random, other: bytes) -> None:
    for _ in range(dice.choice((1, 2, 8, 64))):
        data[_place(data, dice)] ^= 1 << dice.randrange(8)


def _run(data: bytearray, dice: random.Random, other: bytes) -> None:
    start = _place(data, dice)
    length = dice.choice((1, 4, 16, 256, 4096))
    value = dice.choice((b"\0", b"\xff", b"\x80", None))
    stop = min(len(data), start + length)
    data[start:stop] = dice.randbytes(stop - start) if value is None else value * (stop - start)


def _cut_off(data: bytearray, dice: random.Random, other: bytes) -> None:
    del data[dice.randrange(len(data)) :]


def _word(data: bytearray, dice: random.Random, other: bytes) -> None:
    """Extremes in fields of the headers: sizes, rates, times, counts."""
    for _ in range(dice.choice((1, 1, 3))):
        width = dice.choice((1, 2, 4, 4, 8))
        at = _place(data, dice) // 2 * 2
        _put(data, at, width, dice.choice(EXTREMES), dice.choice(("big", "little")))


def _length(data: bytearray, dice: random.Random, other: bytes) -> None:
    found = parts(bytes(data))
    if not found:
        _word(data, dice, other)
        return
    part = dice.choice(found)
    now = int.from_bytes(data[part.at : part.at + part.width], part.order)  # type: ignore[arg-type]
    near = (now + 1, max(now - 1, 0), now * 2, now // 2, len(data))
    _put(data, part.at, part.width, dice.choice((*EXTREMES, *near)), part.order)


def _inside(data: bytearray, dice: random.Random, other: bytes) -> None:
    """An extreme in a small part, which a header is, rather than in the pictures."""
    found = [part for part in parts(bytes(data)) if part.end - part.start < 600]
    if not found:
        _word(data, dice, other)
        return
    part = dice.choice(found)
    at = dice.randrange(part.start, max(part.end, part.start + 1))
    _put(data, at, dice.choice((1, 2, 4, 8)), dice.choice(EXTREMES), dice.choice(("big", "little")))


def _moved(data: bytearray, dice: random.Random, other: bytes) -> None:
    """Whole parts doubled, lost, exchanged."""
    found = parts(bytes(data))
    if not found:
        start, stop = sorted((_place(data, dice), _place(data, dice)))
        found = [Part(start, stop, start, 4)]
    part = dice.choice(found)
    piece = bytes(data[part.start : part.end])
    what = dice.randrange(4)
    if what == 0:
        data[part.end : part.end] = piece * dice.choice((1, 2, 20 if len(piece) < 2000 else 1))
    elif what == 1:
        del data[part.start : part.end]
    elif what == 2:
        second = dice.choice(found)
        data[part.start : part.end] = data[second.start : second.end]
    else:  # into itself: nesting
        data[part.at + part.width : part.at + part.width] = piece


def _splice(data: bytearray, dice: random.Random, other: bytes) -> None:
    start = _place(data, dice)
    begin = dice.randrange(len(other))
    if dice.random() < 0.5:
        data[start:] = other[begin:]
    else:
        data[start:start] = other[begin : begin + dice.choice((64, 1024, 16384))]


_MUTATIONS: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    _bits, _run, _cut_off, _word, _length, _length, _inside, _inside, _moved, _moved, _splice,
)  # fmt: skip


def mutated(data: bytes, dice: random.Random, others: Sequence[bytes]) -> tuple[bytes, str]:
    """A damaged copy, and the names of what was done to it."""
    found, done = bytearray(data), []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        mutation = dice.choice(_MUTATIONS)
        mutation(found, dice, dice.choice(others))
        done.append(mutation.__name__[1:])
        if not found:
            found += b"\0"
    if found[:4] == b"\x89PNG" and dice.random() < 0.7:
        _mend_sums(found)
    return bytes(found), "+".join(done)


def _place(data: bytearray, dice: random.Random) -> int:
    """Half of them in the first two thousand bytes, where headers mostly are."""
    most = min(len(data), 2048) if dice.random() < 0.5 else len(data)
    return dice.randrange(max(most, 1))


def _put(data: bytearray, at: int, width: int, value: int, order: str) -> None:
    value &= (1 << 8 * width) - 1
    coded = value.to_bytes(width, order)  # type: ignore[arg-type]
    data[at : at + width] = coded[: max(0, len(data) - at)]


def _mend_sums(data: bytearray) -> None:
    """Right check sums, so that the damage is not seen by them."""
    for part in list(_png(bytes(data))):
        body = bytes(data[part.start + 4 : part.end - 4])
        data[part.end - 4 : part.end] = struct.pack(">I", zlib.crc32(body))
