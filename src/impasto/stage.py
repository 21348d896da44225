"""One scale of a run: a canvas, what is minimised on it, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from impasto import masks, optimize, pyramid
from impasto.objective import Objective
from impasto.tiles import Tile, value_and_grad
from impasto.vgg import Encoder


@dataclass(frozen=True, eq=False)
class Stage:
    """A scale that is ready to be painted. The canvas is the picture with its bleed."""

    encoder: Encoder
    objective: Objective
    tiles: Sequence[Tile]
    photograph: Tensor  # [1, 3, H + 2·margin, W + 2·margin]
    margin: int
    cover: Tensor | None  # [1, 1, …] of the canvas: how much of the paint each pixel has; None: all of it

    def function(self, canvas: Tensor) -> optimize.Value:
        """The weighted losses of what the paint on a canvas makes of the photograph, and their gradient."""
        picture = masks.compose(canvas, self.photograph, self.cover)
        statistics, grad = value_and_grad(picture, self.encoder, self.objective, self.tiles)
        total, terms = self.objective.values(statistics)
        return optimize.Value(total, terms, grad if self.cover is None else grad * self.cover)

    def shown(self, canvas: Tensor) -> Tensor:
        """The picture [1, 3, H, W] on a canvas."""
        return pyramid.without_bleed(masks.compose(canvas, self.photograph, self.cover), self.margin)

    def with_content_weight(self, weight: float) -> Stage:
        """The same with another weight of the content."""
        return replace(self, objective=self.objective.with_content_weight(weight))
