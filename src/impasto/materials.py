"""What a run paints from, at any scale: the photograph, the styles in their size and colours, and the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import color, masks, regions
from impasto.encoding import Encoding
from impasto.image import Picture, fit
from impasto.objective import Region
from impasto.regions import Division

ColorMode = Literal["style", "content", "match"]
COLOR_SIDE = 256  # longest side of the pictures whose colours are compared: alike for every scale


@dataclass(frozen=True, eq=False)
class Materials:
    """Opened pictures, and how they are used. All tensors are on `device`."""

    content: Picture | None  # None for a texture
    size: tuple[int, int]  # (height, width) that the scales are in proportion to
    styles: Sequence[Picture]
    stroke: float  # the longest side of the styles over that of the result
    mode: ColorMode
    divisions: Sequence[Division]
    device: str

    def __post_init__(self) -> None:
        regions.check_parts(self.divisions, self.styles)

    def shape(self, scale: int) -> tuple[int, int]:
        """(height, width) at a scale, the same whatever the last one is."""
        return fit(*(self.content.size if self.content else self.size), scale)

    def original(self, scale: int) -> Tensor:
        """The photograph as it is, [1, 3, H, W]; black for a texture."""
        if self.content is None:
            return torch.zeros(1, 3, *self.shape(scale), device=self.device)
        return self.content.at(*self.shape(scale)).to(self.device)

    def photograph(self, scale: int) -> Tensor:
        """The photograph that is painted, [1, 3, H, W]: in grey where its colours are put back in the end."""
        return self.in_mode(self.original(scale))

    def in_mode(self, image: Tensor) -> Tensor:
        """A picture as the run paints it."""
        return color.to_grey(image) if self.mode == "content" else image

    def style_sizes(self, scale: int) -> list[tuple[int, int]]:
        """(height, width) of each style at a scale."""
        longest = max(1, round(scale * self.stroke))
        return [fit(*style.size, min(longest, max(style.size))) for style in self.styles]

    def paintings(self, scale: int) -> list[Tensor]:
        """The styles at a scale, never enlarged, in the colours that the picture is to have."""
        sizes = self.style_sizes(scale)
        pictures = [style.at(*size).to(self.device) for style, size in zip(self.styles, sizes, strict=True)]
        if self.mode == "style":
            return pictures
        if self.mode == "match":
            return [
                color.apply_color_map(one, colors) for one, colors in zip(pictures, self._color_maps, strict=True)
            ]
        grey = color.to_grey(self._small)
        seen = [_seen(style, *size, self.device) for style, size in zip(self.styles, sizes, strict=True)]
        return [
            color.match_lightness(color.to_grey(one), grey, part) for one, part in zip(pictures, seen, strict=True)
        ]

    def regions(self, scale: int, margin: int, paintings: Sequence[Tensor]) -> list[Region]:
        """The regions on a canvas with a margin around the picture, for `paintings(scale)`."""
        sizes = [(one.shape[2], one.shape[3]) for one in paintings]
        return [
            Region(
                self._canvas(division.coverage, scale, margin),
                division.shares,
                [
                    None if (mask := regions.part_of(style, part, *size)) is None else mask.to(self.device)
                    for style, part, size in zip(self.styles, division.parts, sizes, strict=True)
                ],
                division.strength,
            )
            for division in self.divisions
        ]

    def cover(self, scale: int, margin: int = 0) -> Tensor | None:
        """How much of the paint each pixel has, [1, 1, H, W], with a margin; None: all of it."""
        covers = [self._canvas(division.coverage, scale, margin) for division in self.divisions]
        parts = [cover for cover in covers if cover is not None]
        return torch.stack(parts).sum(0).clamp_(0, 1) if len(parts) == len(covers) else None

    def finished(self, image: Tensor, scale: int) -> Tensor:
        """A painted picture with the photograph's colours and pixels where it keeps them, and its alpha behind."""
        original = self.original(scale)
        if self.mode == "content":
            image = color.keep_color(image.clamp(0, 1), original)
        image = masks.compose(image, original, self.cover(scale))
        opacity = self.content.opacity(*self.shape(scale)) if self.content else None
        return image if opacity is None else torch.cat([image, opacity.to(image)], 1)

    @property
    def keeps_photograph(self) -> bool:
        """Whether a finished picture has something of the photograph: colours, a part that is not covered, alpha."""
        kept = self.mode == "content" or all(division.coverage is not None for division in self.divisions)
        return kept or (self.content is not None and self.content.opacity(1, 1) is not None)

    @property
    def extra(self) -> int:
        """Numbers a pixel of the masks of regions, and of what puts the photograph's colours back."""
        masks = sum(division.coverage is not None for division in self.divisions)
        return 2 * masks + (3 * 3 if self.keeps_photograph else 0)

    @property
    def shortfalls(self) -> list[int]:
        """The longest sides of styles that are smaller than the scale of strokes asks for, by number from 1."""
        wanted = round(max(self.size) * self.stroke)
        return [number for number, style in enumerate(self.styles, 1) if max(style.size) < wanted]

    def encoding(self, depth: int, dpi: int | None, profile: Literal["srgb", "input"]) -> Encoding:
        """How a painted picture is stored: "input" is the photograph's own profile, where that can be given back."""
        own = self.content.profile if self.content and profile == "input" else None
        return Encoding(depth, dpi, own, alpha=True)

    def missing(self, profile: Literal["srgb", "input"]) -> list[str]:
        """What an encoding with that profile will not have, for people."""
        if profile == "srgb" or (self.content and self.content.profile):
            return []
        return ["the photograph has no RGB profile to give back: the file is in sRGB"]

    def _canvas(self, coverage: Tensor | None, scale: int, margin: int) -> Tensor | None:
        if coverage is None:
            return None
        mask = regions.resize(coverage, *self.shape(scale)).to(self.device)
        return F.pad(mask, (margin,) * 4, mode="replicate")

    @cached_property
    def _small(self) -> Tensor:
        assert self.content is not None, "a texture has no photograph whose colours could be kept"
        return self.content.at(*fit(*self.content.size, min(COLOR_SIDE, max(self.content.size))))

    @cached_property
    def _color_maps(self) -> list[color.ColorMap]:
        """From each style's colours to the photograph's, the same for every scale."""
        return [color.color_map(_seen_colors(style), self._small) for style in self.styles]


def _seen(style: Picture, height: int, width: int, device: str) -> Tensor | None:
    """Whether each pixel of a style can be seen, [1, 1, H, W]; None: all can."""
    opacity = style.opacity(height, width)
    if opacity is None:
        return None
    return (opacity >= min(0.5, float(opacity.max()))).to(device)


def _seen_colors(style: Picture) -> Tensor:
    """The pixels of a small version that can be seen, [1, 3, H, W]; in one row where that is not all of them."""
    size = fit(*style.size, min(COLOR_SIDE, max(style.size)))
    image, seen = style.at(*size), _seen(style, *size, "cpu")
    return image if seen is None else image[:, :, seen[0, 0]][:, :, None]
