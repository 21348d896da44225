"""The progress display on a terminal: scale, evaluation, loss, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.cli.messages import clock

if TYPE_CHECKING:
    from impasto.transfer import Iterate

    Watch = Callable[[Iterate], None]

Parts = Sequence[tuple[int, float]]
"""Of each scale, coarsest first: how many evaluations, and what one costs in seconds of some machine."""


class Remaining:
    """Seconds left: what the model of costs says of the rest, corrected by how long the last part took."""

    def __init__(self, parts: Parts) -> None:
        self._costs = [cost for _, cost in parts]
        self._scales = [steps * cost for steps, cost in parts]
        self._rate: float | None = None  # seconds here of a second there, at this scale or the one before
        self._first: Iterate | None = None  # evaluation at this scale

    def work(self, state: Iterate) -> tuple[float, float]:
        """What is done and what there is in all, in seconds of that machine."""
        index = state.scales.index(state.scale)
        return sum(self._scales[:index]) + state.step * self._costs[index], sum(self._scales)

    def seconds_left(self, state: Iterate) -> float | None:
        """To be asked after every evaluation; None where nothing can be said yet."""
        if self._first is None or self._first.scale != state.scale:
            self._first = state
        elif state.step > self._first.step:
            work = (state.step - self._first.step) * self._costs[state.scales.index(state.scale)]
            self._rate = (state.seconds - self._first.seconds) / work
        done, total = self.work(state)
        return None if self._rate is None else self._rate * (total - done)


@contextmanager
def progress_display(shown: bool) -> Iterator[Callable[[Parts], Watch]]:
    """Shows that something is going on until the returned function is told the scales.

    That function returns the one to call with every Iterate. Without `shown` both do nothing.
    """
    if not shown:
        yield lambda _parts: lambda _state: None
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

        def begin(parts: Parts) -> Watch:
            remaining = Remaining(parts)

            def watch(state: Iterate) -> None:
                done, total = remaining.work(state)
                texts = {"description": _where(state), "now": _now(state, remaining.seconds_left(state))}
                progress.update(task, completed=done, total=total, **texts)  # type: ignore[arg-type]

            return watch

        yield begin


def _where(state: Iterate) -> str:
    return f"{state.scale} px ({state.scales.index(state.scale) + 1} of {len(state.scales)})"


def _now(state: Iterate, left: float | None) -> str:
    wait = "" if left is None else f", {clock(left)} left"
    return f"evaluation {state.step} of {state.steps}, loss {state.losses['total']:.3g}{wait}"
