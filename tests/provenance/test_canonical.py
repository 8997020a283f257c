"""Canonical JSON is RFC 8785, and hostile JSON is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsynth.errors import ConsentError
from avsynth.provenance.canonical import MAX_BYTES, canonical, load_object, parse


@pytest.mark.parametrize(
    ("bits", "expected"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555555", "333333333.3333333"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_rfc_says(bits: str, expected: str) -> None:
    assert canonical(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == expected


def test_keys_are_sorted_by_utf16_and_strings_escaped_as_the_rfc_says() -> None:
    document = {"\u20ac": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\ufb33": 5, "a": '\x0f\n"\\/é'}
    assert canonical(document).decode() == (
        '{"\\r":2,"1":3,"a":"\\u000f\\n\\"\\\\/é","€":1,"😀":4,"\ufb33":5}'
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_is_canonical_reads_back_as_the_same_and_stays_so(document: object) -> None:
    once = canonical(document)
    again = json.loads(once, parse_int=float)  # to RFC 8785, all numbers are doubles
    assert again == document
    assert canonical(again) == once


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b"\xff",
        b"{",
        b"",
        b'{"a": 9007199254740993}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"1" * 5000,
    ],
)
def test_hostile_json_is_refused_in_one_short_line(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]{1,100}$"):
        parse(raw)


@pytest.mark.parametrize(
    "content", [None, b"[]", b"x" * (MAX_BYTES + 1)], ids=["missing", "list", "huge"]
)
def test_files_that_hold_no_object_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConsentError, match="consent record"):
        load_object(path, what="consent record", error=ConsentError)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="cannot read"):
        load_object(tmp_path, what="consent record", error=ConsentError)
