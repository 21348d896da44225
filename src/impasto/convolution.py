"""Frozen 3×3 convolutions: the forward map, and its adjoint, which is the gradient of the input.

The weights never change, so nothing of the input has to be kept for the way back. Two ways to compute the same
numbers: `Direct` leaves the work to the vendor's library and is right for GPUs; `Winograd` needs 4 times fewer
multiplications and is what makes a CPU fast.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.workspace import Workspace

ConvolutionMethod = Literal["direct", "winograd"]

# Where Winograd's polynomials are evaluated. The usual 0, ±1 and ±2 round twice as much: docs/method.md#convolutions
POINTS = (0, 0.75, -0.75, 1.5, -1.5)
CHUNK_BYTES = 16 << 20  # of transformed tiles at a time: what the last-level cache holds; 4 MB is slower by some 5 %


class Convolution(Protocol):
    """A frozen convolution without padding of its own, optionally followed by a ReLU. Images are [H, W, C]."""

    channels: int  # of the output

    def forward(self, padded: Tensor, relu: bool) -> Tensor:
        """[H+2, W+2, C] -> [H, W, K], valid until the next call."""
        ...

    def adjoint(self, grad: Tensor, output: Tensor | None) -> Tensor:
        """Gradient of the output [H, W, K] -> gradient of the padded input [H+2, W+2, C].

        With `output`, what the last `forward` returned with its ReLU, only its positive positions let through.
        The result is valid until the next adjoint but one, of whichever convolution shares the workspace.
        """
        ...


@contextmanager
def as_asked(device: torch.device) -> Iterator[None]:
    """Convolutions of the library in the precision that they are asked for, and the same ones each time.

    CUDA's would else make those of float32 with mantissas of 10 bits (TF32), and add in any order.
    """
    if device.type != "cuda":
        yield
        return
    library: Any = torch.backends.cudnn
    before = library.conv.fp32_precision, library.deterministic, library.benchmark
    library.conv.fp32_precision, library.deterministic, library.benchmark = "ieee", True, False
    try:
        yield
    finally:
        library.conv.fp32_precision, library.deterministic, library.benchmark = before


class Direct:
    """The library's own convolution, channels last, in the workspace's precision."""

    def __init__(self, weight: Tensor, bias: Tensor, workspace: Workspace) -> None:
        self.weight = weight.to(workspace.dtype, memory_format=torch.channels_last)  # [K, C, 3, 3]
        self.bias, self.workspace = bias.to(workspace.dtype), workspace
        self.channels = len(bias)

    def forward(self, padded: Tensor, relu: bool) -> Tensor:
        with as_asked(self.workspace.device):
            output = F.conv2d(padded.permute(2, 0, 1)[None], self.weight, self.bias)
        if relu:
            output.relu_()
        return output[0].permute(1, 2, 0)

    def adjoint(self, grad: Tensor, output: Tensor | None) -> Tensor:
        if output is not None:
            passed = self.workspace.take("passed", *grad.shape)
            grad = torch.ops.aten.threshold_backward.grad_input(grad, output, 0, grad_input=passed)
        with as_asked(self.workspace.device):
            return F.conv_transpose2d(grad.permute(2, 0, 1)[None], self.weight)[0].permute(1, 2, 0)


class Winograd:
    """F(m×m, 3×3) minimal filtering (Winograd 1980; Lavin & Gray 2016), with its exact adjoint.

    Tiles of (m+2)² pixels are gathered from the padded input, transformed by one small matrix product, multiplied
    with the transformed filters frequency by frequency, transformed back to m² outputs and scattered. It works on
    a few rows of tiles at a time, so that what it makes in between stays in the cache.

    Where the library multiplies many small matrices in one call, each tile lies in one piece and is transformed by
    itself, in the nearest cache; elsewhere each frequency does, and all tiles are transformed at once. What the
    filters have been multiplied into lies by frequency in both cases: the library writes it in one call only so.

    Weights and biases are given in float32 or better; everything else has the workspace's precision.
    """

    m, n = 4, 6  # outputs and inputs of a tile, a side

    def __init__(self, weight: Tensor, bias: Tensor, workspace: Workspace, name: str) -> None:
        self.workspace, self.name = workspace, name
        self.channels = len(bias)
        inverse, filters, data = (matrix.to(weight) for matrix in _transforms())
        taps = weight.permute(2, 3, 1, 0).reshape(9, -1)  # [9, C·K]
        spectrum = (torch.kron(filters, filters) @ taps).view(self.n**2, weight.shape[1], weight.shape[0])
        self.filters = spectrum.to(workspace.dtype)
        self.to_spectra = torch.kron(data, data).to(workspace.dtype)  # [n², n²]
        # The bias is one frequency more, which reaches every output with factor 1.
        outputs = torch.cat([torch.kron(inverse, inverse), weight.new_ones(self.m**2, 1)], 1)
        self.to_outputs = outputs.to(workspace.dtype)  # [m², n² + 1]
        self.bias = bias.to(workspace.dtype)
        self.by_tile = _multiplies_batches(workspace)

    def forward(self, padded: Tensor, relu: bool) -> Tensor:
        height, width = padded.shape[0] - 2, padded.shape[1] - 2
        rows, columns = -(-height // self.m), -(-width // self.m)
        channels, kernels = self.filters.shape[1:]
        image = self._grown(padded, rows * self.m + 2, columns * self.m + 2)
        output = self.workspace.take(self.name, rows * self.m, columns * self.m, kernels)
        for first, count in self._chunks(rows, columns):
            number = count * columns
            tiles = self._take("tiles", self.n**2, number, channels)
            spectra = self._take("spectra", self.n**2, number, channels)
            products = self.workspace.take("products", self.n**2 + 1, number, kernels)
            values = self._take("values", self.m**2, number, kernels)
            view = self._tiles(image, first, count, columns, (self.n, self.n))
            tiles.view(view.shape).copy_(view)
            self._transform(self.to_spectra, tiles, spectra)
            torch.bmm(spectra, self.filters, out=products[:-1])
            products[-1] = self.bias
            self._transform(self.to_outputs, products, values)
            target = self._tiles(output, first, count, columns, (self.m, self.m))
            torch.clamp_min(values.view(target.shape), 0 if relu else -math.inf, out=target)
        return output[:height, :width]

    def adjoint(self, grad: Tensor, output: Tensor | None) -> Tensor:
        height, width, _ = grad.shape
        rows, columns = -(-height // self.m), -(-width // self.m)
        channels, kernels = self.filters.shape[1:]
        grad = self._grown(grad, rows * self.m, columns * self.m)
        # What `forward` returned is a part of its buffer; beyond that part, the gradient is 0 whatever the mask says.
        mask = self.workspace.take(self.name, *grad.shape)
        assert output is None or output.data_ptr() == mask.data_ptr(), "not what forward has just returned"
        result = self.workspace.take_other("gradient", rows * self.m + 2, columns * self.m + 2, channels).zero_()
        for first, count in self._chunks(rows, columns):
            number = count * columns
            values = self._take("values", self.m**2, number, kernels)
            products = self._take("products", self.n**2, number, kernels)
            spectra = self.workspace.take("spectra", self.n**2, number, channels)
            tiles = self._take("tiles", self.n**2, number, channels)
            view = self._tiles(grad, first, count, columns, (self.m, self.m))
            if output is None:
                values.view(view.shape).copy_(view)
            else:
                passed = self._tiles(mask, first, count, columns, (self.m, self.m))
                torch.ops.aten.threshold_backward.grad_input(view, passed, 0, grad_input=values.view(view.shape))
            self._transform(self.to_outputs[:, :-1].T, values, products)
            torch.bmm(products, self.filters.mT, out=spectra)
            self._transform(self.to_spectra.T, spectra, tiles)
            self._overlap_add(result, tiles.view(self.n, self.n, count, columns, channels), first)
        return result[: height + 2, : width + 2]

    def _chunks(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """(first row of tiles, number of rows) of each chunk."""
        size = self.filters.element_size() * self.n**2 * columns * max(self.filters.shape[1:])
        step = max(1, CHUNK_BYTES // size)
        return [(first, min(step, rows - first)) for first in range(0, rows, step)]

    def _take(self, name: str, frequencies: int, tiles: int, channels: int) -> Tensor:
        """A buffer [frequencies, T, C] of T tiles, each of them in one piece if they are transformed one by one."""
        if self.by_tile:
            return self.workspace.take(name, tiles, frequencies, channels).transpose(0, 1)
        return self.workspace.take(name, frequencies, tiles, channels)

    def _transform(self, matrix: Tensor, source: Tensor, target: Tensor) -> None:
        """target[i] = Σ_j matrix[i, j] source[j], of [frequencies, T, C] each."""
        if self.by_tile:
            matrices = matrix.expand(source.shape[1], -1, -1)
            torch.bmm(matrices, source.transpose(0, 1), out=target.transpose(0, 1))
        else:
            torch.mm(matrix, source.view(len(source), -1), out=target.view(len(target), -1))

    def _tiles(self, image: Tensor, first: int, count: int, columns: int, size: tuple[int, int]) -> Tensor:
        """View [*size, count, columns, C] of the tiles in `count` rows of tiles of an image [H, W, C]."""
        row, column, channel = image.stride()
        return image.as_strided(
            (*size, count, columns, image.shape[2]),
            (row, column, self.m * row, self.m * column, channel),
            image.storage_offset() + first * self.m * row,
        )

    def _overlap_add(self, image: Tensor, tiles: Tensor, first: int) -> None:
        """Adds tiles [n, n, count, columns, C], which overlap by 2 pixels, into the image [H, W, C]."""
        m, (count, columns) = self.m, tiles.shape[2:4]
        for top, height in ((0, m), (m, 2)):
            for left, width in ((0, m), (m, 2)):
                target = self._tiles(image[top:, left:], first, count, columns, (height, width))
                target.add_(tiles[top : top + height, left : left + width])

    def _grown(self, image: Tensor, height: int, width: int) -> Tensor:
        """The image [H, W, C] with zeros below and to the right, up to a whole number of tiles."""
        if image.shape[:2] == (height, width):
            return image
        grown = self.workspace.take("grown", height, width, image.shape[2])
        grown[: image.shape[0], : image.shape[1]] = image
        grown[image.shape[0] :], grown[:, image.shape[1] :] = 0, 0
        return grown


def _multiplies_batches(workspace: Workspace) -> bool:
    """Whether a product of many small matrices is one call of the library there: MKL has it for these precisions."""
    has_mkl = workspace.device.type == "cpu" and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return has_mkl and workspace.dtype in (torch.float32, torch.float64)


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Aᵀ [m, n], G [n, 3] and Bᵀ [n, n] of F(m, 3), in float64, by Toom and Cook's evaluation at n-1 points and ∞.

    y = Aᵀ ((G g) ∘ (Bᵀ d)). Aᵀ and G evaluate polynomials; Bᵀ then follows from the requirement that y is the
    correlation of d with g.
    """
    m, n = Winograd.m, Winograd.n
    points = torch.tensor(POINTS, dtype=torch.float64)
    inverse = torch.zeros(m, n, dtype=torch.float64)
    inverse[:, :-1] = points ** torch.arange(m, dtype=torch.float64)[:, None]
    inverse[-1, -1] = 1
    filters = torch.zeros(n, 3, dtype=torch.float64)
    differences = points[:, None] - points + torch.eye(n - 1, dtype=torch.float64)
    filters[:-1] = points[:, None] ** torch.arange(3, dtype=torch.float64) / differences.prod(1, keepdim=True)
    filters[-1, -1] = 1
    # For every pair (output i, filter tap j): Σ_k inverse[i, k] filters[k, j] data[k] = the unit vector i + j.
    equations = torch.einsum("ik,kj->ijk", inverse, filters).reshape(3 * m, n)
    units = torch.eye(n, dtype=torch.float64)[torch.arange(m)[:, None] + torch.arange(3)].reshape(3 * m, n)
    data = (torch.linalg.lstsq(equations, units).solution * 64).round() / 64  # every entry is a multiple of 1/64
    return inverse, filters, data
