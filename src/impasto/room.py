"""Where tensors of the size of the picture lie: in memory, or in files that give their memory back after each use.

A large picture is worked on block by block, so that of its files no more is in memory than a few blocks. The files
have no name: whatever ends the process, they are gone.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import CacheError
from impasto.memory import give_back, shown

BLOCK = 1 << 21  # numbers that are worked on at a time: 8 MB of each operand
LAUNCH = 1 << 25  # the same of a GPU, where each operation takes some microseconds to begin: 128 MB


class Room:
    """Makes tensors, and works on them in blocks. With a folder they lie in files there, else in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._maps: list[weakref.ref[mmap.mmap]] = []

    def empty(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A tensor with any contents, of another's kind. CacheError where the disk has no place for it."""
        size = math.prod(shape) * like.element_size()
        if self.folder is None or like.device.type != "cpu" or not size:
            return torch.empty(shape, dtype=like.dtype, device=like.device)
        with _file(self.folder, size) as descriptor:
            _reserve(descriptor, size)
            mapped = mmap.mmap(descriptor, size)
        self._maps = [known for known in self._maps if known() is not None]
        self._maps.append(weakref.ref(mapped))
        return torch.frombuffer(mapped, dtype=like.dtype).view(shape)

    def keep(self, tensor: Tensor) -> Tensor:
        """The same tensor in a place of its own."""
        return tensor if self.folder is None else self.map(torch.clone, tensor)

    def map(self, function: Callable[..., Tensor], *tensors: Tensor, out: Tensor | None = None) -> Tensor:
        """A function of the elements of tensors of one shape, in `out` or in a new tensor like the first of them."""
        if out is None:
            out = self.empty(tuple(tensors[0].shape), tensors[0])
        for target, *parts in self._blocks(out, *tensors):
            target.copy_(function(*parts))
        return out

    def each(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """What a function makes, a number, of each block of tensors of one shape: [blocks]."""
        return torch.stack([function(*parts) for parts in self._blocks(*tensors)])

    def release(self) -> None:
        """Gives back the memory of what lies in files; their contents stay."""
        for known in self._maps:
            mapped = known()
            if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # of a shared file that loses nothing
                mapped.madvise(mmap.MADV_DONTNEED)

    def tidy(self) -> None:
        """Gives back what the C library has kept as well, where memory is scarce."""
        if self.folder is not None:
            self.release()
            give_back()

    def _blocks(self, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The same elements of tensors [1, C, H, W]: all of them, or so many rows of a channel at a time."""
        block = BLOCK if tensors[0].device.type == "cpu" else LAUNCH
        if tensors[0].numel() <= block:
            yield tensors
            self.release()
            return
        _, channels, height, width = tensors[0].shape
        rows = max(1, block // width)
        for channel in range(channels):
            for top in range(0, height, rows):
                yield tuple(tensor[:, channel : channel + 1, top : top + rows] for tensor in tensors)
                self.release()


def check(folder: Path, size: int) -> None:
    """CacheError for a folder in which files cannot be made, or that has no place for so many bytes of them."""
    with _file(folder, size):
        free = shutil.disk_usage(folder).free
    if free < size:
        raise _no_place(size, f"{shown(free)} are free")


@contextmanager
def _file(folder: Path, size: int) -> Iterator[int]:
    """The descriptor of a file without a name. Whatever fails inside is a CacheError about so many bytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            yield file.fileno()
    except OSError as error:
        raise _no_place(size, error.strerror or str(error)) from error


def _no_place(size: int, reason: str) -> CacheError:
    return CacheError(
        f"the cache folder has no place for {shown(size)} of the picture: {reason}; "
        "free some, name another with IMPASTO_CACHE, or give a larger --memory"
    )


def _reserve(descriptor: int, size: int) -> None:
    """Takes the space now: a full disk would else end the process when the memory is written."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        chunk = bytes(1 << 20)
        for _ in range(-(-size // len(chunk))):
            if os.write(descriptor, chunk) < len(chunk):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, size)
