"""Pooling over windows of 2×2 between the network's blocks: the forward map and its adjoint. Images are [H, W, C].

An odd last row or column counts too, over the pixels that are there: [H, W, C] -> [⌈H/2⌉, ⌈W/2⌉, C]. Dropped, as
is usual, it would have no deep features.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from impasto.workspace import Workspace

PoolingName = Literal["max", "avg"]

CHUNK_BYTES = 1 << 19  # of pooled rows at a time: what the way back makes in between stays in a processor's cache


class Pooling(Protocol):
    """A pooling, its results in buffers of a workspace."""

    def forward(self, x: Tensor) -> Tensor:
        """[H, W, C] -> [⌈H/2⌉, ⌈W/2⌉, C], valid until the next call."""
        ...

    def adjoint(self, grad: Tensor, x: Tensor) -> Tensor:
        """Gradient of the result -> gradient of x [H, W, C], valid until the next adjoint but one."""
        ...


class MaxPooling:
    """The largest value of each window, as the network was trained; of rectified values, which are not negative.

    It works on their bits, which as integers have the same order (IEEE 754) and are compared several times faster.
    Negative values of a layer that is tapped before its ReLU may come to `adjoint`: that ReLU stops their gradient.
    A negative NaN loses to any number.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def forward(self, x: Tensor) -> Tensor:
        result = _pooled(self.workspace, x)
        _largest(_bits(x), _bits(result))
        return result

    def adjoint(self, grad: Tensor, x: Tensor) -> Tensor:
        """The gradient goes to the first of a window's largest values."""
        result = self.workspace.take_other("gradient", *x.shape)
        bits, grads, results = _bits(x), _bits(grad), _bits(result)
        step = len(grad)
        if grad.device.type == "cpu":
            step = max(1, CHUNK_BYTES // (grad[0].numel() * grad.element_size()))
        for first in range(0, len(grad), step):
            rows, windows = slice(2 * first, 2 * (first + step)), slice(first, first + step)
            left = grads[windows].clone()  # of windows whose largest value was not met yet
            largest = _largest(bits[rows], torch.empty_like(left))
            for source, target in zip(_quarters(bits[rows]), _quarters(results[rows]), strict=True):
                part = tuple(slice(length) for length in source.shape)
                torch.mul(left[part], source == largest[part], out=target)
                left[part] -= target
        return result


class AveragePooling:
    """The mean of each window, as Gatys et al. 2016 recommend."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def forward(self, x: Tensor) -> Tensor:
        first, *others = _quarters(x)
        result = _pooled(self.workspace, x).copy_(first)
        for quarter in others:
            result[: quarter.shape[0], : quarter.shape[1]] += quarter
        return _averaged(result, x)

    def adjoint(self, grad: Tensor, x: Tensor) -> Tensor:
        result = self.workspace.take_other("gradient", *x.shape)
        shares = _averaged(grad, x)
        for quarter in _quarters(result):
            quarter.copy_(shares[: quarter.shape[0], : quarter.shape[1]])
        return result


POOLINGS: dict[PoolingName, type[MaxPooling | AveragePooling]] = {"max": MaxPooling, "avg": AveragePooling}


def _bits(x: Tensor) -> Tensor:
    """View of floating point numbers as integers of the same size."""
    return x.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()])


def _pooled(workspace: Workspace, x: Tensor) -> Tensor:
    return workspace.take("pooled", -(-x.shape[0] // 2), -(-x.shape[1] // 2), x.shape[2])


def _quarters(x: Tensor) -> tuple[Tensor, ...]:
    """Views of the four pixels of all windows, those of an odd end among the first."""
    return x[::2, ::2], x[::2, 1::2], x[1::2, ::2], x[1::2, 1::2]


def _largest(x: Tensor, out: Tensor) -> Tensor:
    first, *others = _quarters(x)
    out.copy_(first)
    for quarter in others:
        part = out[: quarter.shape[0], : quarter.shape[1]]
        torch.maximum(part, quarter, out=part)
    return out


def _averaged(sums: Tensor, x: Tensor) -> Tensor:
    """Sums over windows, in place, by the number of pixels of x in each: fewer at an odd end."""
    sums *= 0.25
    for axis in (0, 1):
        if x.shape[axis] % 2:
            sums.narrow(axis, -1, 1).mul_(2)
    return sums
