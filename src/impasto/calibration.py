"""How fast this machine evaluates and improves pictures: timed once for each network, and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from impasto.cache import remember, remembered
from impasto.device import circumstances, timed
from impasto.objective import from_images
from impasto.optimize import Memory
from impasto.precondition import Preconditioner
from impasto.tiles import plan, sum_statistics, value_and_grad
from impasto.vgg import Encoder
from impasto.views import Load

FILE = "cost.json"  # in the cache folder
SIDE = 384  # pixels of the picture that is timed
ROUNDS = 3
LEAST, MOST = 1e-18, 1.0  # seconds of a multiplication of the fastest machine, and of a position of the slowest
PAIRS = 6  # that L-BFGS remembers on average


@dataclass(frozen=True)
class Rate:
    """Seconds of a network, by what it has to do; see `views.Load`."""

    shallow: float  # a position
    deep: float  # a multiplication

    def seconds(self, load: Load) -> float:
        """Of a picture, or of a tile."""
        return self.shallow * load.shallow + self.deep * load.deep


@dataclass(frozen=True)
class Speed:
    """Of one network on this machine."""

    forward: Rate  # features and their statistics
    evaluation: Rate  # those, and the gradient
    step: float  # seconds of the optimiser, a pixel


def speed(encoder: Encoder, key: str, style_layers: tuple[str, ...], content_layers: tuple[str, ...]) -> Speed:
    """From the cache folder, or timed now: a few seconds. key: the weights, and how they are computed."""
    name = f"{circumstances(str(encoder.workspace.device))}, {key}"
    known = remembered(FILE)
    try:
        found = known[name]
        forward, evaluation = (
            Rate(*(_seconds(found[part][kind]) for kind in ("shallow", "deep"))) for part in ("forward", "evaluation")
        )
        return Speed(forward, evaluation, _seconds(found["step"]))
    except (KeyError, TypeError, ValueError):
        pass
    try:
        speeds = _timed(encoder, style_layers, content_layers)
    finally:  # also of a timing that is interrupted
        encoder.clear()
    remember(FILE, known | {name: asdict(speeds)})
    return speeds


def _seconds(number: object) -> float:
    """A time that was remembered. TypeError or ValueError for what no machine takes."""
    if not isinstance(number, float):
        raise TypeError("expected a number with a fraction")
    if not LEAST <= number <= MOST:
        raise ValueError("expected the seconds of a part of a picture")
    return number


def _timed(encoder: Encoder, style_layers: tuple[str, ...], content_layers: tuple[str, ...]) -> Speed:
    device = encoder.workspace.device
    picture = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device)
    objective = from_images(
        encoder, picture, [picture],
        content_layers=dict.fromkeys(content_layers, 1.0), style_layers=dict.fromkeys(style_layers, 1.0),
        content_weight=1, style_weight=1, tv_weight=1, tile=None,
    )  # fmt: skip
    whole = plan(SIDE, SIDE, None, encoder.halo, encoder.stride)[0]
    part = plan(SIDE, SIDE, SIDE // 3 // encoder.stride * encoder.stride or 1, encoder.halo, encoder.stride)
    tiles = [whole, *part[len(part) // 2 :][:1]]  # with few and with many positions of the first block for the rest
    loads = [encoder.load(tile.crop_size, tile.inner) for tile in tiles]
    passes = [
        [fastest(partial(passed, picture, encoder, objective, [tile]), device) for tile in tiles]
        for passed in (sum_statistics, value_and_grad)
    ]
    forward, evaluation = (_rate(loads, seconds) for seconds in passes)
    return Speed(forward, evaluation, fastest(_step(picture), device) / SIDE**2)


def fastest(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of a few: what else the machine does meanwhile is not ours."""
    return min([timed(call, device) for _ in range(ROUNDS + 1)][1:])  # the first one warms up


def _rate(loads: list[Load], seconds: list[float]) -> Rate:
    """What both measurements have in common; one number for both kinds of work where that makes no sense."""
    (one, other), (first, second) = loads, seconds
    determinant = one.shallow * other.deep - other.shallow * one.deep
    if determinant:
        shallow = (first * other.deep - second * one.deep) / determinant
        deep = (one.shallow * second - other.shallow * first) / determinant
        if shallow > 0 and deep > 0:
            return Rate(shallow, deep)
    even = first / (one.shallow * _POSITION + one.deep)
    return Rate(even * _POSITION, even)


_POSITION = 9 * 64 * 64  # multiplications of the first block's second layer, a position


def _step(picture: Tensor) -> Callable[[], object]:
    """What L-BFGS does between two evaluations."""
    memory = Memory(PAIRS, Preconditioner(picture))
    for number in range(PAIRS):
        moved = picture * (1 + number)
        memory.add(moved, moved)

    def step() -> None:
        direction = memory.direction(picture)
        memory.add(direction, (picture - direction).add_(direction))
        (picture - direction).clamp_(0, 1).isfinite().all()

    return step
