"""Tensors to a safetensors file block by block: the library's own writer copies all of them first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

CHUNK = 1 << 24  # bytes at a time
_KINDS = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


def save_file(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str], release: Callable[[], None] | None = None
) -> None:
    """Contiguous tensors on the CPU, and texts beside them. `release` is called after each block. OSError."""
    described: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        described[name] = {
            "dtype": _KINDS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]
        }  # fmt: skip
    header = json.dumps(described).encode()
    header += b" " * (-len(header) % 8)  # so that numbers begin on multiples of 8
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for tensor in tensors.values():
            for block in blocks(tensor):
                file.write(block)
                if release is not None:
                    release()


def blocks(tensor: Tensor) -> Iterator[memoryview]:
    """The bytes of a contiguous tensor on the CPU."""
    data = tensor.detach().reshape(-1).view(torch.uint8).numpy().data
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
