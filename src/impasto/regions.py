"""Masks from files: which style paints where, and which part of each style counts.

A mask in grey belongs to one style: white is all of it, black nothing. A mask in flat colours divides a picture into
regions by the palette below, and black is no region.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.errors import OptionsError
from impasto.image import Picture, fit

PALETTE = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "magenta": (1, 0, 1),
    "cyan": (0, 1, 1), "white": (1, 1, 1),
}  # fmt: skip
COLOURFUL = 0.1  # difference of two channels from which on a pixel is not grey
_CHECKED = 64  # longest side, in pixels, at which it is seen whether anything counts
LEAST = 0.001  # share of the pixels that is more than a JPEG's dirt
ASPECT = 0.02  # by how much the proportions of a mask may differ from those of its picture


@dataclass(frozen=True)
class Mask:
    """A mask in its own size: coverage by label, "" for a grey one."""

    coverage: dict[str, Tensor]  # each [1, 1, h, w]: whether, or for a grey one how much, in 0..1
    sha256: str

    @property
    def grey(self) -> bool:
        return set(self.coverage) == {""}


@dataclass(frozen=True)
class Division:
    """One region of the result: its coverage, the styles' shares in it, and the part of each style that counts.

    strength: how much its styles count against the average style.
    """

    coverage: Tensor | None  # [1, 1, h, w] in the mask's own size; None: everywhere
    shares: tuple[float, ...]
    parts: tuple[Tensor | None, ...]
    strength: float = 1.0


def read_mask(picture: Picture, of: Picture, name: str) -> Mask:
    """A mask of a picture in the same proportions. OptionsError, which begins with its name, if it is of another."""
    height, width = picture.size
    if not _alike(picture.size, of.size):
        raise OptionsError(
            f"{name} is {width} x {height} pixels and its picture {of.size[1]} x {of.size[0]}: "
            "a mask has the size or the proportions of its picture"
        )
    image = picture.at(height, width)
    colourful = (image.amax(1) - image.amin(1) > COLOURFUL).float().mean()
    coverage = _labels(image) if colourful > LEAST else {"": image.mean(1, keepdim=True)}
    if not any(bool(part.any()) for part in coverage.values()):
        raise OptionsError(f"{name} is black all over: where it is white or coloured, styles paint")
    return Mask(coverage, picture.sha256)


def divide(content: Sequence[Mask], style: Sequence[Mask], weights: Sequence[float]) -> list[Division]:
    """Binds masks of the photograph and of the styles to the styles. OptionsError for what does not go together."""
    count = len(weights)
    if style and len(style) != count:
        raise OptionsError(f"expected one style mask for each of {_styles(count)}, got {len(style)}")
    if len(content) == 1 and not content[0].grey:
        return _by_colour(content[0], style, weights)
    if any(not mask.grey for mask in (*content, *style)):
        raise OptionsError("masks in colours go with one content mask in colours: expected masks in grey")
    parts = tuple(mask.coverage[""] for mask in style) or (None,) * count
    if not content:
        return [Division(None, tuple(weights), parts)]
    if len(content) != count:
        raise OptionsError(
            f"expected a content mask in grey for each of {_styles(count)}, or one in colours; got {len(content)}"
        )
    return _of_styles(_same([mask.coverage[""] for mask in content]), weights, parts)


def resize(mask: Tensor, height: int, width: int) -> Tensor:
    """Coverage [1, 1, h, w] at another size: the mean of what falls on a pixel, or linear between pixels."""
    smaller = height <= mask.shape[2] and width <= mask.shape[3]
    return F.interpolate(mask.float(), size=(height, width), mode="area" if smaller else "bilinear").clamp_(0, 1)


def part_of(style: Picture, mask: Tensor | None, height: int, width: int) -> Tensor | None:
    """What of a style counts at a size, [1, 1, H, W]: its mask's part, less what is transparent; None: all of it."""
    opacity, part = style.opacity(height, width), None if mask is None else resize(mask, height, width)
    return part if opacity is None else opacity if part is None else part * opacity


