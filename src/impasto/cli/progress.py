"""The progress display on a terminal: scale, evaluation, loss, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.transfer import Iterate

    Watch = Callable[[Iterate], None]


class Estimate:
    """Seconds left. An evaluation costs in proportion to its pixels, so to the square of its scale."""

    def __init__(self, steps: Sequence[int]) -> None:
        """`steps`: evaluations at each scale, coarsest first."""
        self._steps = steps
        self._rate: float | None = None  # seconds a unit of work, at this scale or the one before
        self._first: Iterate | None = None  # evaluation at this scale

    def work(self, state: Iterate) -> tuple[float, float]:
        """What is done and what there is in all, in pixels of squares."""
        index = state.scales.index(state.scale)
        costs = [count * scale**2 for count, scale in zip(self._steps, state.scales, strict=True)]
        return sum(costs[:index]) + state.step * state.scale**2, sum(costs)

    def seconds_left(self, state: Iterate) -> float | None:
        """To be asked after every evaluation; None where nothing can be said yet."""
        if self._first is None or self._first.scale != state.scale:
            self._first = state
        elif state.step > self._first.step:
            work = (state.step - self._first.step) * state.scale**2
            self._rate = (state.seconds - self._first.seconds) / work
        done, total = self.work(state)
        return None if self._rate is None else self._rate * (total - done)


@contextmanager
def progress_display(shown: bool) -> Iterator[Callable[[Sequence[int]], Watch]]:
    """Shows that something is going on until the returned function is told the evaluations at each scale.

    That function returns the one to call with every Iterate. Without `shown` both do nothing.
    """
    if not shown:
        yield lambda _steps: lambda _state: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("getting ready", total=None, now="")

        def begin(steps: Sequence[int]) -> Watch:
            estimate = Estimate(steps)

            def watch(state: Iterate) -> None:
                done, total = estimate.work(state)
                texts = {"description": _where(state), "now": _now(state, estimate.seconds_left(state))}
                progress.update(task, completed=done, total=total, **texts)  # type: ignore[arg-type]

            return watch

        yield begin


def _where(state: Iterate) -> str:
    return f"{state.scale} px ({state.scales.index(state.scale) + 1} of {len(state.scales)})"


def _now(state: Iterate, left: float | None) -> str:
    wait = "" if left is None else f", {_clock(left)} left"
    return f"evaluation {state.step} of {state.steps}, loss {state.losses['total']:.3g}{wait}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
