"""The cells of a sweep: what is to be painted, what was, and finished ones kept in the cache folder.

A cell is kept under a hash of all that its bytes depend on: the picture, and then the record that says it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict

from impasto import atomic
from impasto.cache import cache_folder
from impasto.errors import ImageError
from impasto.image import Source
from impasto.imagefile import naming, parse, read
from impasto.limits import MAX_PIXELS
from impasto.options import Options
from impasto.output import save_image
from impasto.run import Transfer
from impasto.srgb import opaque_srgb
from impasto.states import Iterate

MOST_KEPT = 2**30  # bytes of finished cells in the cache folder


@dataclass(frozen=True)
class Combination:
    """A cell before it is painted."""

    label: str
    places: tuple[int, int]  # across and down
    options: Options
    styles: tuple[Source, ...]
    caption: str


@dataclass(frozen=True)
class Finished:
    """A cell that is painted."""

    combination: Combination
    image: Image.Image
    losses: Mapping[str, float]
    content_weight: float
    evaluations: int
    seconds: float
    recipe: Mapping[str, Any]
    kept: bool = False  # from an earlier sweep


def finished_cell(one: Combination, run: Transfer, state: Iterate) -> Finished:
    """A cell from the last state of its run."""
    return Finished(
        one,
        opaque_srgb(state.picture())[0],
        state.losses,
        state.content_weight,
        state.evaluations,
        state.seconds,
        run.recipe_of(state),
    )


def place_of(run: Transfer) -> Path:
    """Where the finished picture of a run is kept: under a hash of all that its bytes depend on."""
    return cache_folder() / "sweeps" / f"{run.identity}.png"


def keep_cell(place: Path, cell: Finished) -> None:
    """The picture, then the record that says it is whole. A cache that cannot be written is no reason to fail."""
    record = _Record(**{name: getattr(cell, name) for name in _Record.model_fields})
    with suppress(OSError, ImageError):
        place.parent.mkdir(parents=True, exist_ok=True)
        save_image(cell.image, place)
        atomic.write(place.with_suffix(".json"), record.model_dump_json().encode())
        _sweep_away(place)


def kept_cell(place: Path, one: Combination) -> Finished | None:
    """What an earlier sweep has kept there; None if that is missing or damaged."""
    try:
        record = json.loads(place.with_suffix(".json").read_text("utf-8"))
        with naming("kept cell"):
            picture = parse(read(place, MAX_PIXELS), MAX_PIXELS).convert("RGB")
        place.touch()  # used: not to be swept away soon
        return Finished(one, picture, **_Record(**record).model_dump(), kept=True)
    except (OSError, ValueError, TypeError, RecursionError):  # ImageError is a ValueError
        return None


class _Record(BaseModel):
    """What is kept of a cell beside its picture."""

    model_config = ConfigDict(extra="forbid", strict=True)

    losses: dict[str, float]
    content_weight: float
    evaluations: int
    seconds: float
    recipe: dict[str, Any]


def _sweep_away(newest: Path) -> None:
    """Removes what was used longest ago, beyond MOST_KEPT bytes; never the newest."""
    pictures = [(path.stat().st_mtime, path.stat().st_size, path) for path in newest.parent.glob("*.png")]
    room = MOST_KEPT
    for _, size, path in sorted(pictures, reverse=True):
        room -= size
        if room < 0 and path != newest:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
