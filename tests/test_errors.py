"""The error family: one printable line each, and the documented exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsynth import errors
from avsynth.errors import AvsynthError, ExitCode, InputError

CODES = {
    "UsageError": 2, "InputError": 3, "NothingToDoError": 4, "ConsentError": 5, "WeightsError": 6,
    "ResourceError": 7, "PartialError": 8, "NoCredentialsError": 13, "InvalidCredentialsError": 14,
}  # fmt: skip


def test_exit_codes_are_those_of_the_design() -> None:
    family = {
        name: int(kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, AvsynthError) and kind is not AvsynthError
    }
    assert family == CODES
    assert sorted(ExitCode) == [0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14]


@pytest.mark.parametrize("code", [code for code in ExitCode if not 10 <= code <= 12])
def test_exit_codes_are_documented(code: ExitCode) -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert f"{int(code)} " in readme.read_text() or f"`{int(code)}`" in readme.read_text()


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = InputError("is broken", Path("a b.mp4"), "get another")
    assert str(error) == "'a b.mp4': is broken (get another)"
    assert str(InputError("is broken")) == "is broken"


@given(st.text(), st.text(), st.text())
def test_it_is_one_printable_line_whatever_the_name(what: str, path: str, hint: str) -> None:
    assert str(InputError(what, path, hint)).isprintable()


def test_names_that_are_no_text() -> None:
    assert str(InputError("x", "\udcff.mp4")).isprintable()
