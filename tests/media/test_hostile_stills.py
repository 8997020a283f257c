"""Small files that state enormous pictures are refused before memory is taken for them."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from avsynth.errors import InputError
from avsynth.media.still import read_still

SIDE = 30_000


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1 << 16)))
    return b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b"")


def jpeg() -> bytes:
    """A real one of 64 pixels whose frame header says another size: OpenCV makes grey of it."""
    data = bytearray(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    place = data.find(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", SIDE, SIDE)
    return bytes(data)


def gif() -> bytes:
    size = struct.pack("<HH", SIDE, SIDE)
    colours = b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + size + colours + b"\x2c\0\0\0\0" + size + b"\0\x02\x02\x44\x01\0;"


def bmp() -> bytes:
    about = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, 100, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 154, 0, 0, 54) + about + bytes(100)


BOMBS = {"png": png, "jpg": jpeg, "gif": gif, "bmp": bmp}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(BOMBS[kind]())

    def decoded(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", decoded)
    with pytest.raises(InputError, match=r"enormous|too large"):
        read_still(path)


def test_a_png_that_says_it_is_longer_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV takes the memory for a chunk by its length alone: 4 GB for a file of 100 bytes."""
    whole = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    path = tmp_path / "long.png"
    path.write_bytes(whole[:-12] + b"\xff\xff\xff\xffIDAT" + whole[-12:])
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="longer than it is"):
        read_still(path)


def test_the_command_decodes_no_bomb_whoever_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(jpeg())
    code = (
        "import sys; path = sys.argv.pop(); sys.argv.append('--version')\n"
        "from avsynth.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import cv2, numpy\n"
        "try: cv2.imdecode(numpy.fromfile(path, 'uint8'), cv2.IMREAD_COLOR)\n"
        "except cv2.error as error: assert 'MAX_IMAGE_PIXELS' in str(error), error\n"
        "else: sys.exit('it was decoded')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
