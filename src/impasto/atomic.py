"""Files that are there whole or not at all, whatever happens meanwhile."""

import os
import platform
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
# Hidden, short whatever the file is called, and telling whose it is: see `_create_beside`
_TEMPORARY = re.compile(r"\.impasto-(?P<host>.+)-(?P<pid>\d{1,9})-[0-9a-f]{8}\.tmp")


def write(target: Path, data: bytes) -> None:
    """Write beside the target, wait for the disk, then rename over it: a replaced file's permissions stay.

    Links are followed. OSError if it cannot; then nothing has changed.
    """

    def fill(temporary: Path) -> None:
        temporary.write_bytes(data)

    replace(target, fill)


def replace(target: Path, fill: Callable[[Path], object]) -> None:
    """The same with what a function writes into an empty file."""
    target = target.resolve()
    descriptor, temporary = _create_beside(target)
    try:
        os.close(descriptor)
        fill(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except BaseException:  # Ctrl-C, too, leaves nothing behind
        with suppress(OSError):
            temporary.unlink()
        raise
    _flush_folder(target.parent)


def check(target: Path) -> None:
    """OSError where `write` could not write; leaves nothing behind."""
    descriptor, temporary = _create_beside(target.resolve())
    os.close(descriptor)
    temporary.unlink()


def sweep_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the hidden temporary files that killed runs on this machine have left beside a file.

    A file stays while a process with its number lives, be it another one by now; and where that cannot be
    asked without harm (Windows). Never raises for a folder that is missing or closed to us.
    """
    with suppress(OSError, ValueError, RuntimeError):
        for file in Path(path).resolve().parent.glob(".impasto-*.tmp"):
            owner = _TEMPORARY.fullmatch(file.name)
            if owner and owner["host"] == _host() and not _is_alive(int(owner["pid"])):
                with suppress(OSError):
                    file.unlink()


def _create_beside(target: Path) -> tuple[int, Path]:
    temporary = target.with_name(f".impasto-{_host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    return os.open(temporary, _NEW_FILE, 0o666), temporary  # less the umask, as any new file


def _host() -> str:
    """This machine's name as far as a file's name can hold it: process numbers mean nothing elsewhere."""
    return re.sub(r"[^\w.-]", "", platform.node(), flags=re.ASCII)[:64] or "localhost"


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 would end the process there
    try:
        with suppress(PermissionError):  # another user's
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _flush_folder(folder: Path) -> None:
    """Make the rename last; where a folder cannot be flushed, the new file stands all the same."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
