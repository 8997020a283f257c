"""The command line's entry: registers the commands, turns errors into one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from typing import Annotated

import typer

from avsynth import __version__
from avsynth.cli import (
    adapt,
    bench,
    consent,
    convert,
    demo,
    dub,
    imagine,
    inspect,
    motion,
    reenact,
    scan,
    studio,
    verify,
    voice,
    weights,
)
from avsynth.errors import AvsynthError, ExitCode, ResourceError

# What torch, OpenCV, the loader and the thread library say when there is no memory left.
_NO_MEMORY = (
    "can't allocate memory", "cannot allocate memory", "out of memory", "insufficient memory",
    "can't start new thread", "failed to map segment", "bad_alloc", "unable to allocate",
)  # fmt: skip

_NO_SPACE = "no space left on device"  # as safetensors and others quote the system

# Read by libraries when they are loaded: mediapipe's chatter, and the largest picture that OpenCV
# decodes (a small file can state one that takes gigabytes).
_SETTINGS = {
    "GLOG_minloglevel": "2",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**28),
}

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_ENDING = ("SIGTERM", "SIGHUP")  # end a job as Ctrl-C does: tidied up, to be gone on with
_ended_by: list[int] = []

app = typer.Typer(
    name="avsynth",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make and detect synthetic faces and voices, with consent and Content Credentials.",
)
app.command("dub")(dub.dub)
app.command("convert")(convert.convert)
app.command("reenact")(reenact.reenact)
app.command("adapt")(adapt.adapt)
app.command("imagine")(imagine.imagine)
app.command("scan")(scan.scan)
app.command("verify")(verify.verify)
app.command("probe")(inspect.probe)
app.command("doctor")(inspect.doctor)
app.command("demo")(demo.demo)
app.command("studio")(studio.studio)
app.add_typer(consent.app, name="consent")
app.add_typer(voice.app, name="voice")
app.add_typer(motion.app, name="motion")
app.add_typer(weights.app, name="weights")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"avsynth {__version__}")
        raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line and end the process."""
    _open_closed_streams()
    _heed_signals()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):  # a pipe on Windows knows few characters
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in sys.argv[1:]
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
        if code == _INTERRUPTED:  # how typer tells of Ctrl-C
            raise KeyboardInterrupt
    except (SystemExit, KeyboardInterrupt, Exception) as error:
        if debug:
            raise
        code = _explained(error, as_json="--json" in arguments)
    sys.exit(code or 0)


def _open_closed_streams() -> None:
    """Who closed a standard stream wants none: else the next file opened would be in its place.

    What libraries print would go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _heed_signals() -> None:
    """Have what ends a process come as Ctrl-C does, unless it is ignored, as under nohup."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (getattr(signal, name) for name in _ENDING if hasattr(signal, name)):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    _ended_by.append(number)
    raise KeyboardInterrupt


def _explained(error: BaseException, as_json: bool) -> int:
    """Print what went wrong in one line, and as JSON if wanted; the exit code for it."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # who read our output has seen enough
        _hush()
        return 1
    problem, code = _meaning(error)
    printable = "".join(c if c.isprintable() else " " for c in str(problem))
    with contextlib.suppress(OSError):  # where that, too, is on a disk that is full
        print(f"avsynth: {printable}", file=sys.stderr)
    if as_json:
        parts = {"what": problem.what, "path": problem.path, "hint": problem.hint}
        found = {name: part and _speakable(part) for name, part in parts.items()}
        try:
            print(json.dumps({"error": {**found, "exit_code": code}}, indent=2), flush=True)
        except OSError:
            _hush()
    return code


def _hush() -> None:
    """Have what is still to be printed go nowhere: it cannot go where it should."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _meaning(error: BaseException) -> tuple[AvsynthError, int]:
    """What any error says in the words of ours, and its exit code."""
    if isinstance(error, AvsynthError):
        return error, int(error.exit_code)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        told = AvsynthError("interrupted; run the same command again to go on")
        return told, 128 + _ended_by.pop() if _ended_by else _INTERRUPTED
    show = getattr(error, "format_message", None)
    if show is not None:  # a usage error of the parser
        return AvsynthError(" ".join(show().split())), int(ExitCode.USAGE)
    short = _what_is_short(error)
    if short is not None:
        return short, int(short.exit_code)
    what = f"internal error: {type(error).__name__}: {error}"
    return AvsynthError(what, hint="run with --debug and report it"), 1


def _speakable(text: str) -> str:
    """File names may hold bytes that are no text; JSON may not."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _what_is_short(error: BaseException) -> ResourceError | None:
    """The lack of memory or room that a library's error stands for, None for others."""
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or _NO_SPACE in str(error).lower():
        what, path = getattr(error, "strerror", None), getattr(error, "filename", None)
        return ResourceError(what or _NO_SPACE, path, "make room, then run it again")
    if "no usable temporary directory" in str(error).lower():
        return ResourceError("no folder for temporary files", hint="set TMPDIR to one")
    if (
        isinstance(error, MemoryError)
        or code == errno.ENOMEM
        or any(words in str(error).lower() for words in _NO_MEMORY)
    ):
        return ResourceError("out of memory", hint="close programs, or use a smaller video")
    return None
