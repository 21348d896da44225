"""The axes of a sheet of variations: what is varied, the cells' places, and a saved sheet's way back to one cell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import ImageError, OptionsError
from impasto.notation import as_typed
from impasto.options import OF_FILE, without_rivals
from impasto.remake import FILE_OPTIONS, are_options, are_texts
from impasto.sheet import MAX_CELLS, cell_label

if TYPE_CHECKING:
    from impasto.options import Options

STYLE = "style"  # the axis that no option is: another painting for each value


@dataclass(frozen=True)
class Axis:
    """An option, or the style, and the values that it takes."""

    name: str
    values: tuple[Any, ...]

    def shown(self, place: int, options: Options) -> Any:
        """A value as captions have it: what has become of it among the options."""
        if self.name not in (STYLE, *FILE_OPTIONS):
            return getattr(options, self.name)
        value = self.values[place]
        parts = value if isinstance(value, (list, tuple)) else [value]
        names = [Path(part).stem if isinstance(part, (str, os.PathLike)) else f"{place + 1}" for part in parts]
        return ", ".join(names)


def parse_axis(text: str) -> tuple[str, list[str]]:
    """`"tv-weight=0.01,1"` -> ("tv_weight", ["0.01", "1"]); values that hold commas are parted by semicolons."""
    name, equals, values = text.partition("=")
    parts = [part.strip() for part in values.split(";" if ";" in values else ",")]
    if not (name.strip() and equals and all(parts)):
        raise OptionsError(f"--vary: expected OPTION=VALUE,VALUE,… such as tv-weight=0.01,1,100, not {text!r}")
    return name.strip().replace("-", "_"), parts


def check_varied(varied: Sequence[str], values: Mapping[str, Any]) -> None:
    """OptionsError for an option that is varied and given besides, or that is about the file of one picture."""
    for name in varied:
        if values.get(name) is not None:
            raise OptionsError(f"{name}: it is varied, and cannot be {as_typed(values[name])} besides")
    for name in OF_FILE & {*varied, *values}:
        raise OptionsError(f"{name}: it is about the file of a single picture, and a sheet is always 8-bit sRGB")


def grid(lengths: Sequence[int]) -> dict[str, tuple[int, int]]:
    """{label: (place across, place down)}, row by row, for the number of values on one or two axes.

    OptionsError for more cells than a sheet has.
    """
    columns, rows = lengths[0], lengths[1] if len(lengths) > 1 else 1
    if columns * rows > MAX_CELLS:
        raise OptionsError(f"a sheet has 1 to {MAX_CELLS:,} cells, not {columns * rows:,}")
    return {cell_label(row, column): (column, row) for row in range(rows) for column in range(columns)}


def render_options(
    recipe: Mapping[str, Any], label: str, sheet: str = "the picture"
) -> tuple[dict[str, Any], list[str]]:
    """Options, and hashes of the styles, of one cell of a saved sheet, which errors call by that name.

    Raises ImageError for no recipe of a sheet.
    """
    no_sheet = ImageError(f"{sheet} holds no recipe of a sheet: expected one that `impasto sweep` wrote")
    table = recipe.get("sheet")
    table = table if isinstance(table, dict) else {}
    axes, options, styles = table.get("axes"), table.get("options"), recipe.get("styles")
    if not (isinstance(axes, list) and 1 <= len(axes) <= 2 and all(map(_is_axis, axes))):
        raise no_sheet
    cells = grid([len(axis["values"]) for axis in axes])
    if not (are_options(options) and are_texts(styles) and isinstance(recipe.get("content"), str)):
        raise no_sheet
    if label.upper() not in cells:
        raise OptionsError(f"the sheet has no cell {label!r}: they go from A1 to {list(cells)[-1]}")
    changes = {axis["name"]: axis["values"][place] for axis, place in zip(axes, cells[label.upper()], strict=False)}
    if STYLE in changes:
        styles = [changes.pop(STYLE)]
    return without_rivals(options, changes) | changes, styles


def _is_axis(axis: object) -> bool:
    """Whether this part of a recipe has a name and values, of files their hashes."""
    if not (isinstance(axis, dict) and isinstance(axis.get("name"), str)):
        return False
    name, values = axis["name"], axis.get("values")
    if not (isinstance(values, list) and values):
        return False
    return are_texts(values) if name == STYLE else all(are_options({name: value}) for value in values)
