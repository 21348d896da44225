"""How much memory this process has, had and may have. In bytes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
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
    unit = next((unit for unit in (10**9, 10**6) if size >= unit), 10**3)
    name = {10**9: "GB", 10**6: "MB", 10**3: "kB"}[unit]
    return f"{size / unit:.3g} {name}"


def resident(device: str = "cpu") -> int:
    """What this process has in memory now: of CUDA where it computes there, else of the machine's own."""
    if device == "cuda":
        import torch

        return torch.cuda.memory_allocated()
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return peak(device)


def peak(device: str = "cpu") -> int:
    """The most that it has had there so far."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def available(device: str = "cpu") -> int:
    """What this process may have there beside what it has already, less a margin."""
    if device == "cuda":
        import torch

        return round(torch.cuda.mem_get_info()[0] * (1 - MARGIN))
    return round(min([_free(), *_left_by_groups()]) * (1 - MARGIN))


def give_back() -> None:
    """Freed memory that the C library has kept for later goes to the system; where it knows how."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # of Windows, where there is no such library
        ctypes.CDLL(None).malloc_trim(0)


def _free() -> int:
    """What the machine has free, or can free at once."""
    with contextlib.suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    if sys.platform == "win32":
        return _free_on_windows()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return pages // 2  # macOS does not tell what it could free


def _left_by_groups() -> list[int]:
    """What the control groups of a container leave, where there are any (Linux, version 2 and 1)."""
    left = []
    for folder, limit, used, cached in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            most, now, stat = ((Path(folder) / name).read_text("ascii") for name in (limit, used, "memory.stat"))
            files = re.search(rf"^{cached} (\d+)$", stat, re.MULTILINE)  # which the system gives up for us
            left.append(max(0, int(most) - int(now) + (int(files[1]) if files else 0)))
    return left


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
