"""The progress display on a terminal: scale, evaluation, loss, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.cli.messages import clock
from impasto.remaining import Parts, Remaining

if TYPE_CHECKING:
    from impasto.transfer import Iterate

    Watch = Callable[[Iterate], None]


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
