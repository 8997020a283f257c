"""Inputs that are deleted, cut, or replaced while they are worked on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import LINE, leftovers, short_person, write_consent
from fault_runs import LONG, write_table
from reenact_helpers import covers, film, person, portrait

from avsynth.errors import InputError
from avsynth.pipelines.convert import convert
from avsynth.pipelines.convert_inputs import ConvertOptions
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.progress import Step
from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions

_ROWS: list[dict[str, object]] = []


def delete(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def replace(path: Path) -> None:
    """By another file of the same kind, in one step."""
    other = path.with_name(f"other{path.suffix}")
    shutil.copyfile(short_person() if path.suffix == ".mp4" else LINE, other)
    if path.suffix == ".flac":
        samples = bytearray(LINE.read_bytes())
        samples[-1] ^= 1  # as good as the same
        other.write_bytes(samples)
    other.replace(path)


def write_over(path: Path) -> None:
    """The content alone: the same file, written over."""
    data = bytearray(path.read_bytes())
    data += b"\0" * 8  # what no decoder minds
    path.write_bytes(data)


HARMS = (delete, cut, replace, write_over)


class Once:
    """Harms a file when a stage is reached."""

    def __init__(self, stage: str, harm: Callable[[Path], None], path: Path) -> None:
        self._stage, self._harm, self._path = stage, harm, path
        self.done = False

    def __call__(self, step: Step) -> None:
        if step.stage == self._stage and not self.done:
            self.done = True
            self._harm(self._path)


def dubbing(folder: Path, once: Callable[[Path], Once]) -> Once:
    given = Path(shutil.copyfile(short_person(frames=12), folder / "in.mp4"))
    at = once(given)
    record = write_consent(given, folder / "c.json")
    dub(given, [("largest", LINE)], record, folder / "out.mp4", DubOptions(), progress=at)
    return at


def converting(folder: Path, once: Callable[[Path], Once]) -> Once:
    given = Path(shutil.copyfile(LINE, folder / "in.flac"))
    at = once(given)
    options = ConvertOptions(weights="world")
    convert(given, [stored_voice()], voice_record(), folder / "out.flac", options, progress=at)
    return at


def reenacting(folder: Path, once: Callable[[Path], Once]) -> Once:
    given = film(folder / "in.mp4", list(person()[:6]))
    at = once(given)
    record = covers(folder / "c.json", portrait(), given)
    options = ReenactOptions(quality="fast", audio="none")
    reenact(portrait(), given, record, folder / "out.mp4", options, progress=at)
    return at


CASES = [(dubbing, s) for s in ("networks", "faces", "mouths", "sync", "join and sign")]
CASES += [(converting, s) for s in ("networks", "listening", "converting", "writing", "sign")]
CASES += [(reenacting, s) for s in ("networks", "faces", "portrait", "join and sign")]
SHORT = [(dubbing, "faces"), (converting, "converting"), (reenacting, "portrait")]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize(("work", "stage"), CASES if LONG else SHORT)
def test_an_input_that_changes(
    work: Callable[[Path, Callable[[Path], Once]], Once], stage: str,
    harm: Callable[[Path], None], tmp_path: Path,
) -> None:  # fmt: skip
    """The job ends in one line, and makes nothing that says it was made of another file."""
    seen: list[Once] = []

    def once(path: Path) -> Once:
        seen.append(Once(stage, harm, path))
        return seen[-1]

    with pytest.raises(InputError) as problem:
        work(tmp_path, once)
    assert seen[0].done, f"{stage} was never told of"
    assert "\n" not in str(problem.value) and "in." in str(problem.value)
    left = {name for name in leftovers(tmp_path) if not name.startswith(("in.", "c.json"))}
    assert left == set(), "a job of an input that is gone is not kept"
    row = {"job": work.__name__, "stage": stage, "input": harm.__name__, "one line": problem.value}
    _ROWS.append(row)
    write_table("vanishing", "Inputs that change while they are worked on", _ROWS)
