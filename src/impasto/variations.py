"""A sweep: one picture for every combination of some options' values, on one sheet.

What its cells share is made once. Finished cells are kept in the cache folder under a hash of all that they depend
on, so the same command goes on where it was stopped, and a longer one makes only what is new.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from impasto import __version__
from impasto.axes import STYLE, Axis, check_varied, grid
from impasto.cells import Combination, Finished, finished_cell, keep_cell, kept_cell, place_of
from impasto.errors import ImageError, OptionsError, WeightsError
from impasto.image import Source, fit, open_picture, to_pil
from impasto.imagefile import describe, naming
from impasto.limits import MAX_PIXELS
from impasto.notation import as_typed, format_value, option_words, symbol
from impasto.options import OF_MACHINE, Options, check_together, load_preset, make_options, without_rivals
from impasto.output import save_image
from impasto.page import fitted
from impasto.recipe import recipe_metadata
from impasto.remake import FILE_OPTIONS
from impasto.run import Transfer
from impasto.shared import Shared
from impasto.sheet import USUAL_SIDE, Cell, Sheet, page_of
from impasto.sheetfile import check_sheet, check_table, save_sheet, save_table
from impasto.states import Iterate
from impasto.styles import style_source
from impasto.transfer import prepare

REFERENCE_SIDE = 256  # pixels of the photograph and the styles above the cells
RENDER = "impasto sweep --render {label} --size 2048 {sheet}"


@dataclass(eq=False)
class Sweep:
    """Cells of all combinations: iterate over it for each `Finished` one; `save` the sheet of them in the end."""

    content: Source
    styles: Sequence[Source]  # none where they are varied
    axes: Sequence[Axis]  # across, then down
    combinations: Sequence[Combination]
    base: Mapping[str, Any]  # what all cells have, as options
    finished: dict[str, Finished] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # of the cells, once they have been checked

    def __iter__(self) -> Iterator[Finished]:
        """Every cell as soon as it is there."""
        for one in self.combinations:
            if one.label not in self.finished:
                self._check_cells()
                for _ in self._states(one):
                    pass
            yield self.finished[one.label]

    def check(self, path: str | os.PathLike[str] | None = None, *, cell_side: int | None = None) -> None:
        """ImpastoError for a cell that cannot be painted or a page that cannot be written; paints nothing."""
        sizes = self._check_cells()
        blanks: dict[tuple[int, int], Image.Image] = {}
        cells = []
        for one in self.combinations:
            height, width = sizes[one.label]
            size = fitted((width, height), *(cell_side or USUAL_SIDE,) * 2)
            blanks[size] = blanks.get(size) or Image.new("1", size)
            cells.append(Cell(one.label, blanks[size], one.caption, self._command(one, path)))
        page = page_of(self._page(cells), cell_side)
        if path is not None:
            check_sheet(path, [], size=(page.height, page.width))
            with naming(f"output {describe(path)}"):
                self._check_recipe()

    def _check_cells(self) -> Mapping[str, tuple[int, int]]:
        """{label: (height, width)} of all cells, once each has been prepared."""
        if not self._sizes:
            sizes = {}
            for one in self.combinations:
                with _naming(one.label):
                    sizes[one.label] = self._run(one).materials.size
            self._sizes.update(sizes)
        return self._sizes

    def _run(self, one: Combination) -> Transfer:
        return prepare(self.content, one.styles, options=one.options, shared=self.shared)

    def states(self) -> Iterator[tuple[Combination, Iterate | None]]:
        """Every evaluation of every cell, to show or to stop; None where a cell is taken from the cache folder.

        Cells are checked before the first is painted; finished ones are left out.
        """
        self._check_cells()
        for one in self.combinations:
            if one.label not in self.finished:
                yield from self._states(one)

    def _states(self, one: Combination) -> Iterator[tuple[Combination, Iterate | None]]:
        run = self._run(one)
        place = place_of(run)
        known = kept_cell(place, one)
        if known is not None:
            self.finished[one.label] = known
            yield one, None
            return
        state = None
        for state in run:
            yield one, state
        assert state is not None
        self.finished[one.label] = finished_cell(one, run, state)
        keep_cell(place, self.finished[one.label])

    def sheet(self, name: str = "SHEET", cell_side: int | None = None) -> Image.Image:
        """The captioned page. `name` is the file's, for the commands under the cells."""
        cells = [
            Cell(one.combination.label, one.image, one.combination.caption, self._command(one.combination, name))
            for one in self
        ]
        return page_of(self._page(cells), cell_side).draw()

    def _command(self, one: Combination, path: str | os.PathLike[str] | None) -> str:
        return RENDER.format(label=one.label, sheet=Path(path).name if path else "SHEET")

    def _page(self, cells: Sequence[Cell]) -> Sheet:
        across, *down = self.axes
        width = len(across.values)
        rows = [cells[start : start + width] for start in range(0, len(cells), width)]
        title = f"{option_words(across.name)}" + (f" × {option_words(down[0].name)}" if down else "")
        return Sheet(rows, title[:1].upper() + title[1:], references=self._references)

    @cached_property
    def _references(self) -> list[Cell]:
        """Photograph and styles, small."""
        styles = [self._reference(style_source(style), "style") for style in self.styles]
        return [self._reference(self.content, "photograph"), *styles]

    def save(self, path: str | os.PathLike[str], *, cell_side: int | None = None) -> None:
        """Writes the sheet as PNG, JPEG, WebP, TIFF or PDF, with what it takes to render a cell inside."""
        if len(self.finished) < len(self.combinations):
            self.check(path, cell_side=cell_side)
        save_sheet(self.sheet(os.fspath(path), cell_side), path, recipe=self.recipe)

    def save_cells(self, folder: str | os.PathLike[str]) -> None:
        """Writes each picture as A1.png, A2.png …, its recipe inside."""
        with naming(f"cells {describe(folder)}", "cannot be written"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        for cell in self:
            save_image(cell.image, Path(folder) / f"{cell.combination.label}.png", recipe=cell.recipe)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the sheet's file holds: axes, common options and hashes; no paths and no names."""
        return self._recipe(next(iter(self)).recipe, self._hashes)

    def _recipe(self, first: Mapping[str, Any], hashes: Callable[[Axis], list[Any]]) -> dict[str, Any]:
        """The same from the first cell's, with what stands for the files on an axis."""
        axes = [
            {
                "name": axis.name,
                "values": hashes(axis) if axis.name in (STYLE, *FILE_OPTIONS) else list(map(_plain, axis.values)),
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

    def _check_recipe(self) -> None:
        """ImageError where the recipe to be will be too long for a file."""
        first, digest = self.combinations[0], "0" * 64
        options = first.options.model_dump(mode="json", exclude=OF_MACHINE)
        alike = {"options": options, "content": digest, "styles": [digest] * len(first.styles)}
        recipe_metadata("JPEG", self._recipe(alike, lambda axis: [f"sha256:{digest}"] * len(axis.values)))

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each cell: label, values, losses, and what it took."""
        rows = []
        for cell in self:
            one = cell.combination
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
        if len(self.finished) < len(self.combinations):
            check_table(path, [])
        save_table(self.table, path)

    def _reference(self, source: Source, caption: str) -> Cell:
        """A small picture of what went into the sheet."""
        limit = max(MAX_PIXELS, *(one.options.max_pixels for one in self.combinations))
        picture = open_picture(source, role=caption, longest=REFERENCE_SIDE, max_pixels=limit)
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
    style: Source | Sequence[Source] | None,
    vary: Mapping[str, Sequence[Any]],
    *,
    preset: str | os.PathLike[str] | None = None,
    **values: Any,
) -> Sweep:
    """A sheet of variations: `for cell in sweep(...)`, then `.save("sheet.png")`.

    Args:
        content, style: as for `stylize`; no style where it is varied.
        vary: one or two options, or "style", and the values of each: the first across, the second down.
        preset, **values: what all cells have.

    Raises:
        ImpastoError: for options that are impossible. What is wrong with files is found when cells are first asked
            for, before any is painted; see `Sweep.check`.
    """
    axes = [Axis(name.replace("-", "_"), tuple(given)) for name, given in vary.items()]
    styles = tuple(style) if isinstance(style, list | tuple) else () if style is None else (style,)
    if not 1 <= len(axes) <= 2 or not all(axis.values for axis in axes):
        raise OptionsError("expected one or two options to vary, each with at least one value")
    for axis in axes:
        if axis.name != STYLE and axis.name not in Options.model_fields:
            known = ", ".join([STYLE, *Options.model_fields])
            raise OptionsError(f"there is no option {axis.name!r} to vary: options are {known}")
    if bool(styles) == any(axis.name == STYLE for axis in axes):
        raise OptionsError("expected a style, or styles to vary, " + ("not both" if styles else "got neither"))
    base = make_base(preset, values, [axis.name for axis in axes])
    return Sweep(content, styles, axes, _combinations(axes, base, styles), base)


def make_base(
    preset: str | os.PathLike[str] | None, values: Mapping[str, Any], varied: Sequence[str]
) -> dict[str, Any]:
    """The options that were given, by a preset or one by one; the rest are defaults, or varied."""
    check_varied(varied, values)
    check_together(dict.fromkeys(varied, True) | dict(values))
    loaded = load_preset(preset) if preset is not None else {}
    return without_rivals(loaded, values) | dict(values)


def _combinations(axes: Sequence[Axis], base: Mapping[str, Any], styles: tuple[Source, ...]) -> list[Combination]:
    """Row by row; OptionsError that names the first cell that is impossible."""
    found = []
    for label, places in grid([len(axis.values) for axis in axes]).items():
        changes = {axis.name: axis.values[place] for axis, place in zip(axes, places, strict=False)}
        painted = (changes.pop(STYLE),) if STYLE in changes else styles
        with _naming(label):
            options = make_options(base, **changes)
        values = {axis.name: axis.shown(place, options) for axis, place in zip(axes, places, strict=False)}
        caption = ", ".join(f"{symbol(name)} = {format_value(value)}" for name, value in values.items())
        found.append(Combination(label, places, options, painted, caption))
    return found


@contextmanager
def _naming(label: str) -> Iterator[None]:
    """Errors that say which cell they are of."""
    try:
        yield
    except (ImageError, OptionsError, WeightsError) as error:
        raise type(error)(f"cell {label}: {error}") from None


def _plain(value: Any) -> Any:
    """A value as JSON and CSV have it."""
    return (
        value
        if value is None or isinstance(value, (str, int, float))
        else as_typed(tuple(value) if isinstance(value, list) else value)
    )
