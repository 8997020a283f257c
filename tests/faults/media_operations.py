"""What users do with a file, done to a damaged one: each ends well or in one line of ours."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avsynth.errors import AvsynthError

_FRAMES = 48
_SOUND_S = 600.0  # of sound are listened to at most

Answer = dict[str, Any]


def readers() -> Callable[[Path], Answer]:
    """Reads a file in all ways that need no network; gives outcomes by operation."""
    from avsynth.cli.inspect import _print_tree
    from avsynth.cli.verify import describe
    from avsynth.media import probe, read_audio, read_frames
    from avsynth.media.still import is_still, read_still
    from avsynth.provenance.reading import read

    def look(path: Path) -> str:
        found = probe(path).as_dict()
        json.dumps(found, allow_nan=False)
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            _print_tree(found)
        _printable(shown.getvalue().splitlines())
        return "read"

    def frames(path: Path) -> str:
        with read_frames(path, threads=1) as reader:
            last = None
            for frame in itertools.islice(reader, _FRAMES):
                assert last is None or frame.pts > last, "times do not rise"
                last = frame.pts
                frame.rgb()
        return "read"

    def sound(path: Path) -> str:
        heard = 0.0
        for chunk in read_audio(path, 16000):
            heard += len(chunk.samples) / 16000
            if heard > _SOUND_S:
                return "long"
        return "read"

    def still(path: Path) -> str:
        if not is_still(path):
            return "none"
        read_still(path)
        return "read"

    def credentials(path: Path) -> str:
        report = read(path)
        json.dumps(report.as_dict(), allow_nan=False)
        _printable(describe(report))
        return report.state

    operations = {
        "probe": look, "frames": frames, "sound": sound, "still": still, "verify": credentials
    }  # fmt: skip
    return lambda path: {name: attempt(do, path) for name, do in operations.items()}


def attempt(do: Callable[[Path], str], path: Path) -> tuple[str, float, str]:
    """Outcome, seconds, and the trace of what is none of our errors."""
    began = time.perf_counter()
    try:
        outcome, told = do(path), ""
    except AvsynthError as error:
        outcome, told = "refused", str(error)
        if len(told.splitlines()) != 1 or not told.isprintable() or len(told) > 2000:
            outcome = "error"
    except MemoryError:
        outcome, told = "no memory", ""
    except Exception:
        outcome, told = "error", traceback.format_exc()[-3000:]
    return outcome, time.perf_counter() - began, told


def _printable(lines: Any) -> None:
    for line in lines:
        assert line.isprintable(), f"not printable: {line!r}"


def content(path: Path) -> str:
    """Hash of what is seen and heard; empty where nothing is."""
    from avsynth.media import read_audio, read_frames

    found, any_ = hashlib.sha256(), False
    with contextlib.suppress(AvsynthError), read_frames(path, threads=1) as reader:
        for frame in itertools.islice(reader, _FRAMES):
            found.update(frame.rgb().tobytes())
            any_ = True
    with contextlib.suppress(AvsynthError):
        for chunk in itertools.islice(read_audio(path, 16000), 100):
            found.update(chunk.samples.tobytes())
            any_ = True
    return found.hexdigest() if any_ else ""


def verbs() -> Callable[[tuple[str, Path, Path]], Answer]:
    """Runs a command of the line on a damaged input; gives its exit code and complaint."""
    from convert_helpers import stored_voice, write_record
    from dub_helpers import command, write_consent
    from reenact_helpers import covers, driver, portrait
    from voice_helpers import subject

    from avsynth.pipelines.demonstrate import demo_media

    line = demo_media()[1]
    driver(), portrait(), stored_voice()  # made once, before it is watched what is written

    def arguments(verb: str, path: Path, record: Path) -> list[object]:
        if verb == "dub video":
            return ["dub", path, "--audio", line, "--consent", write_consent(path, record)]
        if verb == "dub audio":
            return ["dub", driver(), "--audio", path, "--consent", write_consent(driver(), record)]
        if verb == "convert":
            return ["convert", path, "--to", stored_voice(), "--consent",
                    write_record([path, stored_voice()], record)]  # fmt: skip
        if verb in ("reenact source", "reenact driver"):
            pair = (path, driver()) if verb == "reenact source" else (portrait(), path)
            return ["reenact", "--source", pair[0], "--driver", pair[1], "--quality", "fast",
                    "--consent", covers(record, *pair)]  # fmt: skip
        if verb == "motion extract":
            return ["motion", "extract", path, "--consent",
                    subject([path], record, ("face",))]  # fmt: skip
        return ["voice", "enroll", path, "--consent", subject([path], record)]

    def run(item: tuple[str, Path, Path]) -> Answer:
        verb, path, folder = item
        suffix = ".safetensors" if verb in ("motion extract", "voice enroll") else ".mp4"
        out = folder / f"out{'.wav' if verb == 'convert' else suffix}"
        began = time.perf_counter()
        try:
            words = arguments(verb, path, folder.parent / "records" / "c.json")
            done = command(*words, "-o", out)
        except AvsynthError as error:  # of making the record: such a file cannot be consented to
            return {verb: ("refused", time.perf_counter() - began, str(error))}
        except Exception:
            return {verb: ("error", time.perf_counter() - began, traceback.format_exc()[-3000:])}
        seconds = time.perf_counter() - began
        left = sorted(each.name for each in folder.rglob("*"))
        said = [each for each in done.err.splitlines() if not each.endswith(" ...")]
        if done.code in (0, 8):
            ok = out.exists() and not [each for each in left if each.endswith(".part")]
            return {verb: (f"done ({done.code})" if ok else "error", seconds, str(left))}
        # What is done of a job stays, where the reason may pass.
        left = [] if done.code == 7 and all(".job" in each for each in left[:1]) else left
        fine = done.code in (2, 3, 4, 5, 7, 14) and len(said) == 1 and not left
        fine = fine and "internal error" not in done.err and said[0].isprintable()
        told = f"{done.code} {done.err[-1500:]} left: {left}"
        return {verb: (f"refused ({done.code})" if fine else "error", seconds, told)}

    return run
