"""Networks for tests, and ways to write them to files as other programs do."""

from pathlib import Path

import h5py
import numpy as np
import torch

from impasto.architecture import layer_shapes

Tensors = dict[str, torch.Tensor]

INDICES = {  # torchvision's features, written out
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}


def hollow(architecture: str, deepest: str = "conv5_4") -> Tensors:
    """Every layer in its real shape on one stored number."""
    tensors = {}
    for name, shape in layer_shapes(architecture).items():
        tensors[f"{name}.weight"] = torch.zeros(1).expand(shape)
        tensors[f"{name}.bias"] = torch.zeros(1).expand(shape[0])
        if name == deepest:
            break
    return tensors


def as_torchvision(tensors: Tensors, architecture: str = "vgg19", prefix: str = "features.") -> Tensors:
    names = dict(zip(layer_shapes(architecture), INDICES[architecture], strict=True))
    return {
        f"{prefix}{names[key.partition('.')[0]]}.{key.partition('.')[2]}": value for key, value in tensors.items()
    }


def write_torch(path: Path, state: object, *, legacy: bool = False) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


def write_keras(path: Path, tensors: Tensors, layout: str, root: str = "/") -> Path:
    with h5py.File(path, "w") as file:
        for name in dict.fromkeys(key.partition(".")[0] for key in tensors):
            layer = f"block{name[4]}_conv{name[6]}"
            kernel = tensors[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
            file[f"{root}/{layer}/{layout.format(layer, 'W_1', 'kernel')}"] = kernel
            file[f"{root}/{layer}/{layout.format(layer, 'b_1', 'bias')}"] = tensors[f"{name}.bias"].numpy()
        file[f"{root}/fc1/fc1/kernel:0"] = np.zeros((2, 2), np.float32)
    return path


def same(left: Tensors, right: Tensors) -> bool:
    return list(left) == list(right) and all(torch.equal(left[key], right[key]) for key in left)
