"""What networks expect of an image: the arithmetic, and recognising it by the first filter."""

from pathlib import Path

import pytest
import torch
from networkfiles import Tensors, as_torchvision, write_torch

from impasto.errors import WeightsError
from impasto.preprocessing import CAFFE, CAFFE_RGB, TORCH, TORCHVISION_FILTERS, Preprocessing
from impasto.weights import load_weights


@pytest.fixture(scope="module")
def network() -> Tensors:
    """The real network as far as conv1_1."""
    return dict(load_weights(deepest="conv1_1").tensors)


def fold_torchvision_input(tensors: Tensors) -> Tensors:
    """The same function of the image for a network fed torchvision's input."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (TORCH.mean, TORCH.std))
    kernel = tensors["conv1_1.weight"].flip(1) * 255
    shift = (kernel * (mean - torch.tensor(CAFFE_RGB.mean).view(1, 3, 1, 1) / 255)).sum((1, 2, 3))
    return {**tensors, "conv1_1.weight": kernel * std, "conv1_1.bias": tensors["conv1_1.bias"] + shift}


def test_folding_keeps_the_function(network: Tensors) -> None:
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    folded = fold_torchvision_input(network)
    caffe, torchvision = (
        torch.conv2d(expects.apply(image), tensors["conv1_1.weight"], tensors["conv1_1.bias"])
        for expects, tensors in ((CAFFE, network), (TORCH, folded))
    )
    torch.testing.assert_close(caffe, torchvision, rtol=1e-4, atol=1e-3)


def test_auto_recognises_the_oxford_network_in_torchvision_keys(tmp_path: Path, network: Tensors) -> None:
    turned = {**network, "conv1_1.weight": network["conv1_1.weight"].flip(1)}
    for tensors, expected in (
        (network, CAFFE),
        (turned, CAFFE_RGB),
        (fold_torchvision_input(network), TORCH),
    ):
        for half in (torch.float32, torch.float16):
            state = {key: value.to(half) for key, value in as_torchvision(tensors).items()}
            assert load_weights(write_torch(tmp_path / "net.pth", state)).preprocessing == expected


@pytest.mark.parametrize("known", TORCHVISION_FILTERS)
def test_auto_recognises_torchvision(tmp_path: Path, network: Tensors, known: tuple[float, ...]) -> None:
    first = network["conv1_1.weight"].clone()
    first[0, 0] = torch.tensor(known).view(3, 3)
    path = write_torch(tmp_path / "net.pth", as_torchvision({**network, "conv1_1.weight": first}))
    assert load_weights(path).preprocessing == TORCH


def test_auto_does_not_guess(tmp_path: Path, network: Tensors) -> None:
    blurred = {**network, "conv1_1.weight": network["conv1_1.weight"] * 0.98}
    path = write_torch(tmp_path / "net.pth", as_torchvision(blurred))
    with pytest.raises(WeightsError, match=r"net\.pth.*preprocessing=.*--preprocessing caffe\|torch"):
        load_weights(path)
    assert load_weights(path, preprocessing="caffe").preprocessing == CAFFE
    assert load_weights(path, preprocessing="torch").preprocessing == TORCH
    with pytest.raises(WeightsError, match="'bgr'"):
        load_weights(path, preprocessing="bgr")  # type: ignore[arg-type]


@pytest.mark.parametrize(("expects", "grey"), [(CAFFE, 255 * 0.5), (CAFFE_RGB, 255 * 0.5), (TORCH, 0.5)])
def test_preprocessing_by_hand(expects: Preprocessing, grey: float) -> None:
    image = torch.tensor([0.5, 0.25, 0.0]).view(1, 3, 1, 1)
    half, zero = (grey, 0.0) if expects.channels == "rgb" else (0.0, grey)
    wanted = [
        (value - mean) / std
        for value, mean, std in zip((half, grey / 2, zero), expects.mean, expects.std, strict=True)
    ]
    assert expects.apply(image).flatten().tolist() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("expects", [CAFFE, CAFFE_RGB, TORCH])
def test_adjoint_is_the_gradient(expects: Preprocessing) -> None:
    generator = torch.Generator().manual_seed(1)
    image, grad = torch.rand(2, 2, 3, 4, 5, generator=generator, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(expects.apply(image.requires_grad_()), image, grad)
    torch.testing.assert_close(expects.adjoint(grad), wanted)
