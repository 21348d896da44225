"""The least that an evaluation should take on this machine: what its convolutions alone would, at the best rate.

There are two such rates. The processor's is the best that a large matrix product or one of the library's convolutions
reaches. Winograd's convolutions give the result of more operations than they make: the network's own best layer is
beyond that rate, and an evaluation may be as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from impasto.calibration import fastest
from impasto.convolution import Direct
from impasto.vgg import Encoder

SIDE = 4096  # of the matrices that are multiplied
LONGEST = 2048  # pixels of the picture whose convolutions are timed: those of larger ones are as fast


@dataclass(frozen=True)
class Floor:
    """Of one encoder at one size. Operations are multiplications and additions of direct convolutions."""

    operations: float  # of the convolutions, forward and the gradient of the picture
    rates: dict[str, float]  # operations a second, by what reached them
    direct: frozenset[str]  # those of them that make all these operations
    convolutions: float  # seconds of all of them, one by one

    @property
    def processor(self) -> str:
        """What comes nearest to what the processor can do."""
        return max(self.direct, key=lambda name: self.rates[name])

    @property
    def layer(self) -> str:
        """The best of all, Winograd's included."""
        return max(self.rates, key=lambda name: self.rates[name])

    def seconds(self, name: str) -> float:
        """What all convolutions would take at that rate."""
        return self.operations / self.rates[name]


def floor(encoder: Encoder, height: int, width: int) -> Floor:
    """Times each convolution of a picture of that size, and a large matrix product, at the encoder's precision."""
    device, dtype = encoder.workspace.device, encoder.dtype
    square = torch.rand(SIDE, SIDE, device=device).to(dtype)
    product = "a matrix product"
    rates, direct = {product: 2 * SIDE**3 / fastest(lambda: square @ square, device)}, {product}
    shrunk = max(1.0, max(height, width) / LONGEST)
    height, width = round(height / shrunk), round(width / shrunk)
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
            if isinstance(convolution, Direct):
                direct.add(f"{layer.before}, {name}")
            operations, convolutions = operations + one, convolutions + seconds
        channels = layer.channels
    encoder.clear()
    return Floor(operations * shrunk**2, rates, frozenset(direct), convolutions * shrunk**2)
