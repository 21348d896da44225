"""What happens around a run: kills and signals at any instant, full disks, closed folders and closed descriptors."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from clicalls import TINY, size_of, start
from corpus import photo
from forks import Forks
from memory import peak_since_asked
from PIL import Image

from impasto.atomic import sweep_leftovers
from impasto.image import open_picture

RUN = ("stylize", "content.png", "style.png", "--size", "32", "--min-size", "16", "--precision", "float32")
SHORT = (*RUN, "--iterations", "6", "-o", "out.png")
LONG = (*RUN, "--iterations", "5000", "-o", "out.png")
PROMISED = 2.0  # seconds of a processor
PATIENCE = 60.0  # seconds, for a machine that is busy with something else


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    photo().save("content.png")
    photo(20, 20, seed=2).save("style.png")
    return tmp_path


@pytest.fixture
def forks(folder: Path) -> Iterator[Forks]:
    forks = Forks(folder, torch=True)
    yield forks
    forks.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_killed_at_any_instant(folder: Path, forks: Forks) -> None:
    """A run that writes all the time: every file is the old one or a whole new one, and the next run cleans up."""
    for _ in range(2):  # the first measures how fast the machine is, and keeps it
        began = time.perf_counter()
        assert forks(SHORT).code == 0
    whole, seconds = Path("out.png").read_bytes(), time.perf_counter() - began
    writing = [*LONG, "--preview", "--save-every", "1"]
    written = False
    for instant in np.random.default_rng(5).uniform(0.2 * seconds, 3 * seconds, 8):
        Path("out.png").write_bytes(whole)
        assert forks(writing, [(float(instant), signal.SIGKILL)]).code == -signal.SIGKILL
        pictures = names(folder) - {"content.png", "style.png"}
        hidden = {name for name in pictures if name.startswith(".impasto-")}
        assert "out.png" in pictures
        for name in pictures - hidden:
            assert size_of(name) in ((16, 12), (32, 24))
            written = written or name != "out.png"
            Path(name).unlink()
    assert written
    assert forks(SHORT).code == 0
    assert names(folder) == {"content.png", "style.png", "out.png"}
    assert Path("out.png").read_bytes() == whole


DYING = """
import os, pathlib, signal, sys
from impasto.__main__ import main

moment, rename = sys.argv.pop(), pathlib.Path.replace

def rename_and_die(temporary, target):
    if target.name == "out.png" and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    rename(temporary, target)
    if target.name == "out.png":
        os.kill(os.getpid(), signal.SIGKILL)

pathlib.Path.replace = rename_and_die
sys.exit(main())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_in_the_final_write(folder: Path, moment: str) -> None:
    Path("out.png").write_bytes(b"old")
    command = [sys.executable, "-c", DYING, *RUN, "--iterations", "2", "-o", "out.png", moment]
    assert subprocess.run(command, check=False, timeout=PATIENCE).returncode == -signal.SIGKILL
    if moment == "before":
        assert Path("out.png").read_bytes() == b"old"
        (left,) = names(folder) - {"content.png", "style.png", "out.png"}
        assert left.startswith(".impasto-")
    else:
        assert size_of("out.png") == (32, 24)
    sweep_leftovers("out.png")
    assert names(folder) == {"content.png", "style.png", "out.png"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_at_any_instant(folder: Path, forks: Forks, number: int) -> None:
    """At the beginning nothing is there, later the best picture; and the exit code is the signal's."""
    kept = 0
    for instant in (0.1, 0.3, 1.0, 3.0, 9.0):
        Path("out.png").unlink(missing_ok=True)
        ended = forks(LONG, [(instant, number)])
        first, *more = ended.err.splitlines()
        assert (ended.code, ended.out, first) == (128 + number, "", "impasto: stopped")
        assert len(more) == Path("out.png").exists()
        assert names(folder) <= {"content.png", "style.png", "out.png"}
        if more:
            assert more[0].startswith("impasto: kept the picture as it was at ")
            assert size_of("out.png") in ((16, 12), (32, 24))
            kept += 1
        if kept == 2:
            break
    assert kept > 0


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="needs a system that tells what a process has loaded"
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_the_true_torch_is_imported(folder: Path, number: int, code: int) -> None:
    process = start(*LONG)
    deadline = time.monotonic() + PATIENCE
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (code, "", "impasto: stopped\n")
    assert names(folder) == {"content.png", "style.png"}


def test_a_second_ctrl_c_ends_what_does_not_listen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here an import that takes the first for a failure of its own, and goes on."""
    deaf = "import pathlib, time\ntry:\n pathlib.Path('1').touch()\n time.sleep(99)\nexcept BaseException:\n"
    (folder / "torch.py").write_text(f"{deaf} pathlib.Path('2').touch()\n time.sleep(99)\n")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    process = start(*LONG)
    deadline = time.monotonic() + PATIENCE
    for sign in ("1", "2"):
        while not Path(sign).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 130
    assert not Path("out.png").exists()


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A file system in memory; skips where none may be mounted."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def is_refused_for_space(process: "subprocess.Popen[str]", output: Path) -> None:
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.count("\n") == 1
    assert f"output {str(output)!r} needs " in err
    assert " bytes: " in err
    assert err.endswith("; nothing was changed\n")
    assert output.read_bytes() == b"old"
    assert names(output.parent) <= {"content.png", "style.png", "out.png"}


def test_a_full_disk(folder: Path) -> None:
    with mounted(folder / "disk", "size=4k"):
        output = folder / "disk" / "out.png"
        output.write_bytes(b"old")
        is_refused_for_space(start(*RUN, "--iterations", "2", "-o", str(output)), output)


def test_files_that_may_not_grow(folder: Path) -> None:
    """As on a full disk, for whoever may not mount one."""
    output = folder / "out.png"
    output.write_bytes(b"old")
    limit = (1000, resource.RLIM_INFINITY)
    settings = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)}
    is_refused_for_space(start(*RUN, "--iterations", "2", "-o", str(output), **settings), output)


def test_folders_that_cannot_be_written(folder: Path) -> None:
    """The output's is refused at once; the cache's is missed, no more."""
    with mounted(folder / "closed", "ro"):
        began = time.process_time()
        process = start(*RUN, "--iterations", "2", "-o", "closed/out.png")
        assert process.communicate(timeout=PATIENCE) == (
            "", "impasto: output 'closed/out.png' cannot be written: Read-only file system\n"
        )  # fmt: skip
        assert process.returncode == 1
        assert time.process_time() - began < PROMISED
        closed = os.environ | {"IMPASTO_CACHE": str(folder / "closed"), "HOME": str(folder / "closed")}
        process = start(*RUN, "--iterations", "2", "-o", "out.png", env=closed)
        assert process.communicate(timeout=PATIENCE)[1] == ""
        assert process.returncode == 0
        assert size_of("out.png") == (32, 24)


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_closed_descriptors(folder: Path, closed: tuple[int, ...]) -> None:
    """A file that is opened then gets one of their numbers: nothing may be said into it."""

    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    process = start("stylize", "content.png", "style.png", "-o", "out.png", *TINY, preexec_fn=close)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert size_of("out.png") == (40, 30)
    assert names(folder) == {"content.png", "style.png", "out.png"}


def test_a_huge_photo_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """81 million pixels: 240 MB when they are decoded, and a gigabyte as numbers for the network."""
    path = tmp_path / "photo.jpg"
    Image.new("L", (9000, 9000), 90).save(path)
    peak_since_asked()
    before = peak_since_asked()
    assert open_picture(path, longest=512).at(512, 512).shape == (1, 3, 512, 512)
    assert peak_since_asked() - before < 60 << 20
