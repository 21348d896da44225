"""L-BFGS and Adam on functions whose answer is known, and on functions that break."""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Literal

import pytest
import torch
from torch import Tensor

from impasto import optimize
from impasto.errors import DivergedError
from impasto.optimize import Memory, Point, Value, minimize
from impasto.precondition import FADE

Method = Literal["lbfgs", "adam"]
methods = pytest.mark.parametrize("method", ["lbfgs", "adam"])

SHAPE = (1, 3, 4, 5)


def _picture(seed: int = 0) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))


class Counted:
    """A function of a picture that keeps what it was asked, and answers nan or more at chosen evaluations."""

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        broken: Iterable[int] = (),
        factor: float = math.nan,
    ) -> None:
        self.function, self.broken, self.factor = function, set(broken), factor
        self.asked: list[Tensor] = []
        self.answered: list[float] = []

    def __call__(self, image: Tensor) -> Value:
        self.asked.append(image.clone())
        variable = image.clone().requires_grad_()
        loss = self.function(variable)
        (grad,) = torch.autograd.grad(loss, variable)
        factor = self.factor if len(self.asked) in self.broken else 1
        self.answered.append(loss.item() * factor)
        return Value(self.answered[-1], {"loss": self.answered[-1]}, grad * factor)


def _bowl(condition: float = 1, low: float = 0.2, high: float = 0.8) -> Callable[[Tensor], Tensor]:
    """½ Σ cᵢ (xᵢ - tᵢ)², with curvatures from 1 to `condition`, and its least point between two numbers."""
    curvature = torch.logspace(0, math.log10(condition), math.prod(SHAPE)).view(SHAPE)
    target = low + (high - low) * _picture(seed=1)
    return lambda image: (curvature * (image - target).square()).sum() / 2


def _same(left: list[Point], right: list[Point]) -> bool:
    return all(
        torch.equal(a.image, b.image) and a.value.loss == b.value.loss for a, b in zip(left, right, strict=True)
    )


def _gradient_descent(function: Callable[[Tensor], Tensor], condition: float, evaluations: int) -> float:
    """Where the best constant step leads, 2 / (1 + condition)."""
    counted, image = Counted(function), _picture()
    for _ in range(evaluations):
        image = image - 2 / (1 + condition) * counted(image).grad
    return counted.answered[-1]


def test_lbfgs_beats_gradient_descent_on_a_narrow_valley() -> None:
    function = _bowl(condition=1000)
    points = list(minimize("lbfgs", Counted(function), _picture(), 60))
    assert points[-1].value.loss < 1e-3 * _gradient_descent(function, 1000, 60)


@methods
def test_finds_the_least_point(method: Method) -> None:
    points = list(minimize(method, Counted(_bowl()), _picture(), 200))
    assert points[-1].value.loss < 1e-3 * points[0].value.loss


@methods
@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
def test_stays_in_the_box(method: Method, start: float) -> None:
    function = Counted(_bowl(low=-1.0, high=2.0))
    list(minimize(method, function, torch.full(SHAPE, start), 30))
    for image in function.asked:
        assert image.min() >= 0
        assert image.max() <= 1


@methods
@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
def test_finds_the_least_point_in_the_box(method: Method, start: float) -> None:
    """Where the least point of all lies outside."""
    *_, last = minimize(method, Counted(_bowl(low=-1.0, high=2.0)), torch.full(SHAPE, start), 150)
    expected = (-1 + 3 * _picture(seed=1)).clamp(0, 1)
    torch.testing.assert_close(last.image, expected, rtol=0, atol=0.02)


@methods
@pytest.mark.parametrize("evaluations", [1, 2, 7])
def test_evaluates_as_often_as_asked(method: Method, evaluations: int) -> None:
    function = Counted(_bowl())
    points = list(minimize(method, function, _picture(), evaluations))
    assert len(points) == len(function.asked) == evaluations
    assert torch.equal(points[0].image, _picture())


@methods
def test_does_nothing_ahead_of_its_consumer(method: Method) -> None:
    function = Counted(_bowl())
    list(itertools.islice(minimize(method, function, _picture(), 50), 3))
    assert len(function.asked) == 3


