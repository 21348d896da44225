"""Minimising a function of a picture: L-BFGS and Adam, one evaluation at a time.

They know neither the network nor the losses: only a function from a picture to its value and gradient. Both keep
the picture inside 0..1, unless told not to, and both survive an evaluation that is not a number: back to the best
point, more carefully. L-BFGS also takes back a loss that has exploded; Adam's passes, as its steps are bounded.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import DivergedError

HISTORY = 10  # pairs that L-BFGS remembers; 20 is no better: docs/method.md#optimisation
KNEE = 8  # periods across the picture: coarser structure is not favoured further
CHROMA = 0.6  # how readily a step changes colour, against brightness
FIRST_STEP = 0.02  # root mean square change of the pixels by the first step, in 0..1
LEARNING_RATE = 0.02  # of Adam, in 0..1
BETA2 = 0.99  # of Adam: how long it remembers the squares of the gradient
EXPLODED = 1.5  # an evaluation this many times above the best is taken back
RESTARTS = 3


@dataclass(frozen=True)
class Value:
    """A function's value at a picture."""

    loss: float
    terms: Mapping[str, float]  # the losses it is the weighted sum of
    grad: Tensor  # [1, 3, H, W]


@dataclass(frozen=True)
class Point:
    """A picture and the function's value there."""

    image: Tensor  # [1, 3, H, W], in 0..1 where it is clipped
    value: Value
    progress: Progress | None = None  # of the method that has reached it; it goes on with the method


@dataclass
class Progress:
    """All that a method knows after an evaluation: from it, it goes on to the same bytes."""

    point: Point
    best: Point
    size: float  # of the next first step of L-BFGS, in 0..1; of every step of Adam
    unit: float  # of the gradients
    evaluations: int = 1
    restarts: int = 0
    pairs: deque[tuple[Tensor, Tensor, float]] = field(default_factory=deque)  # of L-BFGS: s, y, 1 / sᵀy
    scale: float = 1.0  # of L-BFGS: γ
    moments: tuple[Tensor, ...] = ()  # of Adam


Function = Callable[[Tensor], Value]


def minimize(
    method: Literal["lbfgs", "adam"],
    function: Function,
    start: Tensor,
    evaluations: int,
    *,
    clip: bool = True,
    learning_rate: float = LEARNING_RATE,
    beta2: float = BETA2,
    progress: Progress | None = None,
) -> Iterator[Point]:
    """Yields, after each evaluation, the point that was reached; the last is the best that L-BFGS has found.

    clip: whether pixels are kept inside 0..1. learning_rate (in 0..1) and beta2 are Adam's. progress: of an earlier
    call, to go on from in place of the start.

    Raises:
        DivergedError: when the value is not a number at the start, or again after three more careful restarts.
    """
    if progress is None:
        point = _evaluated(function, start)
        if not math.isfinite(point.value.loss):
            raise DivergedError("the loss is not a number at the very start: the options or weights are too extreme")
        progress = Progress(point, point, FIRST_STEP if method == "lbfgs" else learning_rate, _unit(point.value.grad))
        yield replace(point, progress=progress)
    if method == "lbfgs":
        yield from _lbfgs(function, progress, evaluations, clip)
    else:
        yield from _adam(function, progress, evaluations, clip=clip, beta2=beta2)


def _lbfgs(function: Function, now: Progress, evaluations: int, clip: bool) -> Iterator[Point]:
    """L-BFGS with unit steps (Liu & Nocedal 1989), projected onto the box 0..1.

    Step and difference of the gradients are taken between projected points, so that every pair is a true one.
    """
    memory = Memory(HISTORY, Preconditioner(now.point.image), now.pairs, now.scale)
    while now.evaluations < evaluations:
        point = now.point
        free = _free(point) if clip else torch.ones_like(point.image)
        direction = memory.direction(point.value.grad * (free / now.unit)) * free
        if not memory.pairs:
            direction *= now.size / direction.square().mean().sqrt().clamp_min(1e-30)
        step = _evaluated(function, _bounded(point.image - direction, clip))
        if not math.isfinite(step.value.loss) or step.value.loss > EXPLODED * now.best.value.loss:
            now.restarts += not math.isfinite(step.value.loss)
            _check_restarts(now.restarts)
            memory.forget()
            now.point, now.size = now.best, now.size / 4
        else:
            memory.add(step.image - point.image, (step.value.grad - point.value.grad).div_(now.unit))
            now.point, now.best = step, min(now.best, step, key=lambda candidate: candidate.value.loss)
        now.evaluations, now.pairs, now.scale = now.evaluations + 1, memory.pairs, memory.scale
        yield replace(now.best if now.evaluations == evaluations else now.point, progress=now)


