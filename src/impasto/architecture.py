"""The convolutions of VGG-16 and VGG-19, and what other libraries call them.

Errors raised here say what is wrong with a file but not which file it is: `checkpoint.naming` adds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from impasto.errors import WeightsError

if TYPE_CHECKING:
    import torch

Architecture = Literal["vgg16", "vgg19"]

CONVOLUTIONS: dict[str, tuple[int, ...]] = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each of the five blocks."""

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of the convolutions in each block."""


def layer_shapes(architecture: str) -> dict[str, tuple[int, int, int, int]]:
    """`{"conv1_1": (64, 3, 3, 3), …}`: the shape of every convolution's weight, in order."""
    shapes, inputs = {}, 3
    for block, (count, outputs) in enumerate(zip(CONVOLUTIONS[architecture], CHANNELS, strict=True), 1):
        for index in range(1, count + 1):
            shapes[f"conv{block}_{index}"] = (outputs, inputs, 3, 3)
            inputs = outputs
    return shapes


def keras_name(layer: str) -> str:
    """`conv1_2` -> `block1_conv2`."""
    return "block{}_conv{}".format(*layer.removeprefix("conv").split("_"))


def up_to(deepest: str | None, layers: list[str]) -> list[str]:
    """The layers from the first to `deepest`; all of them for None. WeightsError if it is not among them."""
    if deepest is None:
        return layers
    if deepest not in layers:
        raise WeightsError(f"these weights have no convolution {deepest!r}: they go from conv1_1 to {layers[-1]}")
    return layers[: layers.index(deepest) + 1]


def match_layers(entries: Mapping[str, torch.Tensor]) -> tuple[Architecture, dict[str, str]]:
    """The architecture and {our layer: the file's}. A network may end early but has no gap."""
    _check_plain(entries)

    def present(scheme: dict[str, str]) -> list[str]:
        return [name for name, key in scheme.items() if f"{key}.weight" in entries]

    def fit(candidate: tuple[Architecture, dict[str, str]]) -> tuple[int, bool]:
        found = present(candidate[1])
        return len(found), found == list(candidate[1])[: len(found)]

    architecture, scheme = max(_schemes(), key=fit)
    found = present(scheme)
    if not found:
        raise WeightsError("holds no VGG: layers named conv1_1, features.0 or block1_conv1 were expected")
    keys = {name: scheme[name] for name in up_to(found[-1], list(scheme))}
    for name, key in keys.items():
        if not {f"{key}.weight", f"{key}.bias"} <= entries.keys():
            raise WeightsError(f"is not a whole VGG-16 or VGG-19: weight or bias of {key} ({name}) is missing")
    return architecture, keys


def take_layers(
    entries: dict[str, torch.Tensor], architecture: Architecture, keys: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """Our names, order and memory: contiguous float32 copies, as entries may be views of the file itself.

    `keys` is what `match_layers` found. Empties `entries` on the way, so that memory holds one copy.
    """
    import torch

    shapes = layer_shapes(architecture)
    for name, key in keys.items():  # all of them, before the first is copied
        _check_tensor(f"{key}.weight", entries[f"{key}.weight"], shapes[name])
        _check_tensor(f"{key}.bias", entries[f"{key}.bias"], shapes[name][:1])
    tensors = {}
    for name, key in keys.items():
        for part in ("weight", "bias"):
            original = entries.pop(f"{key}.{part}").detach()
            tensors[f"{name}.{part}"] = original.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    return tensors


def check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises WeightsError that names the first tensor with NaN or infinity."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"holds NaN or infinity in {name}: fetch it again")


def _schemes() -> Iterator[tuple[Architecture, dict[str, str]]]:
    """Every architecture with every way to name its layers: {our name: the file's}."""
    architectures: tuple[Architecture, ...] = ("vgg19", "vgg16")  # a file too short to tell is read as VGG-19
    for architecture in architectures:
        places = list(zip(layer_shapes(architecture), _torchvision_indices(architecture), strict=True))
        yield architecture, {name: name for name, _ in places}
        yield architecture, {name: f"features.{index}" for name, index in places}
        yield architecture, {name: str(index) for name, index in places}


def _torchvision_indices(architecture: str) -> list[int]:
    """Positions in torchvision's `features`, where a ReLU follows each convolution, a pooling each block."""
    counts = CONVOLUTIONS[architecture]
    return [2 * (sum(counts[:block]) + i) + block for block, count in enumerate(counts) for i in range(count)]


def _check_plain(entries: Mapping[str, torch.Tensor]) -> None:
    if any("running_mean" in key for key in entries):
        raise WeightsError("has batch normalisation: a plain VGG-16 or VGG-19 is needed")
    if any("weight_g" in key or "parametrizations" in key for key in entries):
        raise WeightsError("has weight normalisation: remove it from the model before saving")


def _check_tensor(key: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise WeightsError(f"has {key} of shape {list(tensor.shape)}, where a VGG has {list(shape)}")
    if not tensor.is_floating_point() or str(tensor.layout) != "torch.strided" or tensor.is_meta:
        raise WeightsError(f"stores {key} as {tensor.dtype}: save the network in float32 or float16")
