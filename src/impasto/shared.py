"""What runs of one process have in common, made once: opened pictures, networks, targets, scales already painted."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")

MOST = {
    "picture": 64,
    "mask": 16,
    "network": 2,
    "encoder": 2,
    "style": 64,
    "scale": 64,
}  # kept of each kind, the latest used
MOST_BYTES = 2**28  # of a kind, of what is told to be large


class Shared:
    """A shelf for what several runs need. Runs that have it to themselves keep nothing of another."""

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[Hashable, tuple[object, int]]] = {kind: OrderedDict() for kind in MOST}

    def once(self, kind: str, key: Hashable, make: Callable[[], Value]) -> Value:
        """What was kept by that kind and key, or what is made now."""
        shelf = self._kept[kind]
        if key not in shelf:
            self.keep(kind, key, make())
        shelf.move_to_end(key)
        return cast(Value, shelf[key][0])

    def keep(self, kind: str, key: Hashable, value: object, size: int = 0) -> None:
        """Puts a value of that many bytes there, and takes those used longest ago away where there are too many.

        One that is too large for the shelf is not kept.
        """
        if size > MOST_BYTES:
            return
        shelf = self._kept[kind]
        shelf[key] = value, size
        while len(shelf) > MOST[kind] or sum(size for _, size in shelf.values()) > MOST_BYTES:
            shelf.popitem(last=False)

    def get(self, kind: str, key: Hashable) -> object | None:
        """What was kept; None if nothing was."""
        return self.once(kind, key, lambda: None) if key in self._kept[kind] else None


def digest(*tensors: Tensor | None) -> str:
    """SHA-256 of tensors' shapes and values."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(b"none" if tensor is None else f"{tuple(tensor.shape)}".encode())
        if tensor is not None:
            found.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return found.hexdigest()
