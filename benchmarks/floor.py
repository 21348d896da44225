"""The least that an evaluation can take on this machine, by what its convolutions alone would at the best rate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from impasto.calibration import fastest
from impasto.vgg import Encoder

SIDE = 4096  # of the matrices that are multiplied


@dataclass(frozen=True)
class Floor:
    """Of one encoder at one size. Operations are multiplications and additions of direct convolutions."""

    operations: float  # of the convolutions, forward and the gradient of the picture
    rate: float  # operations a second, the best found
    found: str  # what reached it
    convolutions: float  # seconds of all of them, one by one

    @property
    def seconds(self) -> float:
        return self.operations / self.rate


def floor(encoder: Encoder, height: int, width: int) -> Floor:
    """Times each convolution of a picture of that size, and a large matrix product, at the encoder's precision."""
    device, dtype = encoder.workspace.device, encoder.dtype
    square = torch.rand(SIDE, SIDE, device=device).to(dtype)
    rates = {"a matrix product": 2 * SIDE**3 / fastest(lambda: square @ square, device)}
    operations = convolutions = 0.0
    channels = 3
    for layer in encoder.layers:
        rows, columns = -(-height // layer.stride), -(-width // layer.stride)
        padded = torch.rand(rows + 2, columns + 2, channels, device=device).to(dtype)
        grad = torch.rand(rows, columns, layer.channels, device=device).to(dtype)
        convolution, output = layer.convolution, layer.convolution.forward(padded, relu=True)
        one = 2.0 * 9 * channels * layer.channels * rows * columns
        ways = {
            "forward": partial(convolution.forward, padded, True),
            "back": partial(convolution.adjoint, grad, output),
        }
        for name, call in ways.items():
            seconds = fastest(call, device)
            rates[f"{layer.before}, {name}"] = one / seconds
            operations, convolutions = operations + one, convolutions + seconds
        channels = layer.channels
    encoder.clear()
    found = max(rates, key=lambda name: rates[name])
    return Floor(operations, rates[found], found, convolutions)
