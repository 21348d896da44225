"""What is said to people, on stderr."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress


def say(message: object) -> None:
    """One line on stderr, and one for each note of an exception. Nobody listening is no reason to fail."""
    lines = [str(message), *getattr(message, "__notes__", [])]
    with suppress(OSError, ValueError):  # a closed pipe, a closed file
        for line in lines if sys.stderr else []:
            print(f"impasto: {line}", file=sys.stderr, flush=True)


def shown(path: str) -> str:
    """A file's name on one line that every terminal can show."""
    return path if path.isprintable() else repr(path)


def clock(seconds: float) -> str:
    """`0:07`, `12:34` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with the columns of the rows set right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
