"""Losses and gradients of each preset, against the published equations written down once more, in float64."""

from collections.abc import Callable

import pytest
import torch
from conftest import COLOURS, VGG19, MakeEncoder, MakePicture, MakeTensors
from torch import Tensor
from torch.nn import functional as F

from impasto.objective import Formulas, from_images
from impasto.options import Options, make_options
from impasto.tiles import plan, value_and_grad

SIZE = (32, 48)  # multiples of 16, so that the mean over an odd last row and zero padding are not in question
Features = dict[str, Tensor]
Loss = Callable[[Features, Features, Features, Tensor], Tensor]


def _network(tensors: dict[str, Tensor], options: Options, image: Tensor) -> Features:
    """VGG as its papers have it, by the library's own operations."""
    x, features = COLOURS.apply(image), {}
    for block, count in enumerate(VGG19, 1):
        for index in range(1, count + 1):
            name = f"conv{block}_{index}"
            mode = "constant" if options.borders == "zeros" else "replicate"
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), tensors[f"{name}.weight"], tensors[f"{name}.bias"])
            features[name] = x
            x = features[f"relu{block}_{index}"] = x.relu()
        x = F.max_pool2d(x, 2) if options.pooling == "max" else F.avg_pool2d(x, 2)
    return features


def _gram(features: Tensor) -> Tensor:
    flat = features[0].flatten(1)
    return flat @ flat.T


def _positions(features: Tensor) -> int:
    return features.shape[2] * features.shape[3]


def _differences(image: Tensor) -> tuple[Tensor, Tensor]:
    return image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]


def _seed(found: Features, photo: Features, style: Features, image: Tensor) -> Tensor:
    content = 0.025 * (found["relu5_2"] - photo["relu5_2"]).square().sum()
    taps = ["relu2_2", "relu3_2", "relu4_2", "relu5_2"]
    size = 3 * image.shape[2] * image.shape[3]
    styles = [(_gram(found[tap]) - _gram(style[tap])).square().sum() / (4 * size**2) for tap in taps]
    down, across = _differences(255 * image)
    variation = (down[..., :-1].square() + across[..., :-1, :].square()).pow(1.25).sum()
    return content + sum(100 / 4 * loss for loss in styles) + variation


TAPS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]


def _gatys2016(found: Features, photo: Features, style: Features, image: Tensor) -> Tensor:
    content = (found["relu4_2"] - photo["relu4_2"]).square().sum() / 2
    total = content
    for tap in TAPS:
        channels, count = found[tap].shape[1], _positions(found[tap])
        total = total + 1000 / 5 * (_gram(found[tap]) - _gram(style[tap])).square().sum() / (
            4 * channels**2 * count**2
        )
    return total


def _neural_style(found: Features, photo: Features, style: Features, image: Tensor) -> Tensor:
    total = 5 * F.mse_loss(found["relu4_2"], photo["relu4_2"])
    for tap in TAPS:
        grams = [_gram(features[tap]) / features[tap].numel() for features in (found, style)]
        total = total + 100 * F.mse_loss(*grams)
    return total + 0.001 * sum(255 * part.abs().sum() for part in _differences(image))


def _default(found: Features, photo: Features, style: Features, image: Tensor) -> Tensor:
    total = 0.1 * (found["relu4_2"] - photo["relu4_2"]).square().sum() / photo["relu4_2"].square().sum()
    for tap, weight in zip(TAPS, (16, 8, 4, 2, 1), strict=True):
        grams = [_gram(features[tap]) / _positions(features[tap]) for features in (found, style)]
        total = total + weight / 31 * (grams[0] - grams[1]).square().sum() / grams[1].square().sum()
    return total + 0.3 * sum(part.square().sum() for part in _differences(image)) / (SIZE[0] * SIZE[1])


PUBLISHED: dict[str, Loss] = {
    "default": _default,
    "seed": _seed,
    "gatys2016": _gatys2016,
    "neural-style": _neural_style,
}


@pytest.mark.parametrize("preset", PUBLISHED)
@pytest.mark.parametrize("tile", [None, 16])
def test_a_preset_is_what_was_published(
    preset: str, tile: int | None, make_encoder: MakeEncoder, make_picture: MakePicture, make_tensors: MakeTensors
) -> None:
    options = make_options(preset, **({"content_weight": 0.1} if preset == "default" else {}))
    tensors = make_tensors(VGG19, channels=6)
    content, style, image = (make_picture(*SIZE, seed) for seed in range(3))
    taps = [*options.content_layers, *options.style_layers]
    encoder = make_encoder(taps, VGG19, tensors=tensors, pooling=options.pooling, borders=options.borders)
    assert options.content_weight is not None
    objective = from_images(
        encoder, content, [style],
        content_layers=options.content_layers, style_layers=options.style_layers,
        content_weight=options.content_weight, style_weight=options.style_weight, tv_weight=options.tv_weight,
        tile=None, formulas=Formulas(options.content_loss, options.style_loss, options.tv_loss),
    )  # fmt: skip
    statistics, grad = value_and_grad(image, encoder, objective, plan(*SIZE, tile, encoder.halo, encoder.stride))

    variable = image.clone().requires_grad_()
    photo, painting = (_network(tensors, options, picture) for picture in (content, style))
    expected = PUBLISHED[preset](_network(tensors, options, variable), photo, painting, variable)
    torch.testing.assert_close(objective.total(statistics), expected.detach(), rtol=1e-10, atol=0)
    (slope,) = torch.autograd.grad(expected, variable)
    torch.testing.assert_close(grad, slope, rtol=1e-8, atol=1e-10 * float(slope.abs().max()))


def test_the_seed_is_as_its_script() -> None:
    options = make_options("seed")
    assert (options.optimizer, options.learning_rate, options.beta2, options.clip) == ("adam", 1, 0.999, False)
    assert (options.height, options.init, options.bleed) == (720, "content", 0)
    assert options.longest(768, 1024) == 960
    assert options.longest(1024, 768) == 720
    assert options.min_size >= options.longest(768, 1024)  # one scale


def test_the_papers_start_from_noise_and_have_one_scale() -> None:
    for name in ("gatys2016", "neural-style"):
        options = make_options(name)
        assert (options.init, options.optimizer, options.bleed, options.borders) == ("noise", "lbfgs", 0, "zeros")
        assert options.min_size >= options.size


def test_what_is_given_goes_before_what_a_preset_has_in_its_place() -> None:
    assert make_options("seed", size=256).height is None
    assert make_options("seed", height=300).height == 300
    assert make_options("seed", content_weight=3).content_weight == 3


def test_a_strength_needs_relative_losses() -> None:
    with pytest.raises(ValueError, match="strength dial knows relative losses only"):
        make_options("seed", strength=0.3)
    with pytest.raises(ValueError, match="give one of them"):
        make_options(size=300, height=200)
