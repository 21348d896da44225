"""A plain VGG-19, as the field's tools write it: float32, channels first, zero padding, max pooling, autograd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from impasto.architecture import CONVOLUTIONS
from impasto.weights import load_weights

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_TAP = "relu4_2"
MEAN = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)  # BGR, 0..255


class PlainVGG:
    """Features at the six taps, for a picture [1, 3, H, W] in 0..1, on one device."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.tensors = {name: tensor.to(device) for name, tensor in load_weights("vgg19").tensors.items()}
        self.mean = MEAN.to(device)

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        x, features = image.flip(1) * 255 - self.mean, {}
        for block, count in enumerate(CONVOLUTIONS["vgg19"], 1):
            for index in range(1, count + 1):
                name = f"{block}_{index}"
                weight, bias = self.tensors[f"conv{name}.weight"], self.tensors[f"conv{name}.bias"]
                x = F.relu(F.conv2d(x, weight, bias, padding=1))
                if f"relu{name}" in (*STYLE_TAPS, CONTENT_TAP):
                    features[f"relu{name}"] = x
                if name == "5_1":
                    return features
            x = F.max_pool2d(x, 2)
        raise AssertionError("block 5 has a first convolution")


def gram(features: Tensor) -> Tensor:
    """[1, C, H, W] -> [C, C], by the number of positions."""
    positions = features[0].flatten(1)
    return positions @ positions.T / positions.shape[1]


def read(path: Path, longest: int | None = None) -> Tensor:
    """A picture file as [1, 3, H, W] in 0..1, upright and on white, its longest side as asked."""
    layers = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    if longest is not None:
        scale = longest / max(image.size)
        size = [max(1, round(side * scale)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
