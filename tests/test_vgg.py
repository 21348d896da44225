"""The encoder's features and gradients are those of a plain network, written here once more with autograd."""

from collections.abc import Sequence

import pytest
import torch
from conftest import COLOURS, TINY, VGG19, MakeEncoder, MakePicture, MakeTensors
from torch import Tensor
from torch.nn import functional as F

from impasto import vgg
from impasto.vgg import Encoder, Tap, halo

MIXED = ["relu1_1", "conv2_1", "relu2_1", "conv2_2", "conv3_1", "relu3_2"]
SIZES = [(1, 1), (3, 17), (37, 51)]


def _plain(
    image: Tensor, tensors: dict[str, Tensor], convolutions: tuple[int, ...], pooling: str, borders: str
) -> dict[str, Tensor]:
    """All features [1, C, h, w] of a picture, by the library's operations alone."""
    mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (COLOURS.mean, COLOURS.std))
    x = (image[:, [2, 1, 0]] * COLOURS.scale - mean) / std
    features = {}
    for block, count in enumerate(convolutions, 1):
        if block > 1:
            pool = F.avg_pool2d if pooling == "avg" else F.max_pool2d
            x = pool(x, 2, ceil_mode=True)
        for index in range(1, count + 1):
            mode = "replicate" if borders == "replicate" else "constant"
            name = f"conv{block}_{index}"
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode), tensors[f"{name}.weight"], tensors[f"{name}.bias"])
            features[name] = x
            x = features[name.replace("conv", "relu")] = x.relu()
    return features


def _pulled_back(encoder: Encoder, cotangents: dict[str, Tensor]) -> Tensor:
    return encoder.backward(lambda tap, grad: grad.add_(cotangents[tap].to(grad.dtype)))


