"""What a run tells: notes on stderr, and on stdout one line or the whole record as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.messages import clock, say, shown, table
from impasto.memory import shown as size

if TYPE_CHECKING:
    from impasto.cost import Estimate
    from impasto.transfer import Iterate


class Report:
    """Of one run, which begins now."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._began = time.perf_counter()
        self._notes: list[str] = []

    @property
    def shows_progress(self) -> bool:
        return not self._quiet and sys.stderr is not None and sys.stderr.isatty()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self._began

    def notes(self, notes: Sequence[str]) -> None:
        """What could not be honoured."""
        self._notes += notes
        for note in notes if not self._quiet else []:
            say(f"note: {note}")

    def estimate(self, estimate: Estimate) -> None:
        """What a run will take."""
        record = {
            "seconds": round(estimate.seconds, 1),
            "peak_memory": estimate.memory,
            "disk": estimate.disk,
            "scales": [asdict(cost) for cost in estimate.scales],
        }
        if self._as_json:
            click.echo(json.dumps(record, indent=2))
            return
        rows = [("scale", "pixels", "evaluations", "tiles", "time", "memory")]
        rows += [
            (
                str(cost.scale), f"{cost.width} x {cost.height}", str(cost.evaluations), str(cost.tiles),
                clock(cost.seconds), size(cost.memory),
            )
            for cost in estimate.scales
        ]  # fmt: skip
        for row in table(rows):
            click.echo(row)
        place = f", and {size(estimate.disk)} of disk meanwhile" if estimate.disk else ""
        click.echo(f"in all {clock(estimate.seconds)}, at most {size(estimate.memory)} of memory{place}")

    def picture(
        self,
        path: str,
        size: tuple[int, int],
        state: Iterate,
        *,
        recipe: Mapping[str, Any],
        peak_memory: int,
    ) -> None:
        """What is in the file now: `size` is (width, height), `peak_memory` in bytes."""
        seconds = self.seconds
        record = {
            "output": path,
            "size": size,
            "seconds": round(seconds, 3),
            "evaluations": state.evaluations,
            "peak_memory": peak_memory,
            "losses": state.losses,
            "content_weight": state.content_weight,
            "recipe": recipe,
            "notes": self._notes,
            "interrupted": not state.last,
        }
        if self._as_json:
            click.echo(json.dumps(record, indent=2))
        elif state.last and not self._quiet:
            click.echo(f"{shown(path)}: {size[0]} x {size[1]} pixels in {seconds:.1f} s")


def kept(path: str, state: Iterate) -> str:
    """What became of a run that has ended early."""
    if state.last:
        return f"the picture was finished: {shown(path)}"
    where = f"{state.scale} px, after {state.evaluations} evaluation{'s' * (state.evaluations != 1)}"
    return f"kept the picture as it was at {where}: {shown(path)}"
