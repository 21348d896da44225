"""Terms by hand, the gradient by finite differences, targets by tiles, and how weights are shared."""

import math

import pytest
import torch
from conftest import MakeEncoder, MakePicture
from torch import Tensor

from impasto import losses
from impasto.objective import (
    ContentTerm,
    Formulas,
    Objective,
    StyleTerm,
    VariationTerm,
    content_targets,
    from_images,
    style_targets,
)
from impasto.tiles import IMAGE, Tile, plan, value_and_grad
from impasto.vgg import Encoder

STYLE = {"relu1_1": 1.0, "conv2_2": 2.0, "relu3_1": 1.0}
CONTENT = {"relu2_1": 1.0, "conv3_2": 3.0}
TAPS = [*STYLE, *CONTENT]


def _whole(height: int, width: int) -> Tile:
    return plan(height, width, None, 0, 1)[0]


def _bind(encoder: Encoder, content: Tensor, styles: list[Tensor], **changes: object) -> Objective:
    settings: dict[str, object] = {
        "content_layers": CONTENT, "style_layers": STYLE, "content_weight": 0.3, "style_weight": 2.0,
        "tv_weight": 0.1, "tile": None,
    }  # fmt: skip
    return from_images(encoder, content, styles, **settings | changes)  # type: ignore[arg-type]


def _losses(encoder: Encoder, objective: Objective, image: Tensor) -> tuple[float, dict[str, float], Tensor]:
    tiles = plan(image.shape[2], image.shape[3], None, encoder.halo, encoder.stride)
    statistics, grad = value_and_grad(image, encoder, objective, tiles)
    return *objective.values(objective.stacked(statistics)), grad


def test_style_term_by_hand() -> None:
    features = torch.tensor([1.0, 2, 3, 4, 5, 6]).view(1, 2, 1, 3)  # Gram matrix 14 32 32 77, three positions
    target = torch.tensor([[4.0, 10], [10, 25]])
    term = StyleTerm("relu1_1", 1.0, target, positions=3)
    expected = sum((g / 3 - a) ** 2 for g, a in ((14, 4), (32, 10), (32, 10), (77, 25))) / (16 + 200 + 625)
    assert term.loss(term.statistic(features, _whole(1, 3))).item() == pytest.approx(expected)
    assert term.name == "style relu1_1"


def test_content_term_by_hand() -> None:
    target = torch.tensor([3.0, 4]).view(1, 2, 1, 1)
    term = ContentTerm("conv4_2", 1.0, target, energy=torch.tensor(25.0))
    features = torch.tensor([1.0, 1]).view(1, 2, 1, 1)
    assert term.loss(term.statistic(features, _whole(8, 5))).item() == pytest.approx((4 + 9) / 25)
    assert term.name == "content conv4_2"


def test_variation_term_by_hand() -> None:
    image = torch.tensor([0.0, 1, 3, 7, 7, 4]).view(1, 1, 2, 3)
    term = VariationTerm(1.0, positions=6)
    assert term.loss(term.statistic(image, _whole(2, 3))).item() == pytest.approx((14 + 86) / 6)
    assert (term.name, term.tap) == ("total variation", IMAGE)


@pytest.mark.parametrize("tile", [None, 8])
def test_unrelated_error_is_the_mean_over_all_places(
    make_encoder: MakeEncoder, make_picture: MakePicture, tile: int | None
) -> None:
    """Of every position of a style against every one of the photograph, in pictures of any sizes."""
    encoder, content = make_encoder(TAPS), make_picture(13, 18)
    styles = [make_picture(9, 14, seed=1), make_picture(20, 11, seed=2)]
    expected = 0.0
    for tap, weight in CONTENT.items():
        photograph = encoder.forward(content)[tap].flatten(2)[0].T.clone()
        for style in styles:
            distances = torch.cdist(encoder.forward(style)[tap].flatten(2)[0].T, photograph).square()
            expected += weight / 4 / 2 * float(distances.mean() / photograph.square().sum(1).mean())
    assert _bind(encoder, content, styles, tile=tile).unrelated_error() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_the_gradient_is_the_slope(make_encoder: MakeEncoder, make_picture: MakePicture, pooling: str) -> None:
    """Central differences of the total along random directions, in float64."""
    encoder = make_encoder(TAPS, pooling=pooling)
    objective = _bind(encoder, make_picture(13, 18), [make_picture(15, 11, 1)])
    image, step = make_picture(13, 18, 2), 1e-6
    tiles = plan(13, 18, None, encoder.halo, encoder.stride)

    def total(at: Tensor) -> Tensor:
        return objective.total(value_and_grad(at, encoder, objective, tiles)[0])

    _, grad = value_and_grad(image, encoder, objective, tiles)
    for seed in range(3):
        direction = make_picture(13, 18, seed=10 + seed) - 0.5
        slope = (total(image + step * direction) - total(image - step * direction)) / (2 * step)
        torch.testing.assert_close((grad * direction).sum(), slope, rtol=1e-6, atol=0)


