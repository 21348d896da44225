"""Minimising a function of a picture: L-BFGS and Adam, one evaluation at a time.

They know neither the network nor the losses: only a function from a picture to its value and gradient. Both keep
the picture inside 0..1, unless told not to, and both survive an evaluation that is not a number: back to the best
point, more carefully. L-BFGS also takes back a loss that has exploded; Adam's passes, as its steps are bounded.
What has the picture's size lies in a `Room`, and is worked on in blocks.
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
from impasto.precondition import Preconditioner, fine
from impasto.room import Room

HISTORY = 10  # pairs that L-BFGS remembers; 20 is no better: docs/method.md#optimisation
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
    hold: float = 0.0,
    progress: Progress | None = None,
    room: Room | None = None,
    known: bool = False,
) -> Iterator[Point]:
    """Yields, after each evaluation, the point that was reached; the last is the best that L-BFGS has found.

    clip: whether pixels are kept inside 0..1. learning_rate (in 0..1) and beta2 are Adam's. hold: in periods a pixel;
    structure that is coarser stays as it is. progress: of an earlier call, to go on from in place of the start. room:
    where pictures and gradients lie. known: whether the start has had a value before, so that it is asked again if it
    has none now.

    Raises:
        DivergedError: when the value is not a number at the start, or again after three more careful restarts.
    """
    room = room or Room()
    if progress is None:
        point = _evaluated(function, start, room)
        for _ in range(RESTARTS if known else 0):
            point = point if math.isfinite(point.value.loss) else _evaluated(function, start, room)
        if not math.isfinite(point.value.loss):
            raise DivergedError("the loss is not a number at the very start: the options or weights are too extreme")
        progress = Progress(
            point, point, FIRST_STEP if method == "lbfgs" else learning_rate, _unit(point.value.grad, room)
        )
        yield replace(point, progress=progress)
    if method == "lbfgs":
        yield from _lbfgs(function, progress, evaluations, room, clip=clip, hold=hold)
    else:
        yield from _adam(function, progress, evaluations, room, clip=clip, beta2=beta2, hold=hold)


def _lbfgs(
    function: Function, now: Progress, evaluations: int, room: Room, *, clip: bool, hold: float
) -> Iterator[Point]:
    """L-BFGS with unit steps (Liu & Nocedal 1989), projected onto the box 0..1.

    Step and difference of the gradients are taken between projected points, so that every pair is a true one.
    """
    memory = Memory(HISTORY, Preconditioner(now.point.image, room, hold), now.pairs, now.scale, room=room)
    free = _free if clip else _all_free
    while now.evaluations < evaluations:
        image, grad, unit = now.point.image, now.point.value.grad, now.unit
        direction = memory.direction(room.map(lambda g, x, unit=unit: g * (free(x, g) / unit), grad, image))
        room.map(lambda d, x, g: d * free(x, g), direction, image, grad, out=direction)
        if not memory.pairs:
            mean = room.each(lambda d: d.square().sum(), direction).sum() / direction.numel()
            factor = now.size / mean.sqrt().clamp_min(1e-30)
            room.map(lambda d, factor=factor: d * factor, direction, out=direction)
        moved = room.map(lambda x, d: _bounded(x - d, clip), image, direction, out=direction)
        step = _evaluated(function, moved, room)
        if not math.isfinite(step.value.loss) or step.value.loss > EXPLODED * now.best.value.loss:
            now.restarts += not math.isfinite(step.value.loss)
            _check_restarts(now.restarts)
            memory.forget()
            now.point, now.size = now.best, now.size / 4
        else:
            difference = room.map(lambda new, old, unit=unit: (new - old).div_(unit), step.value.grad, grad)
            memory.add(room.map(torch.sub, step.image, image), difference)
            now.point, now.best = step, min(now.best, step, key=lambda candidate: candidate.value.loss)
        now.evaluations, now.pairs, now.scale = now.evaluations + 1, memory.pairs, memory.scale
        yield replace(now.best if now.evaluations == evaluations else now.point, progress=now)


class Memory:
    """The last pairs (s, y) of steps and gradient differences, which stand for an inverse Hessian."""

    def __init__(
        self,
        history: int,
        guess: Callable[[Tensor], Tensor],
        pairs: Iterable[tuple[Tensor, Tensor, float]] = (),
        scale: float = 1.0,
        *,
        room: Room | None = None,
    ) -> None:
        self.pairs = deque(pairs, maxlen=history)  # s, y, 1 / sᵀy
        self.guess = guess  # P: the inverse Hessian is first taken for γ P
        self.scale = scale  # γ = sᵀy / yᵀPy of the last pair
        self.room = room or Room()

    def forget(self) -> None:
        """As if it were new."""
        self.pairs.clear()
        self.scale = 1.0

    def add(self, step: Tensor, difference: Tensor) -> None:
        """Remembers a pair, unless the function was not convex along it. Waits for the device, once."""
        products = self._dot(step, difference), self._dot(difference, self.guess(difference))
        curvature, square = torch.stack(products).tolist()
        if curvature > 1e-10 * square > 0:
            self.pairs.append((step, difference, 1 / curvature))
            self.scale = curvature / square

    def direction(self, grad: Tensor) -> Tensor:
        """The inverse Hessian times the gradient, by the two-loop recursion (Nocedal & Wright 2006, alg. 7.4).

        Its numbers stay on the device: nothing waits for them.
        """
        direction = self.room.map(torch.clone, grad)
        shares = []
        for step, difference, inverse in reversed(self.pairs):
            shares.append(inverse * self._dot(step, direction))
            self._add(direction, difference, -shares[-1])
        direction = self.guess(direction)
        self.room.map(lambda part: part * self.scale, direction, out=direction)
        for (step, difference, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            self._add(direction, step, share - inverse * self._dot(difference, direction))
        return direction

    def _dot(self, left: Tensor, right: Tensor) -> Tensor:
        return self.room.each(lambda one, other: torch.dot(one.flatten(), other.flatten()), left, right).sum()

    def _add(self, direction: Tensor, vector: Tensor, factor: Tensor) -> None:
        self.room.map(lambda one, other: torch.addcmul(one, other, factor), direction, vector, out=direction)


def _adam(
    function: Function, now: Progress, evaluations: int, room: Room, *, clip: bool, beta2: float, hold: float
) -> Iterator[Point]:
    """Adam (Kingma & Ba 2015, alg. 1), each step projected onto the box 0..1; its ε would be lost in rounding."""
    now.moments = now.moments or tuple(room.map(torch.zeros_like, now.point.image) for _ in range(2))
    first, second = now.moments
    released = fine(now.point.image, hold, room) if hold else None
    while now.evaluations < evaluations:
        count, unit, size = now.evaluations, now.unit, now.size

        def step(m: Tensor, v: Tensor, count: int = count, size: float = size) -> Tensor:
            return size * (m / (1 - 0.9**count)) / ((v / (1 - beta2**count)).sqrt() + 1e-30)

        grad = room.map(lambda g, unit=unit: g / unit, now.point.value.grad)
        room.map(lambda m, g: m.lerp(g, 0.1), first, grad, out=first)
        room.map(lambda v, g: v.lerp(g.square(), 1 - beta2), second, grad, out=second)
        change = room.map(step, first, second)
        change = released(change) if released else change
        moved = room.map(lambda x, d: _bounded(x - d, clip), now.point.image, change, out=change)
        point = _evaluated(function, moved, room)
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


def _evaluated(function: Function, image: Tensor, room: Room) -> Point:
    value = function(image)
    if not bool(room.each(lambda grad: grad.isfinite().all(), value.grad).all()):
        value = Value(math.nan, value.terms, value.grad)
    return Point(image, value)


def _unit(grad: Tensor, room: Room) -> float:
    """A power of 2 near the largest value: without it, squares of the gradients of huge weights would overflow.

    Neither method depends on the unit of the loss, and powers of 2 change no digit.
    """
    largest = float(room.each(lambda part: part.abs().max(), grad).max())
    exponent = math.frexp(largest or 1.0)[1]
    return math.ldexp(1.0, max(-126, min(exponent, 126)))  # what float32 has


def _free(image: Tensor, grad: Tensor) -> Tensor:
    """1 where a pixel may move, 0 where it is at a bound and pushed beyond it."""
    fixed = ((image <= 0) & (grad > 0)) | ((image >= 1) & (grad < 0))
    return (~fixed).to(image.dtype)


def _all_free(image: Tensor, grad: Tensor) -> Tensor:
    return torch.ones_like(image)
