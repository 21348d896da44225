"""Tensors in files are worked on as those in memory, give their memory back, and leave nothing behind."""

import errno
import gc
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto import room
from impasto.errors import CacheError
from impasto.optimize import Memory
from impasto.precondition import Preconditioner
from impasto.room import Room

on_linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="tells what is resident on Linux only")


@pytest.fixture(params=[False, True], ids=["memory", "files"])
def any_room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    return Room(tmp_path / "rooms" if request.param else None)


def _in_files() -> int:
    """Bytes of files that are in memory; what is freed of the rest the C library may keep."""
    found = re.search(r"^RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _picture(seed: int, height: int = 37, width: int = 23) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("block", [1, 100, 10_000])
def test_blocks_are_all_of_the_picture(any_room: Room, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(room, "BLOCK", block)
    one, other = _picture(1), any_room.keep(_picture(2))
    found = any_room.map(lambda x, y: x - 2 * y, one, other)
    assert torch.equal(found, one - 2 * other)
    assert torch.equal(any_room.map(torch.neg, found, out=found), 2 * other - one)
    total = any_room.each(lambda x: x.double().sum(), one).sum()
    assert float(total) == pytest.approx(float(one.double().sum()), rel=1e-12)


def test_parts_of_pictures_and_other_strides(any_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 50)
    canvas, picture = (
        any_room.keep(torch.zeros(1, 3, 40, 30)),
        _picture(1).contiguous(memory_format=torch.channels_last),
    )
    any_room.map(torch.clone, picture, out=canvas[..., 2:39, 4:27])
    assert torch.equal(canvas[..., 2:39, 4:27], picture)
    assert float(canvas.sum()) == pytest.approx(float(picture.sum()))


def test_what_is_in_files_is_in_no_folder(tmp_path: Path) -> None:
    kept = Room(tmp_path).keep(_picture(1))
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(kept, _picture(1))


@on_linux
def test_memory_is_given_back_and_the_contents_stay(tmp_path: Path) -> None:
    files = Room(tmp_path)
    tensor = files.empty((1, 3, 4096, 2048), torch.zeros(()))
    before = _in_files()
    tensor.fill_(0.5)
    assert _in_files() > before + 0.9 * tensor.nbytes
    files.release()
    assert _in_files() < before + 0.2 * tensor.nbytes
    files.map(lambda part: part + 1, tensor, out=tensor)
    assert _in_files() < before + 0.2 * tensor.nbytes
    assert float(tensor.min()) == float(tensor.max()) == 1.5


@on_linux
def test_files_go_with_their_tensors(tmp_path: Path) -> None:
    files = Room(tmp_path)
    tensors = [files.empty((1, 3, 10, 10), torch.zeros(())) for _ in range(3)]
    assert len([known for known in files._maps if known() is not None]) == 3
    del tensors
    gc.collect()
    assert not any(known() for known in files._maps)


def test_a_full_disk_is_told_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(room, "_reserve", full)
    with pytest.raises(CacheError, match=r"no place for 12 MB of the picture: No space left .*IMPASTO_CACHE"):
        Room(tmp_path).empty((1, 3, 1000, 1000), torch.zeros(()))


def test_a_folder_is_checked_before_anything_lies_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache" / "scratch"
    room.check(folder, 10**6)
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    room.check(folder, 10**9)
    with pytest.raises(CacheError, match=r"no place for 1\.5 GB of the picture: 1 GB are free"):
        room.check(folder, 15 * 10**8)
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="no place for 1 MB of the picture: Not a directory"):
        room.check(tmp_path / "file" / "scratch", 10**6)


@pytest.mark.parametrize("block", [64, 1 << 22])
def test_the_optimiser_does_the_same_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(room, "BLOCK", block)
    found = []
    for place in (Room(), Room(tmp_path)):
        remembered = Memory(3, Preconditioner(_picture(0), place), room=place)
        for seed in range(4):
            step = place.keep(_picture(seed))
            remembered.add(step, place.map(lambda x: 2 * x, step))
        found.append(remembered.direction(place.keep(_picture(9))))
    assert torch.equal(*found)
