"""One scale of a run: a canvas, what is minimised on it, and what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from impasto import masks, optimize, pyramid
from impasto.objective import Objective
from impasto.replay import LARGEST, Replayed
from impasto.room import Room
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
    room: Room  # where what has the canvas' size lies

    def function(self, canvas: Tensor) -> optimize.Value:
        """The weighted losses of what the paint on a canvas makes of the photograph, and their gradient."""
        losses, grad = self._evaluate(canvas)
        total, terms = self.objective.values(losses)
        return optimize.Value(total, terms, grad)

    @cached_property
    def _evaluate(self) -> Callable[[Tensor], Sequence[Tensor]]:
        """The losses without their weights, and the gradient of their weighted sum; recorded where that may pay."""
        alone = replace(self)  # a recording that knows its own stage would outlive it
        if self.photograph.device.type != "cuda" or len(self.tiles) > 1 or self.photograph[0, 0].numel() > LARGEST:
            return alone._evaluated
        return Replayed(alone._evaluated_alone, self.encoder.workspace)

    def _evaluated(self, canvas: Tensor) -> tuple[Tensor, Tensor]:
        statistics, grad = value_and_grad(self._composed(canvas), self.encoder, self.objective, self.tiles, self.room)
        if self.cover is not None:
            self.room.map(torch.mul, grad, self.cover.expand_as(grad), out=grad)
        return self.objective.stacked(statistics), grad

    def _evaluated_alone(self, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """The same, with nothing left of it in the encoder: a recording has a memory of its own."""
        made = self._evaluated(canvas)
        self.encoder.forget()
        return made

    def shown(self, canvas: Tensor) -> Tensor:
        """The picture [1, 3, H, W] on a canvas."""
        return pyramid.without_bleed(self._composed(canvas), self.margin)

    def _composed(self, canvas: Tensor) -> Tensor:
        """The picture on a canvas, with its bleed."""
        if self.cover is None:
            return canvas
        return self.room.map(masks.compose, canvas, self.photograph, self.cover.expand_as(canvas))

    def with_content_weight(self, weight: float) -> Stage:
        """The same with another weight of the content."""
        return replace(self, objective=self.objective.with_content_weight(weight))