def check_parts(divisions: Sequence[Division], styles: Sequence[Picture]) -> None:
    """OptionsError for a style of which nothing counts."""
    for division in divisions:
        for number, (style, mask, share) in enumerate(zip(styles, division.parts, division.shares, strict=True), 1):
            part = part_of(style, mask, *fit(*style.size, min(_CHECKED, max(style.size)))) if share else None
            if part is not None and not part.any():
                raise OptionsError(f"style {number} is transparent wherever its mask has it count")


def _by_colour(content: Mask, style: Sequence[Mask], weights: Sequence[float]) -> list[Division]:
    """A region has the part in its colour of every style; without style masks, the nth colour has the nth style."""
    labels = [label for label in PALETTE if label in content.coverage]
    count = len(weights)
    if not style:
        if len(labels) != count:
            raise OptionsError(
                f"the content mask has {len(labels)} colours ({', '.join(labels)}) and there are {_styles(count)}: "
                "expected one for each, in this order, or style masks in the same colours"
            )
        parted = ((content.coverage[label], {number}) for number, label in enumerate(labels))
        return _of_styles(parted, weights, (None,) * count)
    found = [mask.coverage if not mask.grey else {"white": mask.coverage[""]} for mask in style]
    divisions: list[Division] = []
    for label in labels:
        parts = tuple(coverage.get(label) for coverage in found)
        if not any(part is not None for part in parts):
            raise OptionsError(f"the content mask has a region in {label}, and no style mask has that colour")
        shares = tuple(weight if part is not None else 0.0 for weight, part in zip(weights, parts, strict=True))
        divisions += _division(content.coverage[label], shares, parts, weights)
    for number, coverage in enumerate(found, 1):
        if not coverage.keys() & set(labels):
            raise OptionsError(
                f"style mask {number} has {', '.join(coverage)} and the content mask {', '.join(labels)}: "
                "expected a colour in common, where that style paints"
            )
    return divisions


def _labels(image: Tensor) -> dict[str, Tensor]:
    """The nearest of the palette's colours and black for every pixel, {label: [1, 1, h, w]}."""
    colours = torch.tensor([(0, 0, 0), *PALETTE.values()], dtype=image.dtype)
    nearest = torch.zeros(image.shape[2:], dtype=torch.uint8)
    least = image.square().sum(1)[0]  # the distance to black
    for index, colour in enumerate(colours[1:], 1):
        distance = (image - colour.view(3, 1, 1)).square_().sum(1)[0]
        nearest[distance < least] = index
        least = torch.minimum(least, distance)
    found = {label: (nearest == index)[None, None] for index, label in enumerate(PALETTE, 1)}
    return {label: part for label, part in found.items() if part.sum() > LEAST * part.numel()}


def _same(coverages: Sequence[Tensor]) -> list[tuple[Tensor, set[int]]]:
    """Each region once, with the numbers of the styles whose mask it is."""
    found: list[tuple[Tensor, set[int]]] = []
    for number, coverage in enumerate(coverages):
        same = next((numbers for other, numbers in found if torch.equal(other, coverage)), None)
        if same is None:
            found.append((coverage, {number}))
        else:
            same.add(number)
    return found


def _of_styles(
    parted: Iterable[tuple[Tensor, set[int]]], weights: Sequence[float], parts: tuple[Tensor | None, ...]
) -> list[Division]:
    """Regions of the styles of those numbers, which are mixed where there are several."""
    divisions: list[Division] = []
    for coverage, numbers in parted:
        shares = tuple(weight if number in numbers else 0.0 for number, weight in enumerate(weights))
        divisions += _division(coverage, shares, parts, weights)
    return divisions


def _division(
    coverage: Tensor, shares: tuple[float, ...], parts: tuple[Tensor | None, ...], weights: Sequence[float]
) -> list[Division]:
    """The region in which styles of those shares paint; none, so that it is kept, where they count for nothing."""
    here, anywhere = ([weight for weight in some if weight] for some in (shares, weights))
    if not here:
        return []
    return [Division(coverage, shares, parts, fmean(here) / fmean(anywhere))]


def _alike(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether a (height, width) is another one in small or large, but for rounding and a little."""
    sides = list(zip(mask, picture, strict=True))
    least = max((one - 1) / other for one, other in sides)
    return least <= min((one + 1) / other for one, other in sides) * (1 + ASPECT)


def _styles(count: int) -> str:
    return f"{count} style{'s' * (count != 1)}"
