"""VGG-16 and VGG-19 as encoders (Simonyan & Zisserman 2015): a picture in, the features at named taps out.

A tap is `convB_I`, the output of convolution I of block B before its ReLU, or `reluB_I`, after it. The encoder is
frozen: gradients flow to the picture only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from impasto.convolution import Convolution, ConvolutionMethod, Direct, Winograd
from impasto.pooling import POOLINGS, Pooling, PoolingName
from impasto.views import Box, Load, View, margins, view
from impasto.workspace import Workspace

Borders = Literal["replicate", "zeros", "circular"]

_NUMBERS = itertools.count()
WINOGRAD_CHANNELS = 128  # below this many input or output channels the transforms cost more than they save


@dataclass(frozen=True, order=True)
class Tap:
    """A place in the network where features are taken."""

    block: int
    index: int
    kind: str  # "conv" (before the ReLU) or "relu"

    @classmethod
    def parse(cls, name: str) -> Tap:
        """`relu4_2` -> Tap(4, 2, "relu"); ValueError if it is not of that form."""
        kind, (block, _, index) = name[:4], name[4:].partition("_")
        if kind not in ("conv", "relu") or not (block.isdecimal() and index.isdecimal() and int(block) * int(index)):
            raise ValueError(f"layers are named like conv4_2 or relu4_2, not {name!r}")
        return cls(int(block), int(index), kind)

    @property
    def stride(self) -> int:
        """Pixels from one position to the next."""
        return 1 << (self.block - 1)


def halo(tap: str, convolutions: tuple[int, ...]) -> int:
    """How many pixels beyond a tile its features at the tap depend on, rounded up to a multiple of the tap's stride.

    Every convolution reaches one position of its own grid further; a pooled position covers its own pixels only.
    """
    place = Tap.parse(tap)
    depths = (*convolutions[: place.block - 1], place.index)
    reach = sum(depth << block for block, depth in enumerate(depths))
    return -(-reach // place.stride) * place.stride


class Preprocessing(Protocol):
    """An affine map of the colours: what the first convolution expects of a picture."""

    def apply(self, image: Tensor) -> Tensor:
        """[1, 3, H, W], sRGB in 0..1 -> [1, 3, H, W]."""
        ...

    def adjoint(self, grad: Tensor) -> Tensor:
        """Gradient of the result -> gradient of the picture."""
        ...


@dataclass(frozen=True)
class _Layer:
    block: int
    index: int
    convolution: Convolution

    @property
    def stride(self) -> int:
        return 1 << (self.block - 1)

    @property
    def channels(self) -> int:
        return self.convolution.channels

    @property
    def before(self) -> str:
        return f"conv{self.block}_{self.index}"

    @property
    def after(self) -> str:
        return f"relu{self.block}_{self.index}"

    @property
    def pooled(self) -> bool:
        """Whether its input is pooled first."""
        return self.index == 1 and self.block > 1


class Encoder:
    """The network up to its deepest tap, on one device, in one precision.

    It keeps what one evaluation needs in buffers of its own: features and gradients are valid until the next call.

    Args:
        tensors: `convB_I.weight` [K, C, 3, 3] and `convB_I.bias` [K] in float32.
        convolutions: how many convolutions each block has, (2, 2, 4, 4, 4) for VGG-19.
        preprocessing: from sRGB to what the first convolution expects.
        taps: names of the features to return. ValueError for one that the network does not have.
        pooling: "max" is what the network was trained with; Gatys et al. 2016 replace it by "avg".
        borders: how convolutions see beyond the picture. "zeros" is what the network was trained with, and paints
            an edge along the border; "replicate" continues the features, so that there is none; "circular"
            continues them at the opposite border, so that a picture can be laid out as tiles.
        method: how convolutions are computed; the result is the same.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        convolutions: tuple[int, ...],
        preprocessing: Preprocessing,
        taps: Iterable[str],
        *,
        pooling: PoolingName = "max",
        borders: Borders = "replicate",
        method: ConvolutionMethod = "direct",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.number = next(_NUMBERS)  # that no other encoder of this process has
        self.taps = tuple(dict.fromkeys(taps))
        self.preprocessing, self.convolutions = preprocessing, convolutions
        self.borders: Borders = borders
        self.workspace = Workspace(device, dtype)
        self.pooling: Pooling = POOLINGS[pooling](self.workspace)
        self.dtype = dtype
        places = [Tap.parse(name) for name in self.taps]
        layers = [(b, i) for b, count in enumerate(convolutions, 1) for i in range(1, count + 1)]
        for name, place in zip(self.taps, places, strict=True):
            if f"conv{place.block}_{place.index}.weight" not in tensors:
                raise ValueError(
                    f"these weights have no layer {name!r}: their blocks have {convolutions} convolutions"
                )
        deepest = max((place.block, place.index) for place in places)
        self.halo = max(self.reach(name) for name in self.taps)
        self.stride = max(place.stride for place in places)
        self.layers = [
            _Layer(block, index, self._convolution(tensors, f"conv{block}_{index}", method))
            for block, index in layers[: layers.index(deepest) + 1]
        ]
        self._margins = margins([layer.pooled for layer in self.layers])
        self._views: list[View] = []  # of the picture and of every layer
        self._inner: Box = (0, 0, 0, 0)
        # Of every layer, [H, W, K]: after the ReLU, unless the layer is tapped before it.
        self._outputs: list[Tensor] = []

    def _convolution(self, tensors: Mapping[str, Tensor], name: str, method: ConvolutionMethod) -> Convolution:
        weight, bias = (tensors[f"{name}.{part}"].to(self.workspace.device) for part in ("weight", "bias"))
        if method == "winograd" and min(weight.shape[:2]) >= WINOGRAD_CHANNELS:
            return Winograd(weight, bias, self.workspace, name)
        return Direct(weight, bias, self.workspace)

    @property
    def uses_winograd(self) -> bool:
        """Whether any of its convolutions are computed so."""
        return any(isinstance(layer.convolution, Winograd) for layer in self.layers)

    def channels(self, tap: str) -> int:
        """C of the tap's features."""
        place = Tap.parse(tap)
        return next(one.channels for one in self.layers if (one.block, one.index) == (place.block, place.index))

    def reach(self, tap: str) -> int:
        """How many pixels away a position of the tap sees."""
        return halo(tap, self.convolutions)

    def load(self, size: tuple[int, int], inner: Box | None = None) -> Load:
        """What an evaluation of a picture of that (height, width) takes, or of a part of it."""
        strides = [layer.stride for layer in self.layers]
        places = zip(strides, self._margins[1:], strict=True)
        positions = [view(size, inner or (0, 0, *size), *place).positions for place in places]
        values = [count * layer.channels for count, layer in zip(positions, self.layers, strict=True)]
        before = [3, *(layer.channels for layer in self.layers)]
        products = [9 * one * channels for one, channels in zip(values, before, strict=False)]
        shallow = sum(stride == 1 for stride in strides)
        # Every output is kept, before and after its ReLU where both are tapped; and of the largest, what is padded,
        # masked and pulled back in two turns.
        twice = [layer.before in self.taps and layer.after in self.taps for layer in self.layers]
        numbers = sum(values) + sum(itertools.compress(values, twice)) + 5 * max(values)
        return Load(sum(positions[:shallow]), sum(products[shallow:]), numbers * self.dtype.itemsize)

    def clear(self) -> None:
        """Gives back the memory of the last evaluation, and the buffers for the next."""
        self.forget()
        self.workspace.clear()

    def forget(self) -> None:
        """Gives back the memory of the last evaluation."""
        self._outputs, self._views = [], []

    @contextmanager
    def not_repeated(self) -> Iterator[None]:
        """For pictures that are not laid as tiles, such as the style of a texture that is: no seam around them."""
        before = self.borders
        self.borders = "replicate" if before == "circular" else before
        try:
            yield
        finally:
            self.borders = before

    def forward(self, image: Tensor, inner: Box | None = None) -> dict[str, Tensor]:
        """Picture [1, 3, H, W], sRGB in 0..1 -> {tap: features [1, C, ⌈H/stride⌉, ⌈W/stride⌉]}, channels last.

        inner: a part of the picture that begins on a multiple of the deepest stride. Then only its own features
        are given, and nothing is computed that they do not depend on.
        """
        size = (image.shape[2], image.shape[3])
        self._inner = inner or (0, 0, *size)
        places = zip([1, *(layer.stride for layer in self.layers)], self._margins, strict=True)
        self._views = [view(size, self._inner, stride, margin) for stride, margin in places]
        picture, *views = self._views
        x = self.preprocessing.apply(picture.cut(image))[0].permute(1, 2, 0).to(self.dtype)
        features: dict[str, Tensor] = {}
        self._outputs = []
        for layer, seen in zip(self.layers, views, strict=True):
            if layer.pooled:
                x = self.pooling.forward(x)
            rectify = layer.before not in self.taps
            x = layer.convolution.forward(self._pad(x, seen), relu=rectify)
            self._outputs.append(x)
            if not rectify:
                features[layer.before] = self._wanted(x, layer, seen)
                x = x.relu()
            if layer.after in self.taps:
                features[layer.after] = self._wanted(x, layer, seen)
        return features

    def backward(self, add_gradient: Callable[[str, Tensor], None]) -> Tensor:
        """The gradient [1, 3, H, W] of the last picture given to `forward`, in float32 or better.

        `add_gradient(tap, grad)` is called once for every tap, from the deepest up, and adds the gradient of that
        tap's features, in place, to what already comes from deeper layers: grad [1, C, h, w], channels last.
        """
        picture, *views = self._views
        grad = torch.zeros_like(self._outputs[-1])
        for layer, output, seen in zip(reversed(self.layers), reversed(self._outputs), reversed(views), strict=True):
            if layer.after in self.taps:
                add_gradient(layer.after, self._wanted(grad, layer, seen))
            mask: Tensor | None = output
            if layer.before in self.taps:
                grad, mask = torch.ops.aten.threshold_backward(grad, output, 0), None
                add_gradient(layer.before, self._wanted(grad, layer, seen))
            grad = self._unpad(layer.convolution.adjoint(grad, mask), seen)
            if layer.pooled:
                grad = self.pooling.adjoint(grad, self._outputs[self.layers.index(layer) - 1])
        grad = self.preprocessing.adjoint(_picture(grad).to(torch.promote_types(self.dtype, torch.float32)))
        return picture.embedded(grad)

    def _wanted(self, x: Tensor, layer: _Layer, seen: View) -> Tensor:
        """A layer's values [h, w, C] -> picture [1, C, h, w] of the part that was asked for."""
        return _picture(seen.part(x, view(self._views[0].size, self._inner, layer.stride)))

    def _pad(self, x: Tensor, seen: View) -> Tensor:
        """What a layer's view [H, W, K] is made from, [H+2, W+2, C]: continued where the view reaches an end."""
        if not any(seen.ends):
            return x
        top, left, bottom, right = seen.ends
        height, width, channels = x.shape
        padded = self.workspace.take("padded", height + top + bottom, width + left + right, channels)
        rows, columns = slice(top, top + height), slice(left, left + width)
        padded[rows, columns] = x
        for outside, inside in self._continued(seen.ends[::2]):
            padded[outside, columns] = 0 if self.borders == "zeros" else padded[inside, columns]
        for outside, inside in self._continued(seen.ends[1::2]):
            padded[:, outside] = 0 if self.borders == "zeros" else padded[:, inside]
        return padded

    def _unpad(self, grad: Tensor, seen: View) -> Tensor:
        """The adjoint of `_pad`: [H+2, W+2, C] -> view [h, w, C]."""
        top, left, bottom, right = seen.ends
        if self.borders != "zeros":
            for outside, inside in self._continued(seen.ends[1::2]):
                grad[:, inside] += grad[:, outside]
            for outside, inside in self._continued(seen.ends[::2]):
                grad[inside] += grad[outside]
        return grad[top : len(grad) - bottom, left : grad.shape[1] - right]

    def _continued(self, ends: tuple[bool, ...]) -> list[tuple[int, int]]:
        """Which rows or columns of a padded picture are beyond its (first, last) end, and which they repeat."""
        places = [(0, 1), (-1, -2)] if self.borders != "circular" else [(0, -2), (-1, 1)]
        return [place for place, end in zip(places, ends, strict=True) if end]


def _picture(image: Tensor) -> Tensor:
    return image.permute(2, 0, 1)[None]  # [H, W, C] -> [1, C, H, W], channels last
