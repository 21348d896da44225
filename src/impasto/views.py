"""What of a picture, and of each layer of a network, the features of a part of it depend on.

Every convolution reaches one position of its own grid further, and a pooled position covers its own pixels only. So
the deeper a layer, the less of it beyond the part is needed: computing no more makes tiles a tenth cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Box = tuple[int, int, int, int]  # top, left, bottom, right in pixels, half-open


@dataclass(frozen=True)
class View:
    """A part of a grid of positions, half-open along both axes."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    size: tuple[int, int]  # of the whole grid

    @property
    def ends(self) -> tuple[bool, bool, bool, bool]:
        """Whether it reaches the top, left, bottom and right of the grid."""
        (top, bottom), (left, right), (height, width) = self.rows, self.columns, self.size
        return top == 0, left == 0, bottom == height, right == width

    @property
    def positions(self) -> int:
        """How many it has."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    def cut(self, image: Tensor) -> Tensor:
        """The part of a whole grid's values [..., H, W]."""
        return image[..., slice(*self.rows), slice(*self.columns)]

    def embedded(self, grad: Tensor) -> Tensor:
        """Values [..., h, w] of the part among zeros, [..., H, W]: the adjoint of `cut`."""
        if all(self.ends):
            return grad
        (top, bottom), (left, right), (height, width) = self.rows, self.columns, self.size
        return F.pad(grad, (left, width - right, top, height - bottom))

    def part(self, x: Tensor, inner: View) -> Tensor:
        """What an inner view has of this one's values [H, W, C]."""
        axes = (self.rows, inner.rows), (self.columns, inner.columns)
        rows, columns = (slice(start - first, end - first) for (first, _), (start, end) in axes)
        return x[rows, columns]


@dataclass(frozen=True)
class Load:
    """What a network has to do and to hold for a picture."""

    shallow: int  # positions of its first block, whose time goes to memory
    deep: int  # multiplications of the others, whose time goes to them
    memory: int  # bytes


def margins(pooled: Sequence[bool]) -> list[int]:
    """How many positions of its own grid each layer needs beyond a part, the picture first.

    pooled: of each convolution, whether its input is pooled before.
    """
    found = [0]
    for is_pooled in reversed(pooled):
        found.append((found[-1] + 1) * (2 if is_pooled else 1))
    return found[::-1]


def view(size: tuple[int, int], inner: Box, stride: int, margin: int = 0) -> View:
    """A part of a picture of that (height, width) on a grid of that stride, and a margin as far as the grid goes."""
    top, left, bottom, right = inner
    (rows, height), (columns, width) = (
        _span(length, start, end, stride, margin)
        for length, start, end in ((size[0], top, bottom), (size[1], left, right))
    )
    return View(rows, columns, (height, width))


def _span(length: int, start: int, end: int, stride: int, margin: int) -> tuple[tuple[int, int], int]:
    count = -(-length // stride)
    return (max(0, start // stride - margin), min(count, -(-end // stride) + margin)), count
