"""`impasto` many times over: each run a process of its own, forked from one that has imported what all need.

A new interpreter takes a third of a second, and torch two more; a fork takes a hundredth. Exit code, the bytes on
descriptors 1 and 2 and the time are those of a real process.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":  # a test imports this file, and a child runs it
    sys.path.insert(0, sys.argv[1])

PATIENCE = 60.0  # seconds, for a machine that is busy with something else


class Ended(NamedTuple):
    """How a command line has ended."""

    code: int | None  # none: it had to be killed
    out: str
    err: str
    seconds: float  # of a processor
    torch: bool  # whether it was imported


class Forks:
    """`impasto` in a folder, without torch or with it; to be closed."""

    def __init__(self, folder: Path, *, torch: bool) -> None:
        arguments = [sys.executable, __file__, os.pathsep.join(sys.path[:1]), str(folder), "torch" if torch else ""]
        self._process = subprocess.Popen(arguments, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, arguments: Sequence[str], signals: Sequence[tuple[float, int]] = ()) -> Ended:
        """signals: (seconds from the start, number) of those that are sent to it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps((arguments, signals)) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


NEEDED = ("axes", "cli.files", "cli.flags", "cli.group", "options", "remake", "sheetfile")
OF_TORCH = ("quality", "transfer", "variations")


def _serve(folder: str, torch: str) -> None:
    """Answers every list of arguments with how it ended."""
    for name in (*NEEDED, *(OF_TORCH if torch else ())):
        import_module(f"impasto.{name}")
    from impasto.cli.flags import _flags

    for of_content in (True, False):
        _flags(of_content)
    gc.freeze()  # or every child would copy what it looks at
    os.chdir(folder)
    for line in sys.stdin:
        print(json.dumps(_forked(*json.loads(line))), flush=True)  # noqa: T201


def _forked(arguments: list[str], signals: list[tuple[float, int]]) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _run(arguments, writing)
        os.close(writing)
        os.read(reading, 1)  # it has begun
        code, seconds = _wait(child, signals)
        with os.fdopen(reading, "rb") as pipe:
            torch = pipe.read() == b"torch"
        texts = [_text(file) for file in (out, err)]
    return Ended(code, *texts, seconds, torch)


def _run(arguments: list[str], writing: int) -> None:
    from impasto.__main__ import main

    code = 70
    try:
        sys.argv = ["impasto", *arguments]
        os.write(writing, b".")
        code = main()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        if "torch" in sys.modules:
            os.write(writing, b"torch")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, signals: list[tuple[float, int]]) -> tuple[int | None, float]:
    """Its exit code, and the seconds that it has computed: what else the machine does must not count."""
    began, waiting = time.perf_counter(), sorted([*map(tuple, signals), (PATIENCE, signal.SIGKILL)])
    while True:
        pid, status, used = os.wait4(child, os.WNOHANG)
        now = time.perf_counter() - began
        if pid:
            code = os.waitstatus_to_exitcode(status) if now < PATIENCE else None
            return code, used.ru_utime + used.ru_stime
        if waiting and now >= waiting[0][0]:
            os.kill(child, waiting.pop(0)[1])
        time.sleep(0.001)


def _text(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    file.seek(0)
    return file.read().decode(errors="surrogateescape")


if __name__ == "__main__":
    _serve(*sys.argv[2:])