def test_names_values_and_total(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder = make_encoder(TAPS)
    objective = _bind(encoder, make_picture(13, 18), [make_picture(15, 11, 1)])
    total, values, grad = _losses(encoder, objective, make_picture(13, 18, 2))
    assert list(values) == [
        "style relu1_1", "style conv2_2", "style relu3_1",
        "content relu2_1", "content conv3_2", "total variation",
    ]  # fmt: skip
    weights = [0.5, 1.0, 0.5, 0.075, 0.225, 0.1]  # 2 in parts 1:2:1, 0.3 in parts 1:3
    assert [term.weight for term in objective.terms] == pytest.approx(weights)
    assert total == pytest.approx(sum(weight * value for weight, value in zip(weights, values.values(), strict=True)))
    assert objective.content_error(values) == pytest.approx(
        (values["content relu2_1"] + 3 * values["content conv3_2"]) / 4
    )
    assert grad.shape == (1, 3, 13, 18)


def test_the_targets_themselves_cost_nothing(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder, picture = make_encoder(TAPS), make_picture(13, 18)
    objective = _bind(encoder, picture, [picture], tv_weight=0.0)
    total, values, grad = _losses(encoder, objective, picture)
    assert total == pytest.approx(0, abs=1e-20)
    assert all(value == pytest.approx(0, abs=1e-20) for value in values.values())
    assert grad.abs().max() < 1e-12


def test_no_weight_no_variation_term(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    objective = _bind(make_encoder(TAPS), make_picture(8, 8), [make_picture(8, 8)], tv_weight=0.0)
    assert "total variation" not in [term.name for term in objective.terms]


def test_another_content_weight(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    objective = _bind(make_encoder(TAPS), make_picture(8, 8), [make_picture(8, 8)])
    changed = objective.with_content_weight(1.2)
    assert [term.weight for term in changed.terms] == pytest.approx([0.5, 1, 0.5, 0.3, 0.9, 0.1])
    assert [term.weight for term in objective.terms] == pytest.approx([0.5, 1, 0.5, 0.075, 0.225, 0.1])
    assert [term.name for term in changed.terms] == [term.name for term in objective.terms]


def test_several_styles_count_alike(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    """A large picture no more than a small one."""
    encoder, content = make_encoder(TAPS), make_picture(8, 8)
    small, large = make_picture(9, 7, 1), make_picture(40, 31, 2)
    both = _bind(encoder, content, [small, large])
    single = [_bind(encoder, content, [style]) for style in (small, large)]
    for term, first, second in zip(both.terms, single[0].terms, single[1].terms, strict=True):
        if isinstance(term, StyleTerm):
            assert isinstance(first, StyleTerm)
            assert isinstance(second, StyleTerm)
            torch.testing.assert_close(term.target, (first.target + second.target) / 2)


def test_the_same_style_twice_is_once(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder, content, style = make_encoder(TAPS), make_picture(8, 8), make_picture(9, 7, 1)
    once = _losses(encoder, _bind(encoder, content, [style]), content)
    twice = _losses(encoder, _bind(encoder, content, [style, style]), content)
    assert once[1] == pytest.approx(twice[1], rel=1e-6)


def test_layers_share_a_weight_or_have_it_each(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    """With neural-style's means, a second layer takes nothing from the first."""
    encoder, content, style = make_encoder(TAPS), make_picture(8, 8), make_picture(9, 7, 1)
    layers = {"content_layers": {"relu1_1": 1.0, "relu2_1": 1.0}, "style_layers": {"relu1_1": 1.0, "relu2_1": 3.0}}
    weights = {"content_weight": 2.0, "style_weight": 8.0, "tv_weight": 0.0}
    shared, each = (
        [term.weight for term in _bind(encoder, content, [style], **layers, **weights, formulas=formulas).terms]
        for formulas in (Formulas("sum", "gatys"), Formulas("mean", "mean"))
    )
    assert shared == [2, 6, 1, 1]
    assert each == [8, 24, 2, 2]


def test_a_layer_can_be_of_both_kinds(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder, content, style = make_encoder(["relu2_1"]), make_picture(9, 9), make_picture(9, 9, 1)
    layers = {"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu2_1": 1.0}, "tv_weight": 0.0}
    both = _bind(encoder, content, [style], **layers)
    parts = [
        _bind(encoder, content, [style], **layers, **off) for off in ({"style_weight": 0.0}, {"content_weight": 0.0})
    ]
    image = make_picture(9, 9, 2)
    sums = sum(_losses(encoder, part, image)[2] for part in parts)
    torch.testing.assert_close(_losses(encoder, both, image)[2], sums, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [(45, 61), (1, 50), (16, 16)])
def test_targets_do_not_know_of_tiles(
    make_encoder: MakeEncoder, make_picture: MakePicture, size: tuple[int, int]
) -> None:
    encoder, picture = make_encoder(TAPS), make_picture(*size)
    whole, tiled = (content_targets(encoder, picture, TAPS, tile) for tile in (None, 12))
    whole_grams, tiled_grams = (style_targets(encoder, picture, (TAPS, []), tile).grams for tile in (None, 12))
    for tap in TAPS:
        torch.testing.assert_close(tiled[tap], whole[tap], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(tiled_grams[tap], whole_grams[tap], rtol=1e-10, atol=1e-12)


def test_targets_outlive_the_next_evaluation(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    """The encoder's buffers are used again; targets are kept apart from them."""
    encoder = make_encoder(TAPS)
    targets = content_targets(encoder, make_picture(20, 20), TAPS, None)
    before = {tap: target.clone() for tap, target in targets.items()}
    encoder.forward(make_picture(20, 20, 1))
    assert all(torch.equal(targets[tap], before[tap]) for tap in TAPS)


def test_gram_targets_are_per_position(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder, picture = make_encoder(TAPS), make_picture(13, 18)
    targets = style_targets(encoder, picture, (TAPS, []), None).grams
    features = encoder.forward(picture)
    for tap in TAPS:
        count = math.prod(features[tap].shape[2:])
        torch.testing.assert_close(targets[tap], losses.gram_matrix(features[tap]) / count)


def test_a_number_of_statistics_that_does_not_fit(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    objective = _bind(make_encoder(TAPS), make_picture(8, 8), [make_picture(8, 8)])
    with pytest.raises(ValueError, match="zip"):
        objective.losses([torch.zeros(())])


@pytest.mark.parametrize("variation", ["squared", "power", "absolute"])
def test_a_picture_that_is_repeated_has_no_border(
    make_encoder: MakeEncoder, make_picture: MakePicture, variation: str
) -> None:
    """Loss and gradient of a rolled picture are those of the picture, rolled."""
    encoder = make_encoder(["relu2_1"], borders="circular")
    objective = from_images(
        encoder, make_picture(8, 12), [make_picture(9, 9)], content_layers={}, style_layers={"relu2_1": 1},
        content_weight=0, style_weight=1, tv_weight=1, tile=None, formulas=Formulas(variation=variation),
    )  # fmt: skip
    picture, shift = make_picture(8, 12, 3), (2, 4)
    plain, rolled = (_losses(encoder, objective, one) for one in (picture, picture.roll(shift, (2, 3))))
    assert rolled[1] == pytest.approx(plain[1], rel=1e-6)
    torch.testing.assert_close(rolled[2], plain[2].roll(shift, (2, 3)), rtol=1e-9, atol=1e-9)
