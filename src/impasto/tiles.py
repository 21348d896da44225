"""Exact evaluation of an image in tiles: the loss and gradient of the whole image, in the memory of one tile.

Additive statistics make it exact (docs/adr/0003): a first pass sums the tiles' statistics, the loss of the sums has
one small gradient, and a second pass carries it back through each tile. Knows neither the network nor the losses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from impasto.room import Room

IMAGE = "image"  # the name of the picture itself among its features


@dataclass(frozen=True)
class Tile:
    """A part of the image, and the larger crop whose features are right on that part. Pixels, half-open."""

    top: int
    left: int
    bottom: int
    right: int
    crop_top: int
    crop_left: int
    crop_bottom: int
    crop_right: int

    def crop(self, image: Tensor) -> Tensor:
        """View of the crop in an image [..., H, W]."""
        return image[..., self.crop_top : self.crop_bottom, self.crop_left : self.crop_right]

    @property
    def crop_size(self) -> tuple[int, int]:
        """(height, width) of the crop."""
        return self.crop_bottom - self.crop_top, self.crop_right - self.crop_left

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the tile in its crop."""
        top, left = self.crop_top, self.crop_left
        return self.top - top, self.left - left, self.bottom - top, self.right - left

    def with_next(self, image: Tensor, *axes: int) -> Tensor:
        """The tile's own pixels in its crop, and the next ones along axes 2, 3 or both where the picture has them."""
        bottom, right = self.bottom + (2 in axes), self.right + (3 in axes)
        rows = slice(self.top - self.crop_top, min(self.crop_bottom, bottom) - self.crop_top)
        columns = slice(self.left - self.crop_left, min(self.crop_right, right) - self.crop_left)
        return image[..., rows, columns]

    def part(self, features: Tensor, stride: int) -> Tensor:
        """The same part of features [..., H/stride, W/stride] of the whole image."""
        return features[
            ...,
            self.top // stride : -(-self.bottom // stride),
            self.left // stride : -(-self.right // stride),
        ]


def plan(height: int, width: int, tile: int | None, halo: int, stride: int) -> list[Tile]:
    """Covers an image by tiles of at most `tile` pixels a side; None means one tile, the whole image.

    Tiles begin on multiples of `stride`, so that their features lie on the whole image's grid, and crops reach
    `halo` further, rounded up to the stride, as far as the image goes.
    """
    if tile is not None and tile < stride:
        raise ValueError(f"a tile must be at least {stride} pixels, the stride of the deepest layer, not {tile}")
    margin = -(-halo // stride) * stride
    return [
        Tile(
            top, left, bottom, right,
            max(0, top - margin), max(0, left - margin), min(height, bottom + margin), min(width, right + margin),
        )
        for top, bottom in _spans(height, tile, stride)
        for left, right in _spans(width, tile, stride)
    ]  # fmt: skip


def _spans(length: int, tile: int | None, stride: int) -> Iterator[tuple[int, int]]:
    """Nearly equal half-open spans of at most `tile`, which begin on multiples of `stride`."""
    largest = length if tile is None else tile // stride * stride
    count = -(-length // largest)
    step = -(-length // (count * stride)) * stride  # at most `largest`, a multiple of the stride itself
    for start in range(0, length, step):
        yield start, min(length, start + step)


class Encoder(Protocol):
    """What tiles need to know of an encoder; see `vgg.Encoder`."""

    def forward(self, image: Tensor, inner: tuple[int, int, int, int]) -> dict[str, Tensor]: ...
    def backward(self, add_gradient: Callable[[str, Tensor], None]) -> Tensor: ...


class Objective(Protocol):
    """What tiles need to know of a loss; see `objective.Objective`."""

    def statistics(self, features: Mapping[str, Tensor], tile: Tile) -> list[Tensor]: ...
    def total(self, statistics: Sequence[Tensor]) -> Tensor: ...
    def add_gradient(
        self, tap: str, grad: Tensor, features: Tensor, tile: Tile, sensitivities: Sequence[Tensor]
    ) -> None: ...


def value_and_grad(
    image: Tensor, encoder: Encoder, objective: Objective, tiles: Sequence[Tile], room: Room | None = None
) -> tuple[list[Tensor], Tensor]:
    """Statistics of the whole picture [1, 3, H, W], and the gradient [1, 3, H, W] of the loss of them, in a room.

    The first pass over the tiles sums the statistics, the second pulls the gradient back; with one tile, the
    features of the first pass still lie there for the second.
    """
    if len(tiles) == 1:
        features = _features(image, encoder, tiles[0])
        totals = objective.statistics(features, tiles[0])
        return totals, _pull_back(features, encoder, objective, tiles[0], _sensitivities(objective, totals))
    room = room or Room()
    totals = sum_statistics(image, encoder, objective, tiles, room)
    sensitivities = _sensitivities(objective, totals)
    grad = room.map(torch.zeros_like, image)
    for tile in tiles:
        features = _features(image, encoder, tile)
        tile.crop(grad).add_(_pull_back(features, encoder, objective, tile, sensitivities))
        room.tidy()
    return totals, grad


def sum_statistics(
    image: Tensor, encoder: Encoder, objective: Objective, tiles: Sequence[Tile], room: Room | None = None
) -> list[Tensor]:
    """The statistics of the whole picture, one tile in memory at a time."""
    room = room or Room()
    totals: list[Tensor] = []
    for tile in tiles:
        part = objective.statistics(_features(image, encoder, tile), tile)
        totals = [total + statistic for total, statistic in zip(totals, part, strict=True)] if totals else part
        room.tidy()
    return totals


def _features(image: Tensor, encoder: Encoder, tile: Tile) -> dict[str, Tensor]:
    crop = tile.crop(image)
    return {IMAGE: crop, **encoder.forward(crop, tile.inner)}


def _sensitivities(objective: Objective, totals: Sequence[Tensor]) -> list[Tensor]:
    """The gradient of the loss with respect to each statistic."""
    with torch.enable_grad():
        leaves = [total.detach().requires_grad_() for total in totals]
        return list(torch.autograd.grad(objective.total(leaves), leaves))


def _pull_back(
    features: Mapping[str, Tensor],
    encoder: Encoder,
    objective: Objective,
    tile: Tile,
    sensitivities: Sequence[Tensor],
) -> Tensor:
    """The gradient [1, 3, h, w] of the tile's crop, which `features` were just computed from."""

    def add_gradient(tap: str, grad: Tensor) -> None:
        objective.add_gradient(tap, grad, features[tap], tile, sensitivities)

    grad = encoder.backward(add_gradient)
    add_gradient(IMAGE, grad)
    return grad