class Preconditioner:
    """The first guess of the inverse Hessian: coarse structure before fine, brightness before colour.

    A symmetric positive linear map. Without it the first steps, which know no curvature, change single pixels and
    their colours as readily as shapes, and leave grain behind: docs/method.md#preconditioning.
    """

    def __init__(self, image: Tensor) -> None:
        height, width = image.shape[2:]
        rows = torch.fft.fftfreq(height, device=image.device)[:, None]
        columns = torch.fft.rfftfreq(width, device=image.device)
        frequency = (rows.square() + columns.square()).sqrt().clamp_min(KNEE / max(height, width))
        self.gain = frequency.rsqrt().to(image.dtype)  # as the square root of a photograph's 1/f amplitudes
        self.size = (height, width)

    def __call__(self, grad: Tensor) -> Tensor:
        """[1, 3, H, W] -> [1, 3, H, W]."""
        coarse: Tensor = torch.fft.irfft2(torch.fft.rfft2(grad) * self.gain, s=self.size)
        return coarse * CHROMA + coarse.mean(1, keepdim=True) * (1 - CHROMA)


class Memory:
    """The last pairs (s, y) of steps and gradient differences, which stand for an inverse Hessian."""

    def __init__(
        self,
        history: int,
        guess: Callable[[Tensor], Tensor],
        pairs: Iterable[tuple[Tensor, Tensor, float]] = (),
        scale: float = 1.0,
    ) -> None:
        self.pairs = deque(pairs, maxlen=history)  # s, y, 1 / sᵀy
        self.guess = guess  # P: the inverse Hessian is first taken for γ P
        self.scale = scale  # γ = sᵀy / yᵀPy of the last pair

    def forget(self) -> None:
        """As if it were new."""
        self.pairs.clear()
        self.scale = 1.0

    def add(self, step: Tensor, difference: Tensor) -> None:
        """Remembers a pair, unless the function was not convex along it."""
        curvature, square = _dot(step, difference), _dot(difference, self.guess(difference))
        if curvature > 1e-10 * square > 0:
            self.pairs.append((step, difference, 1 / curvature))
            self.scale = curvature / square

    def direction(self, grad: Tensor) -> Tensor:
        """The inverse Hessian times the gradient, by the two-loop recursion (Nocedal & Wright 2006, alg. 7.4)."""
        direction = grad.clone()
        shares = []
        for step, difference, inverse in reversed(self.pairs):
            shares.append(inverse * _dot(step, direction))
            direction.sub_(difference, alpha=shares[-1])
        direction = self.guess(direction).mul_(self.scale)
        for (step, difference, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            direction.add_(step, alpha=share - inverse * _dot(difference, direction))
        return direction


def _adam(function: Function, now: Progress, evaluations: int, *, clip: bool, beta2: float) -> Iterator[Point]:
    """Adam (Kingma & Ba 2015, alg. 1), each step projected onto the box 0..1; its ε would be lost in rounding."""
    now.moments = now.moments or (torch.zeros_like(now.point.image), torch.zeros_like(now.point.image))
    first, second = now.moments
    while now.evaluations < evaluations:
        grad, count = now.point.value.grad / now.unit, now.evaluations
        first.lerp_(grad, 0.1)
        second.lerp_(grad.square(), 1 - beta2)
        step = now.size * (first / (1 - 0.9**count)) / ((second / (1 - beta2**count)).sqrt() + 1e-30)
        point = _evaluated(function, _bounded(now.point.image - step, clip))
        if not math.isfinite(point.value.loss):
            now.restarts += 1
            _check_restarts(now.restarts)
            point, now.size = now.best, now.size / 4
            first.zero_()
        now.point, now.best = point, min(now.best, point, key=lambda candidate: candidate.value.loss)
        now.evaluations += 1
        yield replace(point, progress=now)


def _bounded(image: Tensor, clip: bool) -> Tensor:
    return image.clamp_(0, 1) if clip else image


def _check_restarts(restarts: int) -> None:
    if restarts > RESTARTS:
        raise DivergedError(f"the loss is not a number, also after {RESTARTS} more careful restarts")


def _evaluated(function: Function, image: Tensor) -> Point:
    value = function(image)
    if not bool(value.grad.isfinite().all()):
        value = Value(math.nan, value.terms, value.grad)
    return Point(image, value)


def _unit(grad: Tensor) -> float:
    """A power of 2 near the largest value: without it, squares of the gradients of huge weights would overflow.

    Neither method depends on the unit of the loss, and powers of 2 change no digit.
    """
    exponent = math.frexp(float(grad.abs().max()) or 1.0)[1]
    return math.ldexp(1.0, max(-126, min(exponent, 126)))  # what float32 has


def _free(point: Point) -> Tensor:
    """1 where a pixel may move, 0 where it is at a bound and pushed beyond it."""
    image, grad = point.image, point.value.grad
    fixed = ((image <= 0) & (grad > 0)) | ((image >= 1) & (grad < 0))
    return (~fixed).to(image.dtype)


def _dot(left: Tensor, right: Tensor) -> float:
    return float(torch.dot(left.flatten(), right.flatten()))
