"""How much memory this process has, had and may have. In bytes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_MOST = 2**60
MARGIN = 0.15  # of what is free that is left to others


def parse(text: str) -> int:
    """`2GB`, `512 MiB` or `1.5g` -> bytes. ValueError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text, re.IGNORECASE)
    size = float(found[1]) * UNITS[(found[2] or "").lower()] if found else 0
    if not 1 <= size <= _MOST:
        raise ValueError("expected a size such as 2GB or 800MB")
    return round(size)


def shown(size: float) -> str:
    """Bytes for people: `1.24 GB`."""
    for factor, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "bytes")):
        if size >= 0.9995 * factor:
            value = size / factor
            return f"{value:.0f} {name}" if value >= 99.95 or name == "bytes" else f"{value:.3g} {name}"
    return "0 bytes"


def resident(device: str = "cpu") -> int:
    """What this process has in memory now: of CUDA where it computes there, else of the machine's own."""
    if device == "cuda":
        import torch

        return torch.cuda.memory_allocated()
    known = _counted("/proc/self/status", "VmRSS")
    return peak(device) if known is None else known


def peak(device: str = "cpu") -> int:
    """The most that it has had there so far."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    known = _counted("/proc/self/status", "VmHWM")  # getrusage's has in it what the process that began this one had
    if known is not None:
        return known
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def available(device: str = "cpu") -> int:
    """What this process may have there beside what it has already, less a margin."""
    if device == "cuda":
        import torch

        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # by the library, for us
        return round((torch.cuda.mem_get_info()[0] + kept) * (1 - MARGIN))
    return round(min([_free(), *_left_by_groups()]) * (1 - MARGIN))


def give_back() -> None:
    """Freed memory that the C library has kept for later goes to the system; where it knows how."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # of Windows, where there is no such library
        ctypes.CDLL(None).malloc_trim(0)


def _free() -> int:
    """What the machine has free, or can free at once."""
    known = _counted("/proc/meminfo", "MemAvailable")
    if known is not None:
        return known
    if sys.platform == "win32":
        return _free_on_windows()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return pages // 2  # macOS does not tell what it could free


def _counted(path: str, name: str) -> int | None:
    """Bytes that stand behind a name in one of Linux's tables, where there is one."""
    with contextlib.suppress(OSError, ValueError):
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(path).read_text("utf-8", "replace"), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    return None


def _left_by_groups() -> list[int]:
    """What the control groups that this process is in leave, where there are any (Linux, version 2 and 1)."""
    left = []
    for folder, limit, used, cached in _groups():
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            most, now, stat = ((folder / name).read_text("ascii") for name in (limit, used, "memory.stat"))
            files = re.search(rf"^{cached} (\d+)$", stat, re.MULTILINE)  # which the system gives up for us
            left.append(max(0, int(most) - int(now) + (int(files[1]) if files else 0)))
    return left


def _groups() -> Iterator[tuple[Path, str, str, str]]:
    """The folder of each group, and what its files are called: the process's own, and all that it lies in.

    In a container the own group is the root of what is seen, whatever path the kernel names.
    """
    try:
        own = Path("/proc/self/cgroup").read_text("utf-8")
    except (OSError, ValueError):
        own = ""
    for root, line, limit, used, cached in (
        ("/sys/fs/cgroup", r"^0::/(.*)$", "memory.max", "memory.current", "inactive_file"),
        (
            "/sys/fs/cgroup/memory", r"^\d+:(?:\w+,)*memory(?:,\w+)*:/(.*)$",
            "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
        ),
    ):  # fmt: skip
        found = re.search(line, own, re.MULTILINE)
        parts = Path(found[1]).parts if found else ()
        for count in range(len(parts) + 1):
            yield Path(root, *parts[:count]), limit, used, cached


def _free_on_windows() -> int:
    class Status(ctypes.Structure):
        """MEMORYSTATUSEX of kernel32."""

        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "free", "total_file", "free_file", "total_space", "free_space", "free_more")
        ]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return int(status.free)
