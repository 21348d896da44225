"""The command line, called inside the test's process and outside of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from tinyruns import CONTENT, STYLE

from impasto.cli.group import run
from impasto.cli.signals import Interrupts

TINY = ("--size", "40", "--min-size", "20", "--iterations", "2")  # two scales, four evaluations


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


class Caller:
    """Calls `impasto` in a folder that holds content.png and style.png."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        Image.fromarray(CONTENT).save(folder / "content.png")
        Image.fromarray(STYLE).save(folder / "style.png")

    def __call__(self, *arguments: str, interrupts: Interrupts | None = None) -> Outcome:
        code = run(arguments, interrupts or Interrupts())
        return Outcome(code, *self._capsys.readouterr())

    def stylize(self, *arguments: str, interrupts: Interrupts | None = None) -> Outcome:
        given = ("stylize", "content.png", "style.png", *TINY, *arguments)
        return self(*given, interrupts=interrupts)

    @property
    def names(self) -> set[str]:
        """Everything in the folder, hidden files too."""
        return {path.name for path in self.folder.iterdir()}


def size_of(path: str | Path) -> tuple[int, int]:
    """(width, height) of a whole picture."""
    with Image.open(path) as image:
        image.load()
        return image.size


def start(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """`impasto` in a process of its own, at one thread, in the present folder."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "impasto", *arguments], text=True, **pipes | settings)
