"""Which frequencies the steps of an optimiser have: coarse before fine, and none that is to stay as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.room import Room

KNEE = 8  # periods across the picture: coarser structure is not favoured further
CHROMA = 0.6  # how readily a step changes colour, against brightness
FADE = (0.625, 1.25)  # of a hold, the finest frequency that a small picture shows: between them steps fade in


class Filter:
    """A symmetric linear map of pictures, [1, 3, H, W] -> [1, 3, H, W], that weighs their frequencies."""

    def __init__(self, gain: Tensor, width: int, room: Room | None = None) -> None:
        self.gain = gain  # [H, W // 2 + 1]
        self.size = (gain.shape[0], width)
        self.room = room or Room()

    def __call__(self, picture: Tensor) -> Tensor:
        weighed = self.room.empty(tuple(picture.shape), picture)
        for number in range(picture.shape[1]):  # one at a time: spectra are as large as what they are of
            spectrum = torch.fft.rfft2(picture[:, number : number + 1]).mul_(self.gain)
            weighed[:, number : number + 1] = torch.fft.irfft2(spectrum, s=self.size)
            self.room.tidy()
        return weighed


class Preconditioner:
    """The first guess of the inverse Hessian: coarse structure before fine, brightness before colour.

    A symmetric positive linear map. Without it the first steps, which know no curvature, change single pixels and
    their colours as readily as shapes, and leave grain behind: docs/method.md#preconditioning. With a hold it is 0
    for what is coarser, and so is every step of L-BFGS, which is a sum of what it has made.
    """

    def __init__(self, image: Tensor, room: Room | None = None, hold: float = 0.0) -> None:
        frequency = _frequencies(image)
        gain = frequency.clamp_min(KNEE / max(image.shape[2:])).rsqrt()  # the root of a photograph's 1/f amplitudes
        self.filter = Filter((gain * _passed(frequency, hold)).to(image.dtype), image.shape[3], room)
        self.room = self.filter.room

    def __call__(self, grad: Tensor) -> Tensor:
        """[1, 3, H, W] -> [1, 3, H, W]."""
        coarse = self.filter(grad)
        channels = [coarse[:, number : number + 1] for number in range(grad.shape[1])]
        mean = self.room.map(lambda *parts: torch.stack(parts).mean(0), *channels)
        for channel in channels:
            self.room.map(lambda own, all_: own * CHROMA + all_ * (1 - CHROMA), channel, mean, out=channel)
        return coarse


def fine(image: Tensor, hold: float, room: Room | None = None) -> Filter:
    """What leaves of pictures like this one the structure that is finer than a hold, in periods a pixel."""
    return Filter(_passed(_frequencies(image), hold).to(image.dtype), image.shape[3], room)


def _frequencies(image: Tensor) -> Tensor:
    """Periods a pixel, [H, W // 2 + 1], of the spectrum of a picture [1, 3, H, W]."""
    rows = torch.fft.fftfreq(image.shape[2], device=image.device)[:, None]
    columns = torch.fft.rfftfreq(image.shape[3], device=image.device)
    frequency: Tensor = (rows.square() + columns.square()).sqrt()
    return frequency


def _passed(frequency: Tensor, hold: float) -> Tensor:
    """0 for what is held, 1 for what is finer, and a smooth step between."""
    if not hold:
        return torch.ones_like(frequency)
    first, last = (factor * hold for factor in FADE)
    way = ((frequency - first) / (last - first)).clamp(0, 1)
    return way.square().mul_(3 - 2 * way)
