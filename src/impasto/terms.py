"""The terms of an objective: one loss at one tap each, as a sum over positions and what is made of it.

`statistic` gives the sum of one tile, `loss` the loss of the sum of all tiles, and `add_gradient` carries the
gradient of the sum back to the features of one tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from impasto import losses
from impasto.tiles import IMAGE, Tile
from impasto.vgg import Tap


class Term(Protocol):
    """One loss at one tap."""

    @property
    def name(self) -> str: ...
    @property
    def tap(self) -> str: ...
    @property
    def weight(self) -> float: ...

    def statistic(self, features: Tensor, tile: Tile) -> Tensor: ...
    def loss(self, statistic: Tensor) -> Tensor: ...
    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None: ...


@dataclass(frozen=True)
class StyleTerm:
    """Error of the Gram matrix of a region, or of the whole picture; docs/method.md#style."""

    tap: str
    weight: float
    target: Tensor  # A [C, C]: the style's Gram matrix by its own number of positions
    positions: float  # N of the whole picture, or the sum of the guide
    pixels: int = 1  # of the whole picture: the seed's formula asks for them
    formula: losses.StyleLoss = "relative"
    guide: Tensor | None = None  # [1, 1, H, W] of the whole picture, how much each position counts
    region: int = 0  # from 1 on, where there are several

    @property
    def name(self) -> str:
        return f"style {self.tap}" + (f" region {self.region}" if self.region else "")

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        return losses.gram_matrix(features, self._guide(tile))

    def loss(self, statistic: Tensor) -> Tensor:
        gram = statistic / self.positions
        return losses.STYLE_LOSSES[self.formula](gram, self.target, self.positions, self.pixels)

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        losses.add_gram_gradient(grad, features, sensitivity, self._guide(tile))

    def _guide(self, tile: Tile) -> Tensor | None:
        return None if self.guide is None else tile.part(self.guide, Tap.parse(self.tap).stride)


@dataclass(frozen=True)
class ContentTerm:
    """Error of the features; docs/method.md#content."""

    tap: str
    weight: float
    target: Tensor  # P [1, C, H, W] of the whole picture
    energy: Tensor  # Σ P²
    formula: losses.ContentLoss = "relative"

    @property
    def name(self) -> str:
        return f"content {self.tap}"

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        return losses.squared_error(features, self._target(tile))

    def loss(self, statistic: Tensor) -> Tensor:
        return losses.CONTENT_LOSSES[self.formula](statistic, self.energy, self.target.numel())

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        losses.add_squared_error_gradient(grad, features, self._target(tile), sensitivity)

    def _target(self, tile: Tile) -> Tensor:
        return tile.part(self.target, Tap.parse(self.tap).stride)


@dataclass(frozen=True)
class VariationTerm:
    """Total variation; docs/method.md#total-variation."""

    weight: float
    positions: int
    formula: losses.VariationLoss = "squared"
    circular: bool = False  # whether the picture, one tile then, goes on at its opposite borders
    name: str = "total variation"
    tap: str = IMAGE

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        sums = losses.VARIATION_LOSSES[self.formula].sums
        return torch.stack([value(self._with_next(features, tile, axes)) for axes, value, _ in sums]).sum()

    def loss(self, statistic: Tensor) -> Tensor:
        return losses.VARIATION_LOSSES[self.formula].loss(statistic, self.positions)

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        for axes, _, add_gradient in losses.VARIATION_LOSSES[self.formula].sums:
            neighbours = self._with_next(features, tile, axes)
            if self.circular:
                own = torch.zeros_like(neighbours)
                add_gradient(own, neighbours, sensitivity=sensitivity)
                grad += _folded(own, axes)
            else:
                add_gradient(tile.with_next(grad, *axes), neighbours, sensitivity=sensitivity)

    def _with_next(self, features: Tensor, tile: Tile, axes: tuple[int, ...]) -> Tensor:
        if not self.circular:
            return tile.with_next(features, *axes)
        for axis in axes:
            features = torch.cat([features, features.narrow(axis, 0, 1)], axis)
        return features


def _folded(grad: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The gradient of the rows and columns that were repeated at the end, added to the first ones."""
    for axis in reversed(axes):
        last = grad.shape[axis] - 1
        grad.narrow(axis, 0, 1).add_(grad.narrow(axis, last, 1))
        grad = grad.narrow(axis, 0, last)
    return grad
