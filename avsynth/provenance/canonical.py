"""JSON that can be signed: strict reading of hostile files, canonical writing (RFC 8785)."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from avsynth.errors import AvsynthError, InputError

MAX_BYTES = 16 * 2**20  # a data set record of some 100,000 files
MAX_DEPTH = 32
_MAX_INTEGER = 2**53 - 1  # beyond it, readers in other languages disagree about the value


def canonical(document: Any) -> bytes:
    """The RFC 8785 form of a JSON value: sorted keys, no white space, UTF-8.

    Args:
        document: dicts with string keys, lists, strings, booleans, None, finite floats and
            integers of at most 53 bits.

    Raises:
        ValueError: for anything that JSON cannot hold in the same way everywhere.
    """
    return _write(document).encode("utf-8")


def sha256_of(document: Any) -> str:
    """SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(document)).hexdigest()


def load_object(path: Path, *, what: str, error: type[AvsynthError] = InputError) -> dict[str, Any]:
    """Read one JSON object from a file that nobody vouches for.

    Args:
        path: the file; read once, at most ``MAX_BYTES``.
        what: what the file should be, for the message ("consent record").
        error: the member of the family that is raised.

    Raises:
        error: missing, a directory, unreadable, too large, not UTF-8, not JSON, not an object,
            nested too deeply, a key that occurs twice, a number that JSON cannot hold.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise error(f"cannot read the {what}: {problem.strerror}", path) from problem
    if len(raw) > MAX_BYTES:
        raise error(f"this {what} is larger than {MAX_BYTES // 2**20} MB", path)
    try:
        document = parse(raw)
    except ValueError as problem:
        raise error(f"not a {what}: {problem}", path) from problem
    if not isinstance(document, dict):
        raise error(f"not a {what}: not a JSON object", path)
    return document


def parse(raw: bytes) -> Any:
    """Parse UTF-8 JSON strictly.

    Raises:
        ValueError: with one short line, for whatever ``load_object`` lists about the content.
    """
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_a_number,
            parse_int=_integer,
        )
    except UnicodeDecodeError as problem:
        raise ValueError("not UTF-8") from problem
    except json.JSONDecodeError as problem:
        raise ValueError(f"not JSON (line {problem.lineno}: {problem.msg})") from problem
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    canonical(document)  # refuses depth, huge integers and lone surrogates in one go
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        # Two readers may pick different ones of the two, so one would check what the other ignores.
        raise ValueError("a key occurs twice in one object")
    return result


def _integer(digits: str) -> int:
    if len(digits) > 20:  # int() is slow on long ones, and refuses very long ones at length
        raise ValueError("an integer of more than 53 bits")
    return int(digits)


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _write(value: Any, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise ValueError("an integer of more than 53 bits")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_write(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict):
        # RFC 8785 sorts by UTF-16 code units, which differs from Python's order above U+FFFF.
        items = sorted(value.items(), key=lambda item: _sort_key(item[0]))
        return "{" + ",".join(f"{_string(k)}:{_write(v, depth + 1)}" for k, v in items) + "}"
    raise ValueError(f"{type(value).__name__} is not a JSON value")


def _sort_key(key: Any) -> bytes:
    if not isinstance(key, str):
        raise ValueError("a key that is not a string")
    return key.encode("utf-16-be", "surrogatepass")


def _string(value: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("half of a surrogate pair in a string")
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """A float as ECMAScript prints it (which RFC 8785 prescribes)."""
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if value == 0:
        return "0"
    sign, text = ("-", repr(-value)) if value < 0 else ("", repr(value))
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?(?:e([+-]\d+))?", text)
    assert match is not None, text  # repr of a finite float always has this form
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    point = len(whole) + exponent  # position of the decimal point in `digits`
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{point - 1:+d}"