@methods
def test_points_are_what_was_evaluated(method: Method) -> None:
    """And stay so: no picture is changed after it was yielded."""
    function = Counted(_bowl(100))
    points = list(minimize(method, function, _picture(), 12))
    for point, image, loss in list(zip(points, function.asked, function.answered, strict=True))[:-1]:
        assert torch.equal(point.image, image)
        assert point.value.loss == point.value.terms["loss"] == loss


def test_the_last_point_of_lbfgs_is_its_best() -> None:
    """Also when the last evaluation was a bad one."""
    function = Counted(_bowl(1000), broken=[20], factor=1.2)
    points = list(minimize("lbfgs", function, _picture(), 20))
    assert points[-1].value.loss == min(function.answered)
    assert function.answered[-1] > min(function.answered)


@methods
def test_deterministic(method: Method) -> None:
    first, second = (list(minimize(method, Counted(_bowl(100)), _picture(), 20)) for _ in range(2))
    assert _same(first, second)


@methods
@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("evaluation", [2, 3, 9])
def test_recovers_from_one_bad_value(method: Method, broken: float, evaluation: int) -> None:
    function = Counted(_bowl(10), broken=[evaluation], factor=broken)
    points = list(minimize(method, function, _picture(), 150))
    assert all(math.isfinite(point.value.loss) for point in points)
    assert all(bool(image.isfinite().all()) for image in function.asked)
    assert torch.equal(points[evaluation - 1].image, function.asked[_best(function.answered[: evaluation - 1])])
    assert points[-1].value.loss < 0.1 * points[0].value.loss


def _best(losses: list[float]) -> int:
    return losses.index(min(losses))


@methods
def test_a_gradient_that_is_not_finite_counts_as_bad(method: Method) -> None:
    bowl = Counted(_bowl(10))

    def function(image: Tensor) -> Value:
        value = bowl(image)
        if len(bowl.asked) == 3:
            value.grad[0, 0, 0, 0] = math.nan
        return value

    points = list(minimize(method, function, _picture(), 150))
    assert all(bool(image.isfinite().all()) for image in bowl.asked)
    assert points[-1].value.loss < 0.1 * points[0].value.loss


@methods
def test_gives_up_after_three_restarts(method: Method) -> None:
    function = Counted(_bowl(), broken=range(5, 100))
    points = []
    with pytest.raises(DivergedError, match="not a number, also after 3 more careful restarts"):
        points.extend(minimize(method, function, _picture(), 50))
    assert len(function.asked) == 4 + 4


@methods
def test_gives_up_at_the_very_start(method: Method) -> None:
    function = Counted(_bowl(), broken=[1])
    with pytest.raises(DivergedError, match="not a number at the very start"):
        next(minimize(method, function, _picture(), 50))
    assert len(function.asked) == 1


@methods
def test_restarts_are_more_careful(method: Method) -> None:
    """From the best point again, at most a quarter as far each time."""
    function = Counted(_bowl(low=0.4, high=0.6), broken=[2, 3])
    list(minimize(method, function, torch.full(SHAPE, 0.9), 4))
    start = function.asked[0]
    first, second, third = ((image - start).norm().item() for image in function.asked[1:])
    assert 0 < second <= first / 4 * 1.01
    assert 0 < third <= second / 4 * 1.01


def test_adam_forgets_its_momentum_at_a_restart() -> None:
    """It is what led astray."""
    function = Counted(lambda image: image.sum(), broken=[20])
    list(minimize("adam", function, torch.ones(SHAPE), 21))
    stride = (function.asked[18] - function.asked[17]).norm()
    assert (function.asked[20] - function.asked[18]).norm() < 0.1 * stride


def test_an_explosion_is_taken_back() -> None:
    function = Counted(_bowl(10), broken=[6], factor=1e6)
    points = list(minimize("lbfgs", function, _picture(), 40))
    assert points[5].value.loss == min(function.answered[:5])
    assert max(point.value.loss for point in points) == points[0].value.loss
    assert points[-1].value.loss < 0.1 * points[0].value.loss


def test_explosions_are_no_divergence() -> None:
    """However many: the picture simply stays at its best point."""
    function = Counted(_bowl(), broken=range(2, 100), factor=1e6)
    points = list(minimize("lbfgs", function, _picture(), 12))
    assert {point.value.loss for point in points} == {function.answered[0]}


