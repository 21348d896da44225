"""What is said to people, on stderr."""

import sys
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
