"""Where in a picture a style paints: from masks of pixels to guides of the network's positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

EROSION = 0.15  # of a tap's reach: what lies further away hardly counts in its features
KEPT = 0.7  # of a region's area, at the least, whatever the reach: a small region would have no deep features else


def guide(mask: Tensor, stride: int, reach: int) -> Tensor:
    """Coverage of pixels [1, 1, H, W] in 0..1 -> of a tap's positions [1, 1, ⌈H/stride⌉, ⌈W/stride⌉], eroded.

    A position near the border of a region sees what lies beyond it. So that styles do not bleed, only positions
    that see (nearly) nothing else count ("inside" guides, Gatys et al. 2017, sec. 4).
    """
    positions = F.avg_pool2d(mask, stride, ceil_mode=True, count_include_pad=False)
    radius = round(EROSION * reach / stride)
    while radius:
        eroded = erode(positions, radius)
        if eroded.sum() >= KEPT * positions.sum():
            return eroded
        radius //= 2
    return positions


def compose(paint: Tensor, photograph: Tensor, cover: Tensor | None) -> Tensor:
    """The paint as far as it covers [1, 1, H, W] (None: all of it), the photograph elsewhere."""
    return paint if cover is None else photograph + cover * (paint - photograph)


def erode(mask: Tensor, radius: int) -> Tensor:
    """The least value within a square of that radius in a mask [1, 1, H, W]; what lies beyond it does not count."""
    for axis in (2, 3):
        side, length = 2 * radius + 1, mask.shape[axis]
        edges = mask.narrow(axis, 0, 1), mask.narrow(axis, length - 1, 1)
        repeats = [radius if dimension == axis else 1 for dimension in range(4)]
        padded = torch.cat([edges[0].repeat(repeats), mask, edges[1].repeat(repeats)], axis)
        mask = -F.max_pool2d(-padded, (side, 1) if axis == 2 else (1, side), 1)
    return mask
