"""The scales of a run, coarse to fine, and the way of a picture from one to the next.

Scales are the same absolute sizes whatever the last one is, and each depends only on those below: so a preview at
512 is a state of the run at 4096.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

BLEED = 8  # pixels that are painted beyond each border, and cut off


def scales(size: int, least: int) -> list[int]:
    """Longest sides: `least` and its doubles below `size`, then `size` itself."""
    sides = []
    while least < size:
        sides.append(least)
        least *= 2
    return [*sides, size]


def evaluations(iterations: Sequence[int], count: int) -> list[int]:
    """One number for each of `count` scales; the last one given serves all that are left."""
    return [iterations[min(index, len(iterations) - 1)] for index in range(count)]


def with_bleed(image: Tensor, bleed: int = BLEED) -> tuple[Tensor, int]:
    """[1, 3, H, W] -> the canvas [1, 3, H + 2·margin, W + 2·margin], and its margin.

    The network sees the pixels at a border from one side only, so they come out less painted than the others. The
    picture is continued by reflection in the border's own values: a mirror would make a crest of every slope
    towards the border, and a stroke along the border of every crest.
    """
    canvas, margin = image, min(bleed, image.shape[2] - 1, image.shape[3] - 1)
    for axis in (2, 3):
        end = canvas.shape[axis] - 1
        before = 2 * canvas.narrow(axis, 0, 1) - canvas.narrow(axis, 1, margin).flip(axis)
        after = 2 * canvas.narrow(axis, end, 1) - canvas.narrow(axis, end - margin, margin).flip(axis)
        canvas = torch.cat([before, canvas, after], axis)
    return canvas.clamp_(0, 1), margin


def without_bleed(image: Tensor, margin: int) -> Tensor:
    """View [1, 3, H, W] of the picture on a canvas."""
    return image[..., margin : image.shape[2] - margin, margin : image.shape[3] - margin]


def enlarge(image: Tensor, coarse: Tensor, fine: Tensor, detail: float, *, circular: bool = False) -> Tensor:
    """Takes a picture to the next scale, and adds what the finer content shows and the coarser did not.

    Without that band the photograph's fine edges would have to be found again by optimisation. Pictures have no
    bleed here: with the same margin at both scales they would be out of register.

    Args:
        image: [1, 3, h, w], the result at the coarser scale.
        coarse: [1, 3, h, w], the content there.
        fine: [1, 3, H, W], the content at the next scale.
        detail: how much of the band is added; 1 is all of it.
        circular: whether the pictures go on at their opposite borders.
    """
    size = (fine.shape[2], fine.shape[3])
    band = fine - _resized(coarse, size, circular)
    return (_resized(image, size, circular) + detail * band).clamp_(0, 1)


def _resized(image: Tensor, size: tuple[int, int], circular: bool) -> Tensor:
    margins = [_margin(image.shape[axis], size[axis - 2]) if circular else (0, 0) for axis in (2, 3)]
    (top, out_top), (left, out_left) = margins
    padded = F.pad(image, (left, left, top, top), mode="circular") if circular else image
    whole = (size[0] + 2 * out_top, size[1] + 2 * out_left)
    resized = F.interpolate(padded, size=whole, mode="bicubic", align_corners=False)
    return resized[..., out_top : out_top + size[0], out_left : out_left + size[1]]


def _margin(length: int, wanted: int) -> tuple[int, int]:
    """Pixels to add on either side, enough for a cubic, and the whole number that they become."""
    unit = length // math.gcd(length, wanted)
    margin = unit * max(1, min(-(-4 // unit), length // unit))
    return margin, margin * wanted // length