def _noise_like(features: dict[str, Tensor], taps: Sequence[str]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {
        tap: torch.randn(features[tap].shape, generator=generator, dtype=torch.float64).to(features[tap])
        for tap in taps
    }


def _check(encoder: Encoder, image: Tensor, plain: dict[str, Tensor], variable: Tensor) -> None:
    """Features and the pull-back of random cotangents equal those of the plain network."""
    features = encoder.forward(image)
    assert list(features) == sorted(encoder.taps, key=Tap.parse)
    for tap in encoder.taps:
        assert features[tap].shape == plain[tap].shape
        torch.testing.assert_close(features[tap], plain[tap].detach(), rtol=1e-10, atol=1e-10)
    cotangents = _noise_like(plain, encoder.taps)
    loss = torch.stack([(cotangents[tap] * plain[tap]).sum() for tap in encoder.taps]).sum()
    expected = torch.autograd.grad(loss, variable)[0]
    found = _pulled_back(encoder, cotangents)
    assert found.shape == image.shape
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


@pytest.mark.parametrize("taps", [MIXED, ["relu3_2"], ["conv3_2"], ["conv1_1", "relu1_1", "relu2_2"]], ids=",".join)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_equals_a_plain_network(
    *,
    make_encoder: MakeEncoder,
    make_tensors: MakeTensors,
    make_picture: MakePicture,
    taps: list[str],
    size: tuple[int, int],
    pooling: str,
) -> None:
    image = make_picture(*size)
    variable = image.clone().requires_grad_()
    plain = _plain(variable, make_tensors(TINY), TINY, pooling, "replicate")
    _check(make_encoder(taps, pooling=pooling), image, plain, variable)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_zeros_beyond_the_borders(
    make_encoder: MakeEncoder,
    make_tensors: MakeTensors,
    make_picture: MakePicture,
    size: tuple[int, int],
    pooling: str,
) -> None:
    image = make_picture(*size)
    variable = image.clone().requires_grad_()
    plain = _plain(variable, make_tensors(TINY), TINY, pooling, "zeros")
    _check(make_encoder(MIXED, pooling=pooling, borders="zeros"), image, plain, variable)


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_the_depth_of_vgg19(
    make_encoder: MakeEncoder, make_tensors: MakeTensors, make_picture: MakePicture, pooling: str
) -> None:
    tensors = make_tensors(VGG19, channels=3)
    image = make_picture(37, 51)
    variable = image.clone().requires_grad_()
    plain = _plain(variable, tensors, VGG19, pooling, "replicate")
    _check(make_encoder(list(plain), VGG19, tensors=tensors, pooling=pooling), image, plain, variable)


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("size", SIZES)
def test_winograd_is_the_same_network(
    *,
    monkeypatch: pytest.MonkeyPatch,
    make_encoder: MakeEncoder,
    make_tensors: MakeTensors,
    make_picture: MakePicture,
    size: tuple[int, int],
    pooling: str,
) -> None:
    monkeypatch.setattr(vgg, "WINOGRAD_CHANNELS", 4)  # all layers but the first
    image = make_picture(*size)
    variable = image.clone().requires_grad_()
    plain = _plain(variable, make_tensors(TINY), TINY, pooling, "replicate")
    encoder = make_encoder(MIXED, method="winograd", pooling=pooling)
    kinds = [type(layer.convolution).__name__ for layer in encoder.layers]
    assert kinds == ["Direct", *["Winograd"] * 4]
    _check(encoder, image, plain, variable)


def test_the_next_picture_may_have_another_size(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    """Buffers that were made for one size serve the next, and leave no trace in it."""
    encoder = make_encoder(MIXED)
    for size in [(20, 31), (37, 51), (3, 17), (37, 51)]:
        fresh, image = make_encoder(MIXED), make_picture(*size)
        features, expected = encoder.forward(image), fresh.forward(image)
        assert all(torch.equal(features[tap], expected[tap]) for tap in MIXED)
        cotangents = _noise_like(expected, MIXED)
        assert torch.equal(_pulled_back(encoder, cotangents), _pulled_back(fresh, cotangents))


def test_backward_does_not_use_up_the_features(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder = make_encoder(MIXED)
    features = encoder.forward(make_picture(9, 14))
    before = {tap: feature.clone() for tap, feature in features.items()}
    first = _pulled_back(encoder, before).clone()
    assert all(torch.equal(features[tap], before[tap]) for tap in MIXED)
    assert torch.equal(_pulled_back(encoder, before), first)


def test_add_gradient_is_called_from_the_deepest_up(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder, calls = make_encoder(MIXED), []
    features = encoder.forward(make_picture(9, 14))
    encoder.backward(lambda tap, grad: calls.append((tap, grad.shape)))
    assert calls == [(tap, features[tap].shape) for tap in reversed(features)]


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("method", ["direct", "winograd"])
def test_bfloat16_is_close(
    make_encoder: MakeEncoder, make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch, method: str, pooling: str
) -> None:
    monkeypatch.setattr(vgg, "WINOGRAD_CHANNELS", 4)
    exact = make_encoder(["relu3_2"], pooling=pooling)
    half = make_encoder(["relu3_2"], pooling=pooling, method=method, dtype=torch.bfloat16)
    image = make_picture(37, 51)
    expected, found = exact.forward(image), half.forward(image.float())
    assert found["relu3_2"].dtype == torch.bfloat16
    error = (found["relu3_2"].double() - expected["relu3_2"]).norm() / expected["relu3_2"].norm()
    assert error < (0.02 if method == "direct" else 0.04)
    cotangents = _noise_like(expected, ["relu3_2"])
    left, right = _pulled_back(exact, cotangents), _pulled_back(half, cotangents)
    assert right.dtype == torch.float32
    assert torch.cosine_similarity(left.flatten(), right.double().flatten(), dim=0) > 0.95


def test_a_flat_picture_has_flat_features_without_a_border(make_encoder: MakeEncoder) -> None:
    """What replicating the features is for; zeros beyond the borders would paint a frame."""
    flat = torch.full((1, 3, 19, 22), 0.3, dtype=torch.float64)
    for tap, feature in make_encoder(MIXED).forward(flat).items():
        torch.testing.assert_close(feature, feature[..., :1, :1].expand_as(feature), msg=tap)
    framed = make_encoder(["conv3_2"], borders="zeros").forward(flat)["conv3_2"]
    assert (framed - framed[..., 2:3, 2:3]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("tap", "pixels"),
    [
        ("relu1_1", 1), ("conv1_2", 2), ("relu2_1", 4), ("relu2_2", 6), ("relu3_1", 12),
        ("relu4_1", 32), ("relu4_2", 40), ("conv4_2", 40), ("relu5_1", 80), ("relu5_4", 128),
    ],
)  # fmt: skip
def test_halo_of_vgg19(tap: str, pixels: int) -> None:
    assert halo(tap, VGG19) == pixels


def test_the_halo_is_where_features_stop_to_depend(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    """The gradient of one position reaches as far as the halo, rounded up to the stride, and no further."""
    for tap in ("relu1_1", "conv2_1", "relu2_2", "conv3_2"):
        encoder = make_encoder([tap])
        features = encoder.forward(make_picture(96, 1))[tap]
        position, stride = features.shape[2] // 2, Tap.parse(tap).stride
        grad = encoder.backward(lambda _, grad, at=position: grad[:, :, at].add_(1))  # type: ignore[misc]
        rows = grad.abs().sum((0, 1, 3)).nonzero().flatten()
        reach = max(position * stride - int(rows.min()), int(rows.max()) + 1 - (position + 1) * stride)
        assert encoder.halo - stride < reach <= encoder.halo


def test_encoder_declares_the_largest_halo_and_stride(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(["relu4_1", "relu1_1", "relu4_1", "conv5_1"], VGG19)
    assert encoder.taps == ("relu4_1", "relu1_1", "conv5_1")
    assert (encoder.halo, encoder.stride) == (80, 16)


def test_layers_behind_the_deepest_tap_are_not_needed(make_tensors: MakeTensors, make_picture: MakePicture) -> None:
    tensors = {name: tensor for name, tensor in make_tensors(VGG19).items() if name < "conv2_2"}
    encoder = Encoder(tensors, VGG19, COLOURS, ["relu2_1"], dtype=torch.float64)
    assert encoder.forward(make_picture(8, 8))["relu2_1"].shape == (1, 5, 4, 4)


@pytest.mark.parametrize("tap", ["relu3_3", "relu4_1", "conv9_9"])
def test_a_tap_that_the_network_does_not_have(make_encoder: MakeEncoder, tap: str) -> None:
    with pytest.raises(ValueError, match=rf"these weights have no layer '{tap}': .*\(1, 2, 2\)"):
        make_encoder(["relu1_1", tap])


@pytest.mark.parametrize(
    "name",
    ["", "relu", "relu4", "relu4_", "relu_2", "relu4-2", "pool4_2", "block4_conv2", "relu4_2_1", "4_2"],
)
def test_a_name_that_is_no_tap(name: str) -> None:
    with pytest.raises(ValueError, match="layers are named like conv4_2 or relu4_2, not "):
        Tap.parse(name)


def test_a_tap_by_name() -> None:
    assert Tap.parse("relu4_2") == Tap(4, 2, "relu")
    assert [Tap.parse(f"conv{block}_1").stride for block in range(1, 6)] == [1, 2, 4, 8, 16]
    names = ["relu5_1", "conv2_1", "relu1_2", "conv1_2", "relu1_1"]
    assert sorted(names, key=Tap.parse) == ["relu1_1", "conv1_2", "relu1_2", "conv2_1", "relu5_1"]


@pytest.mark.parametrize("method", ["direct", "winograd"])
def test_circular_borders_know_no_border(make_encoder: MakeEncoder, make_picture: MakePicture, method: str) -> None:
    """A picture that is rolled by whole positions has rolled features, and a rolled gradient."""
    encoder = make_encoder(["relu1_1", "conv3_2"], borders="circular", method=method)
    picture = make_picture(16, 24)
    found = []
    for image, shift in ((picture, (0, 0)), (picture.roll((4, -8), (2, 3)), (4, -8))):
        features = {tap: feature.clone() for tap, feature in encoder.forward(image).items()}
        grad = encoder.backward(lambda tap, grad, now=features: grad.add_(now[tap]))
        strides = {"relu1_1": 1, "conv3_2": 4}
        back = [feature.roll([-part // strides[tap] for part in shift], (2, 3)) for tap, feature in features.items()]
        found.append([*back, grad.roll([-part for part in shift], (2, 3))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
