"""The scales of a run, coarse to fine, and the way of a picture from one to the next.

Scales are the same absolute sizes whatever the last one is, and each depends only on those below: so a preview at
512 is a state of the run at 4096.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.room import Room

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


def with_bleed(image: Tensor, bleed: int = BLEED, room: Room | None = None) -> tuple[Tensor, int]:
    """[1, 3, H, W] -> the canvas [1, 3, H + 2·margin, W + 2·margin] in a room, and its margin.

    The network sees the pixels at a border from one side only, so they come out less painted than the others. The
    picture is continued by reflection in the border's own values: a mirror would make a crest of every slope
    towards the border, and a stroke along the border of every crest.
    """
    room = room or Room()
    (height, width), margin = image.shape[2:], min(bleed, image.shape[2] - 1, image.shape[3] - 1)
    canvas = room.empty((*image.shape[:2], height + 2 * margin, width + 2 * margin), image)
    rows = canvas[..., margin : margin + width]
    room.map(torch.clone, image, out=rows[:, :, margin : margin + height])
    for axis, part in ((2, rows), (3, canvas)):
        first, last = margin, part.shape[axis] - margin - 1
        before, after = part.narrow(axis, first + 1, margin), part.narrow(axis, last - margin, margin)
        part.narrow(axis, 0, margin).copy_(2 * part.narrow(axis, first, 1) - before.flip(axis))
        part.narrow(axis, last + 1, margin).copy_(2 * part.narrow(axis, last, 1) - after.flip(axis))
    return room.map(lambda part: part.clamp(0, 1), canvas, out=canvas), margin


def without_bleed(image: Tensor, margin: int) -> Tensor:
    """View [1, 3, H, W] of the picture on a canvas."""
    return image[..., margin : image.shape[2] - margin, margin : image.shape[3] - margin]


def enlarge(
    image: Tensor, coarse: Tensor, fine: Tensor, detail: float, *, circular: bool = False, room: Room | None = None
) -> Tensor:
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
    size, room = (fine.shape[2], fine.shape[3]), room or Room()
    enlarged = room.empty(tuple(fine.shape), fine)
    for channel in (slice(number, number + 1) for number in range(fine.shape[1])):
        band = fine[:, channel] - _resized(coarse[:, channel], size, circular)
        picture = _resized(image[:, channel], size, circular)
        enlarged[:, channel] = picture.add_(band.mul_(detail)).clamp_(0, 1)
        room.tidy()
    return enlarged


def _resized(image: Tensor, size: tuple[int, int], circular: bool) -> Tensor:
    if not circular:
        return F.interpolate(image, size=size, mode="bicubic", align_corners=False)
    for axis, length in ((2, size[0]), (3, size[1])):
        image = _repeated_cubic(image, axis, length)
    return image


def _repeated_cubic(image: Tensor, axis: int, length: int) -> Tensor:
    """What bicubic interpolation makes along an axis of a picture that goes on at its opposite borders."""
    count = image.shape[axis]
    place = (torch.arange(length, dtype=torch.float64) + 0.5) * (count / length) - 0.5  # not every device has it
    before = place.floor()
    shape = [-1 if dimension == axis else 1 for dimension in range(4)]
    resized = torch.zeros((), device=image.device, dtype=image.dtype)
    for tap in (-1, 0, 1, 2):
        weights = _cubic((place - before - tap).abs()).to(image.device, image.dtype).view(shape)
        resized = resized + weights * image.index_select(axis, ((before.long() + tap) % count).to(image.device))
    return resized


def _cubic(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -0.75 (1981, eq. 4), as the library's bicubic interpolation has it."""
    near = (1.25 * distance - 2.25) * distance.square() + 1
    far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
    return torch.where(distance <= 1, near, far)
