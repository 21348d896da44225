"""What a network expects of an image, and how to tell by its first filter what a file does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from impasto.errors import WeightsError

if TYPE_CHECKING:
    import torch

PreprocessingName = Literal["auto", "caffe", "torch"]


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of an image: channels in this order, times `scale`, minus `mean`, over `std`."""

    channels: Literal["bgr", "rgb"]
    scale: float
    mean: tuple[float, float, float]  # in the network's own channel order, after scaling
    std: tuple[float, float, float]

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W], sRGB in 0..1, red first -> [B, 3, H, W], the network's input."""
        return (self._reorder(image) * self.scale - _column(self.mean, image)) / _column(self.std, image)

    def adjoint(self, grad: torch.Tensor) -> torch.Tensor:
        """Gradient of the network's input -> gradient of the image, both [B, 3, H, W]."""
        return self._reorder(grad * (self.scale / _column(self.std, grad)))

    def _reorder(self, channels: torch.Tensor) -> torch.Tensor:
        return channels.flip(1) if self.channels == "bgr" else channels


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    """[C, 1, 1], filled on the device: a copy from the host's memory would wait for all that is under way there."""
    column = like.new_empty(len(values), 1, 1)
    for number, value in enumerate(values):
        column[number].fill_(value)
    return column


CAFFE = Preprocessing("bgr", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
CAFFE_RGB = Preprocessing("rgb", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
TORCH = Preprocessing("rgb", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BY_NAME = {"caffe": CAFFE, "torch": TORCH}

# The first channel of the first filter of the published networks, row by row. Magnitudes cannot tell a Caffe
# network from torchvision's (both have conv1_1 weights below 1), but these nine numbers can.
OXFORD_FILTERS = (
    (0.429471, 0.373467, -0.061360, 0.274770, 0.038681, -0.367223, -0.057468, -0.262250, -0.350097),  # VGG-16
    (0.341195, 0.339992, -0.044844, 0.232159, 0.089782, -0.303314, -0.072609, -0.246675, -0.336833),  # VGG-19
)
TORCHVISION_FILTERS = (
    (-0.5537, 0.1427, 0.5290, -0.5831, 0.3566, 0.7657, -0.6902, -0.0480, 0.4841),  # VGG-16
    (-0.053474, -0.049257, -0.067942, 0.015314, 0.045068, 0.002144, 0.036226, 0.019999, 0.019864),  # VGG-19
)


def check_preprocessing(name: str) -> None:
    """Raises WeightsError for what is no `PreprocessingName`."""
    if name not in ("auto", *BY_NAME):
        raise WeightsError(f"preprocessing is auto, caffe or torch, not {name!r}")


def decide_preprocessing(asked: PreprocessingName, first_filter: torch.Tensor, first_layer: str) -> Preprocessing:
    """What was asked for; with `"auto"`, what the first filter [3, 3, 3] and its layer's name tell.

    Raises WeightsError, still without the file's name, where they do not tell.
    """
    if asked != "auto":
        return BY_NAME[asked]
    if first_layer.startswith("conv"):
        return CAFFE  # Keras files and vgg_conv.pth hold the Oxford networks
    recognised = _recognise(first_filter)
    if recognised is None:
        raise WeightsError(
            "may expect Caffe's input (BGR, 0..255) or torchvision's (RGB, normalised): its first filter is "
            "of no known network; say which with preprocessing=, or import it by "
            "impasto weights import FILE --preprocessing caffe|torch"
        )
    return recognised


def _recognise(first_filter: torch.Tensor) -> Preprocessing | None:
    """What the network with this first filter [3, 3, 3] expects; None if it is none of the published ones.

    An Oxford network is also known with its channels turned round, and with the step from torchvision's input
    to Caffe's folded into its first layer: the same function of the image in other numbers.
    """
    blue = 2
    candidates = (
        (CAFFE, OXFORD_FILTERS, 0, 1.0),
        (CAFFE_RGB, OXFORD_FILTERS, blue, 1.0),
        (TORCH, OXFORD_FILTERS, blue, CAFFE.scale * TORCH.std[blue]),
        (TORCH, TORCHVISION_FILTERS, 0, 1.0),
    )
    for preprocessing, filters, channel, gain in candidates:
        plane = first_filter[channel].flatten() / gain
        for known in filters:
            if (plane - plane.new_tensor(known)).abs().max() < 0.004:  # 8-bit codebooks are 0.0017 off
                return preprocessing
    return None
