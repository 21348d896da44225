"""What a run yields after each evaluation, what its scales hand on, and what it ends with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from impasto.encoding import EIGHT_BITS, Encoding, Levels
from impasto.image import to_levels
from impasto.optimize import Point
from impasto.output import save_image


@dataclass(frozen=True)
class Iterate:
    """The state of a run after an evaluation."""

    scale: int  # longest side in pixels
    scales: tuple[int, ...]  # all of the run
    step: int  # evaluations at this scale so far
    steps: int  # and in all at this scale
    evaluations: int  # since the run began
    losses: Mapping[str, float]  # of each term, without its weight; "total" is the weighted sum
    content_weight: float  # as the strength dial has set it
    next_weight: float  # as it is for the evaluations to come
    seconds: float  # of preparing, and since the run began
    image: Tensor  # [1, 3, H, W], sRGB, in 0..1 where it is clipped; to be read only: the run goes on from it
    finish: Callable[[Tensor], Tensor] | None = None  # puts back what is the photograph's: colours, parts, alpha
    point: Point | None = None  # of the optimiser, on the canvas: until a snapshot may have been taken

    @property
    def last(self) -> bool:
        """Whether the run ends here."""
        return self.scale == self.scales[-1] and self.step == self.steps

    def picture(self) -> Image.Image:
        """The state as an 8-bit picture, "RGB"; "RGBA" where the photograph is transparent."""
        return Image.fromarray(self.levels(8))

    def levels(self, depth: int) -> Levels:
        """The same as numbers [H, W, 3 or 4]: uint8, or uint16 at a depth of 16."""
        return to_levels(self.image if self.finish is None else self.finish(self.image), depth)


def better(state: Iterate, best: Iterate | None) -> Iterate:
    """The newer state, unless it is worse and not the last. Losses compare only at one scale and one weight."""
    if best is None or state.last or (state.scale, state.content_weight) != (best.scale, best.content_weight):
        return state
    return state if state.losses["total"] <= best.losses["total"] else best


@dataclass(frozen=True, eq=False)
class Behind:
    """What a scale goes on from."""

    picture: Tensor  # [1, 3, h, w]
    scale: int  # its longest side
    weight: float  # of the content
    evaluations: int  # since the run began


@dataclass(frozen=True)
class Result:
    """A finished picture."""

    image: Image.Image
    losses: Mapping[str, float]
    seconds: float
    evaluations: int
    recipe: Mapping[str, Any]  # everything that it takes to make it again; no paths, no names
    encoding: Encoding = EIGHT_BITS  # by the options about the file
    levels: Levels | None = None  # [H, W, 3 or 4] of uint16, where the options ask for 16 bits

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes PNG, JPEG, WebP or TIFF by the extension, the recipe inside. ImageError if it cannot."""
        image = self.image if self.levels is None else self.levels
        save_image(image, path, recipe=self.recipe, encoding=self.encoding)


def result_of(state: Iterate, recipe: Mapping[str, Any], encoding: Encoding) -> Result:
    """A state as a finished picture, to be stored by an encoding."""
    levels = None if encoding.depth == 8 else state.levels(encoding.depth)
    return Result(state.picture(), state.losses, state.seconds, state.evaluations, recipe, encoding, levels)
