"""A sweep: one picture for every combination of some options' values, on one sheet.

What its cells share is made once. Finished cells are kept in the cache folder under a hash of all that they depend
on, so the same command goes on where it was stopped, and a longer one makes only what is new.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from impasto import __version__, atomic
from impasto.axes import STYLE, Axis, check_table, grid
from impasto.cells import Combination, Finished, finished_cell, keep_cell, kept_cell, place_of
from impasto.errors import OptionsError
from impasto.image import Source, fit, open_picture, to_pil
from impasto.notation import as_typed, format_value, option_words, symbol
from impasto.options import Options, load_preset, make_options, without_rivals
from impasto.output import save_image
from impasto.remake import FILE_OPTIONS
from impasto.shared import Shared
from impasto.sheet import Cell, contact_sheet
from impasto.sheetfile import save_sheet
from impasto.states import Iterate
from impasto.styles import style_source
from impasto.transfer import prepare

REFERENCE_SIDE = 256  # pixels of the photograph and the styles above the cells
RENDER = "impasto sweep --render {label} --size 2048 {sheet}"


@dataclass(eq=False)
class Sweep:
    """Cells of all combinations: iterate over it for each `Finished` one; `save` the sheet of them in the end."""

    content: Source
    styles: Sequence[Source]
    axes: Sequence[Axis]  # across, then down
    combinations: Sequence[Combination]
    base: Mapping[str, Any]  # what all cells have, as options
    finished: dict[str, Finished] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Finished]:
        for _ in self.states():
            pass
        yield from (self.finished[one.label] for one in self.combinations)

    def states(self) -> Iterator[tuple[Combination, Iterate | None]]:
        """Every evaluation of every cell, to show or to stop; None where a cell is taken from the cache folder."""
        shared = Shared()
        for one in self.combinations:
            run = prepare(self.content, one.styles, options=one.options, shared=shared)
            place = place_of(run)
            known = kept_cell(place, one)
            if known is not None:
                self.finished[one.label] = known
                yield one, None
                continue
            state = None
            for state in run:
                yield one, state
            assert state is not None
            self.finished[one.label] = finished_cell(one, run, state)
            keep_cell(place, self.finished[one.label])

    def sheet(self, name: str = "SHEET", cell_side: int | None = None) -> Image.Image:
        """The captioned page. `name` is the file's, for the commands under the cells."""
        across, *down = self.axes
        width = len(across.values)
        cells = [
            Cell(one.label, self.finished[one.label].image, one.caption, RENDER.format(label=one.label, sheet=name))
            for one in self.combinations
        ]
        rows = [cells[start : start + width] for start in range(0, len(cells), width)]
        title = f"{option_words(across.name)}" + (f" × {option_words(down[0].name)}" if down else "")
        references = [self._reference(self.content, "photograph")]
        if STYLE not in (axis.name for axis in self.axes):
            references += [self._reference(style_source(style), "style") for style in self.styles]
        title = title[:1].upper() + title[1:]
        return contact_sheet(rows, title=title, cell_side=cell_side, references=references)

    def save(self, path: str | os.PathLike[str], *, cell_side: int | None = None) -> None:
        """Writes the sheet as PNG, JPEG, WebP, TIFF or PDF, with what it takes to render a cell inside."""
        save_sheet(self.sheet(Path(path).name, cell_side), path, recipe=self.recipe)

    def save_cells(self, folder: str | os.PathLike[str]) -> None:
        """Writes each picture as A1.png, A2.png …, its recipe inside."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for label, cell in self.finished.items():
            save_image(cell.image, Path(folder) / f"{label}.png", recipe=cell.recipe)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the sheet's file holds: axes, common options and hashes; no paths and no names."""
        first = self.finished[self.combinations[0].label].recipe
        axes = [
            {
                "name": axis.name,
                "values": self._hashes(axis)
                if axis.name in (STYLE, *FILE_OPTIONS)
                else list(map(_plain, axis.values)),
            }
            for axis in self.axes
        ]
        options = {name: value for name, value in first["options"].items() if name in self.base}
        return {
            "impasto": __version__,
            "sheet": {"axes": axes, "options": options},
            "content": first["content"],
            "styles": first["styles"],
        }

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each cell: label, values, losses, and what it took."""
        rows = []
        for one in self.combinations:
            cell = self.finished[one.label]
            places = zip(self.axes, one.places, strict=False)
            values = {axis.name: axis.shown(place, one.options) for axis, place in places}
            rows.append(
                {"cell": one.label}
                | {name: _plain(value) for name, value in values.items()}
                | {"content_weight": cell.content_weight, **cell.losses}
                | {"evaluations": cell.evaluations, "seconds": round(cell.seconds, 2)}
            )
        return rows

    def save_table(self, path: str | os.PathLike[str]) -> None:
        """Writes the table as .csv or .json."""
        check_table(path)
        rows, text = self.table, io.StringIO()
        if Path(path).suffix.lower() == ".json":
            json.dump(rows, text, indent=2)
        else:
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(text, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        atomic.write(Path(path), text.getvalue().encode())

    def _reference(self, source: Source, caption: str) -> Cell:
        """A small picture of what went into the sheet."""
        picture = open_picture(source, role=caption, longest=REFERENCE_SIDE)
        size = fit(*picture.size, min(REFERENCE_SIDE, max(picture.size)))
        return Cell("", to_pil(picture.at(*size)), caption)

    def _hashes(self, axis: Axis) -> list[Any]:
        """What the recipes of the cells have in place of the files on an axis."""
        index = list(self.axes).index(axis)
        found: dict[int, Any] = {}
        for one in self.combinations:
            recipe = self.finished[one.label].recipe
            value = recipe["styles"][0] if axis.name == STYLE else recipe["options"][axis.name]
            found.setdefault(one.places[index], value)
        return [found[place] for place in sorted(found)]


def sweep(
    content: Source,
    style: Source | Sequence[Source],
    vary: Mapping[str, Sequence[Any]],
    *,
    preset: str | os.PathLike[str] | None = None,
    **values: Any,
) -> Sweep:
    """A sheet of variations: `for cell in sweep(...)`, then `.save("sheet.png")`.

    Args:
        content, style: as for `stylize`.
        vary: one or two options, or "style", and the values of each: the first across, the second down.
        preset, **values: what all cells have.

    Raises:
        ImpastoError: for combinations that are impossible, before any is painted.
    """
    axes = [Axis(name.replace("-", "_"), tuple(given)) for name, given in vary.items()]
    styles = tuple(style) if isinstance(style, list | tuple) else (style,)
    if not 1 <= len(axes) <= 2 or not all(axis.values for axis in axes):
        raise OptionsError("expected one or two options to vary, each with at least one value")
    for axis in axes:
        if axis.name != STYLE and axis.name not in Options.model_fields:
            known = ", ".join([STYLE, *Options.model_fields])
            raise OptionsError(f"there is no option {axis.name!r} to vary: options are {known}")
    base = make_base(preset, values)
    return Sweep(content, styles, axes, _combinations(axes, base, styles), base)


def make_base(preset: str | os.PathLike[str] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by a preset or one by one; the rest are defaults."""
    loaded = load_preset(preset) if preset is not None else {}
    return without_rivals(loaded, values) | dict(values)


def _combinations(axes: Sequence[Axis], base: Mapping[str, Any], styles: tuple[Source, ...]) -> list[Combination]:
    """Row by row; OptionsError that names the first cell that is impossible."""
    found = []
    for label, places in grid([len(axis.values) for axis in axes]).items():
        changes = {axis.name: axis.values[place] for axis, place in zip(axes, places, strict=False)}
        painted = (changes.pop(STYLE),) if STYLE in changes else styles
        try:
            options = make_options(base, **changes)
        except OptionsError as error:
            raise OptionsError(f"cell {label}: {error}") from None
        values = {axis.name: axis.shown(place, options) for axis, place in zip(axes, places, strict=False)}
        caption = ", ".join(f"{symbol(name)} = {format_value(value)}" for name, value in values.items())
        found.append(Combination(label, places, options, painted, caption))
    return found


def _plain(value: Any) -> Any:
    """A value as JSON and CSV have it."""
    return (
        value
        if value is None or isinstance(value, (str, int, float))
        else as_typed(tuple(value) if isinstance(value, list) else value)
    )
