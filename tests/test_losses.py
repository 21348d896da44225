"""Each loss by hand, against autograd, under what must not change it, and as a sum over parts."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from impasto import losses

Value = Callable[[Tensor], Tensor]
AddGradient = Callable[..., None]


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _squared_error(features: Tensor) -> Tensor:
    return losses.squared_error(features, _noise(*features.shape, seed=9))


def _add_squared_error_gradient(grad: Tensor, features: Tensor, sensitivity: Tensor) -> None:
    losses.add_squared_error_gradient(grad, features, _noise(*features.shape, seed=9), sensitivity)


FEATURES = _numbers(1, 2, 3, 4, 5, 6).view(1, 2, 1, 3)

operators = pytest.mark.parametrize(
    ("value", "add_gradient"),
    [
        pytest.param(losses.gram_matrix, losses.add_gram_gradient, id="gram"),
        pytest.param(_squared_error, _add_squared_error_gradient, id="squared error"),
        *(
            pytest.param(
                partial(losses.variation, axis=axis),
                partial(losses.add_variation_gradient, axis=axis),
                id=f"variation along {axis}",
            )
            for axis in (2, 3)
        ),
    ],
)


def test_gram_by_hand() -> None:
    assert losses.gram_matrix(FEATURES).tolist() == [[14, 32], [32, 77]]


def test_squared_error_by_hand() -> None:
    assert losses.squared_error(FEATURES, torch.full_like(FEATURES, 2)).item() == 1 + 0 + 1 + 4 + 9 + 16


def test_variation_by_hand() -> None:
    image = _numbers(0, 1, 3, 7, 7, 4).view(1, 1, 2, 3)
    assert losses.variation(image, 3).item() == 1 + 4 + 0 + 9
    assert losses.variation(image, 2).item() == 49 + 36 + 1


def test_relative_error_by_hand() -> None:
    assert losses.relative_error(_numbers(1, 2), _numbers(3, 4)).item() == pytest.approx(8 / 25)


def test_gradients_by_hand() -> None:
    """They are added to what is there: 100 of each."""
    grad = torch.full_like(FEATURES, 100)
    losses.add_gram_gradient(grad, FEATURES, _numbers(1, 2, 0, 0).view(2, 2))
    assert grad.flatten().tolist() == [100 + 2 * f + 2 * g for f, g in ((1, 4), (2, 5), (3, 6))] + [
        100 + 2 * f for f in (1, 2, 3)
    ]
    grad = torch.full_like(FEATURES, 100)
    losses.add_squared_error_gradient(grad, FEATURES, torch.ones_like(FEATURES), torch.tensor(3.0))
    assert grad.flatten().tolist() == [100, 106, 112, 118, 124, 130]
    grad = torch.full_like(FEATURES, 100)
    losses.add_variation_gradient(grad, FEATURES, 3, torch.tensor(0.5))
    assert grad.flatten().tolist() == [99, 100, 101, 99, 100, 101]


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4)])
@operators
def test_gradients_are_autograds(value: Value, add_gradient: AddGradient, size: tuple[int, int]) -> None:
    features = _noise(1, 4, *size).to(memory_format=torch.channels_last).requires_grad_()
    result = value(features)
    sensitivity = _noise(*result.shape, seed=1)
    before = _noise(1, 4, *size, seed=2).to(memory_format=torch.channels_last)
    grad = before.clone()
    add_gradient(grad, features.detach(), sensitivity=sensitivity)
    expected = torch.autograd.grad(result, features, sensitivity)[0]
    torch.testing.assert_close(grad, before + expected, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(value, features)


@operators
def test_gradients_stay_within_a_view(value: Value, add_gradient: AddGradient) -> None:
    """A tile adds to its inner part of a gradient, whose other positions are not its own."""
    whole = torch.zeros(1, 4, 9, 9, dtype=torch.float64).to(memory_format=torch.channels_last)
    inner = whole[..., 2:7, 1:8]
    features = _noise(1, 4, 5, 7)
    sensitivity = torch.ones_like(value(features))
    add_gradient(inner, features, sensitivity=sensitivity)
    alone = torch.zeros(1, 4, 5, 7, dtype=torch.float64)
    add_gradient(alone, features, sensitivity=sensitivity)
    torch.testing.assert_close(inner, alone, rtol=1e-12, atol=1e-12)
    assert whole.count_nonzero() == alone.count_nonzero() > 0


def test_shapes() -> None:
    features = _noise(1, 4, 5, 7)
    assert losses.gram_matrix(features).shape == (4, 4)
    for number in (
        losses.squared_error(features, 2 * features),
        losses.variation(features, 2),
        losses.relative_error(features, 2 * features),
    ):
        assert number.shape == ()


def test_gram_knows_no_places() -> None:
    features = _noise(1, 4, 5, 7)
    shuffled = features.flatten(2)[..., torch.randperm(35, generator=torch.Generator().manual_seed(3))]
    expected = losses.gram_matrix(features)
    torch.testing.assert_close(losses.gram_matrix(shuffled.view(1, 4, 7, 5)), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(expected, expected.T, rtol=1e-12, atol=0)  # not to the bit on every processor
    assert torch.linalg.eigvalsh(expected).min() >= 0


def test_sums_add_over_parts() -> None:
    features = _noise(1, 4, 5, 7)
    parts = features.split(3, dim=3)
    torch.testing.assert_close(
        torch.stack([losses.gram_matrix(part) for part in parts]).sum(0), losses.gram_matrix(features)
    )
    errors = [losses.squared_error(part, -part) for part in parts]
    torch.testing.assert_close(torch.stack(errors).sum(), losses.squared_error(features, -features))


def test_half_precision_is_summed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """8-bit mantissas stop counting at 256; the positions are summed in blocks that do not get there."""
    monkeypatch.setattr(losses, "GRAM_BLOCK", 64)
    ones = torch.ones(1, 2, 50, 60, dtype=torch.bfloat16)
    gram = losses.gram_matrix(ones)
    assert gram.dtype == torch.float32
    assert torch.equal(gram, torch.full((2, 2), 3000.0))
    error = losses.squared_error(ones, torch.zeros_like(ones))
    assert (error.dtype, error.item()) == (torch.float32, 6000)


def test_half_precision_is_close() -> None:
    features = _noise(1, 8, 80, 90)
    expected = losses.gram_matrix(features)
    found = losses.gram_matrix(features.bfloat16()).double()
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_variation_ignores_a_constant_and_grows_with_the_square() -> None:
    image = _noise(1, 3, 6, 5)
    for axis in (2, 3):
        variation = losses.variation(image, axis)
        torch.testing.assert_close(losses.variation(image + 5, axis), variation)
        torch.testing.assert_close(losses.variation(3 * image, axis), 9 * variation)
        assert losses.variation(torch.full_like(image, 0.7), axis) == 0
        torch.testing.assert_close(losses.variation(image.flip(axis), axis), variation)


def test_relative_error_knows_no_unit() -> None:
    value, target = _noise(4, 4), _noise(4, 4, seed=1)
    error = losses.relative_error(value, target)
    torch.testing.assert_close(losses.relative_error(1e5 * value, 1e5 * target), error)
    assert losses.relative_error(target, target) == 0
    assert losses.relative_error(torch.zeros_like(target), target).item() == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_relative_error_to_nothing(dtype: torch.dtype) -> None:
    """A black picture may have no features: no division by zero."""
    nothing = torch.zeros(4, dtype=dtype)
    assert losses.relative_error(nothing, nothing) == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(RuntimeError):
        losses.squared_error(FEATURES, _noise(1, 2, 2, 5))
    with pytest.raises((RuntimeError, IndexError)):
        losses.gram_matrix(FEATURES[0, 0])
    with pytest.raises(IndexError):
        losses.variation(FEATURES, 4)
    with pytest.raises(RuntimeError):
        losses.add_gram_gradient(torch.zeros_like(FEATURES), FEATURES, torch.zeros(3, 3).double())
    with pytest.raises(RuntimeError):
        losses.relative_error(_noise(2, 2), _noise(3, 3))