@methods
def test_a_flat_function_changes_nothing(method: Method) -> None:
    points = list(minimize(method, Counted(lambda image: 0 * image.sum()), _picture(), 5))
    assert all(torch.equal(point.image, _picture()) for point in points)


def test_the_first_step_is_small_whatever_the_scale() -> None:
    for factor in (1e-12, 1.0, 1e12):
        bowl = _bowl(low=0.5, high=0.5)
        function = Counted(lambda image, bowl=bowl, factor=factor: factor * bowl(image))  # type: ignore[misc]
        list(minimize("lbfgs", function, torch.full(SHAPE, 0.9), 2))
        moved = (function.asked[1] - function.asked[0]).square().mean().sqrt()
        assert moved.item() == pytest.approx(optimize.FIRST_STEP, rel=1e-3)


@pytest.mark.parametrize("guess", [torch.clone, lambda grad: 3 * grad], ids=["identity", "multiple"])
def test_memory_is_the_inverse_of_a_quadratic(guess: Callable[[Tensor], Tensor]) -> None:
    """With a pair for every dimension, the two-loop recursion is Newton's step, whatever the first guess."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    hessian = root @ root.T + torch.eye(4, dtype=torch.float64)
    memory = Memory(10, guess)
    for step in torch.linalg.eigh(hessian).eigenvectors.T:
        memory.add(step, hessian @ step)
    grad = torch.randn(4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(memory.direction(grad), torch.linalg.solve(hessian, grad))


def test_memory_without_pairs_is_the_guess() -> None:
    grad = _picture()
    before = grad.clone()
    assert torch.equal(Memory(10, lambda given: 2 * given).direction(grad), 2 * before)
    assert torch.equal(grad, before)


def test_memory_forgets_the_oldest_and_refuses_the_concave() -> None:
    memory = Memory(3, torch.clone)
    for size in range(1, 6):
        memory.add(torch.full((2,), float(size)), torch.ones(2))
    assert [pair[0][0].item() for pair in memory.pairs] == [3, 4, 5]
    memory.add(torch.ones(2), -torch.ones(2))
    memory.add(torch.ones(2), torch.zeros(2))
    assert len(memory.pairs) == 3
    assert memory.scale == 5


@methods
def test_the_unit_of_the_loss_does_not_matter(method: Method) -> None:
    """Squares of gradients of 2^100 are beyond float32; the steps are the same to the last bit."""

    def bowl(factor: float) -> Callable[[Tensor], Value]:
        weights = torch.linspace(0.5, 3, 60).view(SHAPE)

        def function(image: Tensor) -> Value:
            offset = image - 0.4
            return Value(float((weights * offset.square()).sum()) * factor, {}, 2 * weights * offset * factor)

        return function

    plain, huge = (
        [point.image for point in minimize(method, bowl(factor), _picture(), 12)] for factor in (1.0, 2.0**100)
    )
    assert all(torch.equal(one, other) for one, other in zip(plain, huge, strict=True))
    for factor in (2.0**125, 2.0**-120):  # near the ends of float32
        *_, last = minimize(method, bowl(factor), _picture(), 12)
        assert not torch.equal(last.image, plain[0])
    assert not torch.equal(plain[0], plain[-1])


@methods
def test_what_is_coarser_than_a_hold_stays(method: Method) -> None:
    """Both paint what is finer, and leave the rest as it was at the start, though the loss asks for more."""
    size = 32
    target = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    start = torch.full_like(target, 0.5)

    def function(image: Tensor) -> Value:
        offset = image - target
        return Value(float(offset.square().sum()), {}, 2 * offset)

    def amplitudes(image: Tensor) -> Tensor:
        return torch.fft.rfft2(image - start).abs()

    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)
    coarse = (rows.square() + columns.square()).sqrt() <= 0.25 * FADE[0]
    free, held = (
        amplitudes(list(minimize(method, function, start, 12, clip=False, hold=hold))[-1].image)
        for hold in (0.0, 0.25)
    )
    assert held[..., coarse].max() < 1e-3
    assert free[..., coarse].max() > 0.1
    assert held[..., ~coarse].mean() > 0.5 * free[..., ~coarse].mean()
