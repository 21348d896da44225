"""Sizes as people write them, and what the system tells of memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from impasto import memory


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("1.5g", 1_500_000_000), (" 512 MiB ", 2**29), ("800mb", 8 * 10**8), ("1234", 1234),
     ("3TiB", 3 * 2**40), ("10kB", 10_000)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert memory.parse(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "2 GB or so", "1e9", "0", "0.0001", "2PB", "١GBx"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 2GB"):
        memory.parse(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(1_640_000_000, "1.64 GB"), (776e6, "776 MB"), (2_000, "2 kB"), (999_600_000, "1 GB"), (999_400_000, "999 MB"),
     (1.234e12, "1.23 TB"), (5e15, "5000 TB"), (99.96e9, "100 GB"), (123_456, "123 kB"), (1, "1 bytes"),
     (0, "0 bytes")],
)  # fmt: skip
def test_sizes_for_people(size: float, text: str) -> None:
    assert memory.shown(size) == text


def test_peak_memory_counts_bytes_and_never_falls() -> None:
    before = memory.peak("cpu")
    assert 50 << 20 < before < 1 << 42  # torch alone has more than 50 MB
    block = torch.ones(16 << 20)
    assert memory.peak("cpu") >= max(before, block.numel() * block.element_size())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a program does not take on what came before it")
def test_peak_memory_is_of_this_program_alone() -> None:
    """A large program that begins us hands its own peak on to what getrusage knows of us."""
    ours = "from impasto import memory; print(memory.peak())"
    begun = f"os.execv(sys.executable, [sys.executable, '-c', {ours!r}])"
    large = f"import os, sys; block = bytearray(b'1') * 400_000_000; {begun}"
    ran = subprocess.run([sys.executable, "-c", large], check=True, capture_output=True, text=True)
    assert 1 << 20 < int(ran.stdout) < 200_000_000


def test_what_is_resident_rises_and_falls() -> None:
    before = memory.resident()
    block = torch.ones(32 << 20)
    assert memory.resident() > before + 0.9 * block.nbytes
    del block
    memory.give_back()
    assert memory.resident() < before + (32 << 20)


def test_a_margin_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_free", lambda: 10**9)
    monkeypatch.setattr(memory, "_left_by_groups", lambda: [])
    assert memory.available() == 850_000_000
    monkeypatch.setattr(memory, "_left_by_groups", lambda: [10**8])
    assert memory.available() == 85_000_000


def test_the_limit_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/sys/fs/cgroup/memory.max": "5000\n", "/sys/fs/cgroup/memory.current": "2000\n"}
    files["/sys/fs/cgroup/memory.stat"] = "anon 1200\ninactive_file 500\n"

    def read(path: Path, *_: object) -> str:
        if str(path) not in files:
            raise FileNotFoundError
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    assert memory._left_by_groups() == [3500]
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert memory._left_by_groups() == []


@pytest.mark.parametrize(
    ("own", "root", "names"),
    [
        ("0::/system.slice/job 7.scope\n", "/sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")),
        (
            "12:cpu:/other\n4:cpuset,memory:/system.slice/job 7.scope\n",
            "/sys/fs/cgroup/memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_the_limit_of_the_group_a_process_is_in(
    monkeypatch: pytest.MonkeyPatch, own: str, root: str, names: tuple[str, str, str]
) -> None:
    """As a slice of systemd, or a job of a cluster, has one, whatever its root has."""
    limit, used, cached = names
    files = {"/proc/self/cgroup": own}
    for group, most in (
        ("", "9223372036854771712"),
        ("/system.slice", "9000"),
        ("/system.slice/job 7.scope", "4000"),
    ):
        files |= {f"{root}{group}/{limit}": most, f"{root}{group}/{used}": "2000"}
        files[f"{root}{group}/memory.stat"] = f"{cached} 100\n"

    def read(path: Path, *_: object) -> str:
        if str(path) not in files:
            raise FileNotFoundError
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    assert sorted(memory._left_by_groups())[:2] == [2100, 7100]


@pytest.mark.parametrize("error", [OSError, AttributeError, TypeError])  # macOS, other libraries, Windows
def test_memory_is_given_back_where_the_library_knows_how(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def no_library(_: object) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", no_library)
    memory.give_back()
