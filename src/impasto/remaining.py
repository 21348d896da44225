"""How long a run still takes: what the model of costs says of the rest, corrected by how long the last part took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.transfer import Iterate

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
