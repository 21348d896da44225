"""The buffers that an encoder works in."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from impasto.memory import give_back


class Workspace:
    """Named buffers that are made once and used again by every evaluation.

    Fresh memory is slow: the operating system clears every page of it. A buffer is valid until it is taken again.
    """

    def __init__(self, device: torch.device | str, dtype: torch.dtype) -> None:
        self.device, self.dtype = torch.device(device), dtype
        self.generation = 0  # another one when a buffer is made or given back
        self.unrecordable = False  # whether what works in it could not be recorded: see `replay`
        self._buffers: dict[str, Tensor] = {}
        self._turns: dict[str, int] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """The buffer of that name, with any contents, as a contiguous tensor of that shape."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size:
            self._buffers.pop(name, None)
            buffer = torch.empty(size, device=self.device, dtype=self.dtype)
            self._buffers[name] = buffer
            self.generation += 1
        return buffer[:size].view(shape)

    def take_other(self, name: str, *shape: int) -> Tensor:
        """One of two buffers in turn: what was taken last stays valid, to be read while this one is written."""
        turn = self._turns[name] = 1 - self._turns.get(name, 0)
        return self.take(f"{name} {turn}", *shape)

    def clear(self) -> None:
        """Gives the memory back, when the next picture has another size."""
        self._buffers.clear()
        self.generation += 1
        give_back()
