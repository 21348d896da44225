"""What half precision and Winograd's convolutions may change of an evaluation of the real network: very little."""

import pytest
import torch
from torch import Tensor

from impasto import Options
from impasto.architecture import CONVOLUTIONS
from impasto.convolution import ConvolutionMethod
from impasto.image import open_picture
from impasto.objective import from_images
from impasto.paintings import paint
from impasto.tiles import plan, value_and_grad
from impasto.vgg import Encoder
from impasto.weights import load_weights

SIDE = 96  # pixels


WAYS: list[tuple[str, ConvolutionMethod]] = [("cpu", "direct"), ("cpu", "winograd")]
WAYS += [("cuda", "direct")] * torch.cuda.is_available() + [("mps", "direct")] * torch.backends.mps.is_available()


def _gradient(dtype: torch.dtype, device: str, method: ConvolutionMethod) -> Tensor:
    """Of the default losses, half-way between a photograph's stand-in and a painting."""
    options, weights, kind = Options(), load_weights("vgg19"), torch.promote_types(dtype, torch.float32)
    tensors = {name: tensor.to(kind) for name, tensor in weights.tensors.items()}
    layers = [*options.content_layers, *options.style_layers]
    encoder = Encoder(
        tensors, CONVOLUTIONS["vgg19"], weights.preprocessing, layers,
        pooling=options.pooling, borders=options.borders, method=method, device=device, dtype=dtype,
    )  # fmt: skip
    content, style = (
        open_picture(paint(name), role="style").at(SIDE, SIDE).to(device, kind) for name in ("autumn", "whirl")
    )
    objective = from_images(
        encoder, content, [style], content_layers=options.content_layers, style_layers=options.style_layers,
        content_weight=0.1, style_weight=1.0, tv_weight=options.tv_weight, tile=None,
    )  # fmt: skip
    tiles = plan(SIDE, SIDE, None, encoder.halo, encoder.stride)
    return value_and_grad((content + style) / 2, encoder, objective, tiles)[1].cpu().double().flatten()


@pytest.fixture(scope="module")
def exact() -> Tensor:
    return _gradient(torch.float64, "cpu", "direct")


@pytest.mark.parametrize(("device", "method"), WAYS)
@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 0.999999), (torch.bfloat16, 0.997)])
def test_the_gradient_is_that_of_float64(
    exact: Tensor, dtype: torch.dtype, least: float, device: str, method: ConvolutionMethod
) -> None:
    """By the cosine of the angle between them, and by their lengths."""
    found = _gradient(dtype, device, method)
    assert torch.cosine_similarity(found, exact, dim=0) > least
    assert found.norm() / exact.norm() == pytest.approx(1, abs=2 * (1 - least) ** 0.5)
