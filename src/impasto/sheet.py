"""The contact sheet: many pictures on one white page, captioned as a figure in a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

from impasto.errors import ImageError, OptionsError
from impasto.lettering import Face, fold
from impasto.limits import MAX_PIXELS
from impasto.page import GREY, Page, fitted

MAX_CELLS = 2_000
LONGEST_SIDE = 60_000  # pixels of a page: a PDF ends there
USUAL_SIDE = 512  # of a cell's picture, where none is asked for
_WISHED_PIXELS, _WISHED_SIDE = 2**26, 16_383  # of the page then: viewers open it at ease, and WebP holds it
_NARROWEST = 184  # pixels of a column, whatever its pictures: a command has to fit beneath
_SHORTEST_ROW = 96  # pixels for a heading that runs along it
_LINES = 3  # of a caption, of a note and of a heading


@dataclass(frozen=True)
class Cell:
    """A picture of a sheet, of any size and mode, and what is written under it.

    label: in bold, such as B3. caption: beside it, such as "β = 100". note: small, beneath both.
    """

    label: str
    image: Image.Image
    caption: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.label or self.caption


@dataclass(frozen=True)
class Sheet:
    """What goes on a page; see `contact_sheet`."""

    rows: Sequence[Sequence[Cell]]
    title: str = ""
    row_headings: Sequence[str] = ()
    column_headings: Sequence[str] = ()
    row_title: str = ""
    column_title: str = ""
    references: Sequence[Cell] = ()
    footer: str = ""

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        return [cell for row in self.rows for cell in row]

    @property
    def columns(self) -> int:
        """Of the longest row."""
        return max(map(len, self.rows), default=0)


def cell_label(row: int, column: int) -> str:
    """The name of a cell, rows and columns counted from 0: A1, A2, B1 …, and AA1 after Z1."""
    letters, row = "", row + 1
    while row:
        row, letter = divmod(row - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{column + 1}"


def contact_sheet(
    rows: Sequence[Sequence[Cell]],
    *,
    title: str = "",
    row_headings: Sequence[str] = (),
    column_headings: Sequence[str] = (),
    row_title: str = "",
    column_title: str = "",
    references: Sequence[Cell] = (),
    cell_side: int | None = None,
    footer: str = "",
) -> Image.Image:
    """A page with all cells alike, as "RGB" in sRGB: the same bytes on every machine that has the same Pillow.

    Pictures are fitted into squares of `cell_side` pixels, never enlarged or cropped; if not given, that is 512,
    or less on a page that would be unwieldy. Text that is too long for its place loses its middle to "…".
    headings: one for each row or column, or none; a title stands over all of them. references: the photograph
    and the styles, say, smaller and above. Raises OptionsError for a page that cannot be, and ImageError for a
    picture that cannot be shown.
    """
    sheet = Sheet(rows, title, row_headings, column_headings, row_title, column_title, references, footer)
    return page_of(sheet, cell_side).draw()


def page_of(sheet: Sheet, cell_side: int | None = None) -> Page:
    """The page before it is drawn, with the errors of `contact_sheet`: pictures count by their sizes alone."""
    _check(sheet, cell_side)
    page = arrange(sheet, cell_side)
    if page.width * page.height > MAX_PIXELS or max(page.width, page.height) > LONGEST_SIDE:
        raise OptionsError(
            f"the sheet would have {page.width:,} x {page.height:,} pixels: expected at most {MAX_PIXELS:,}, and"
            f" {LONGEST_SIDE:,} a side; take smaller cells or fewer of them"
        )
    return page


def arrange(sheet: Sheet, cell_side: int | None = None) -> Page:
    """Where everything on a sheet lies; for `cell_side` see `contact_sheet`."""
    if cell_side is not None:
        return _Arrangement(sheet, cell_side).arrange()
    side = min(USUAL_SIDE, max(max(cell.image.size) for cell in sheet.cells))
    page = _Arrangement(sheet, side).arrange()
    while side > _NARROWEST and not _is_handy(page):  # below, smaller pictures would save little
        side = max(_NARROWEST, side * 4 // 5)
        page = _Arrangement(sheet, side).arrange()
    return page


def _is_handy(page: Page) -> bool:
    return page.width * page.height <= _WISHED_PIXELS and max(page.width, page.height) <= _WISHED_SIDE


def _check(sheet: Sheet, cell_side: int | None) -> None:
    if not 1 <= len(sheet.cells) <= MAX_CELLS:
        raise OptionsError(f"a sheet has 1 to {MAX_CELLS:,} cells, not {len(sheet.cells):,}")
    for cell in (*sheet.cells, *sheet.references):
        if min(cell.image.size) < 1:
            raise ImageError(f"picture {cell.name!r} has no pixels")
    if cell_side is not None and not 1 <= cell_side <= LONGEST_SIDE:
        raise OptionsError(f"the side of a cell is 1 to {LONGEST_SIDE:,} pixels, not {cell_side:,}")
    for name, headings, expected in (
        ("rows", sheet.row_headings, len(sheet.rows)),
        ("columns", sheet.column_headings, sheet.columns),
    ):
        if len(headings) not in (0, expected):
            raise OptionsError(f"{len(headings)} headings for {expected} {name}: expected one for each, or none")


_Slot: TypeAlias = tuple[Cell, tuple[int, int], int, int]  # a reference, its picture's size, left and width


class _Arrangement:
    """Measures that all parts of a page share, and the parts, each placed beneath the one before."""

    def __init__(self, sheet: Sheet, side: int) -> None:
        self.sheet = sheet
        self.sizes = [fitted(cell.image.size, side, side) for cell in sheet.cells]
        shortest = _SHORTEST_ROW * any(sheet.row_headings)
        self.box = max(width for width, _ in self.sizes), max(shortest, *(height for _, height in self.sizes))
        self.column = max(self.box[0], _NARROWEST)
        self.caption = Face(min(22, max(14, self.column // 22)))
        self.label = Face(self.caption.size, bold=True)
        self.note = Face(min(14, max(12, self.column // 30)))
        self.gap = self.caption.size // 2
        self.gutter = round(1.6 * self.caption.size)
        self.margin = 2 * self.gutter
        self.left = self.margin + self._aside()
        self.right = self.left + sheet.columns * (self.column + self.gutter) - self.gutter
        self.page = Page(self.right + self.margin)

    def _aside(self) -> int:
        """The width of what stands along the left side of the grid."""
        folds = (fold(heading, self.caption, self.box[1], _LINES) for heading in self.sheet.row_headings)
        lines = bool(self.sheet.row_title) + max(map(len, folds), default=0)
        return lines * self.caption.height + bool(lines) * self.gap

    def arrange(self) -> Page:
        y = self._place_title(self.margin)
        y = self._place_references(y)
        y = self._place_column_headings(y)
        y = self._place_rows(y)
        y = self._place_footer(y)
        self.page.height = y + self.margin
        return self.page

    def _place_title(self, y: int) -> int:
        face = Face(round(1.7 * self.caption.size))
        bottom = self.page.write(self.sheet.title, face, self.margin, y, self.right - self.margin, lines=_LINES)
        return bottom + (bottom > y) * self.gutter

    def _place_references(self, y: int) -> int:
        """Side by side while there is room, then in a further line; a thin rule parts them from the cells."""
        left, line = self.margin, list[_Slot]()
        for reference in self.sheet.references:
            size = fitted(reference.image.size, self.right - self.margin, max(96, self.box[1] * 3 // 5))
            width = min(self.right - self.margin, max(size[0], 14 * self.caption.size))
            if line and left + width > self.right:
                y, left, line = self._place_line(line, y) + self.gutter, self.margin, []
            line.append((reference, size, left, width))
            left += width + self.gutter
        if not line:
            return y
        y = self._place_line(line, y) + self.gutter
        self.page.rule(self.margin, self.right, y)
        return y + self.gutter

    def _place_line(self, line: list[_Slot], top: int) -> int:
        bottom = top + max(height for _, (_, height), _, _ in line)
        for reference, size, left, _ in line:
            self.page.show(reference.image, size, left, bottom, reference.name)
        return max(self._place_text(reference, left, bottom, width) for reference, _, left, width in line)

    def _place_column_headings(self, y: int) -> int:
        top = y
        y = self.page.write(self.sheet.column_title, self.label, self.left, y, self.right - self.left)
        if y > top:
            self.page.rule(self.left, self.right, y + 2)
            y += self.gap
        bottom = y
        for column, heading in enumerate(self.sheet.column_headings):
            left = self._column_left(column)
            bottom = max(bottom, self.page.write(heading, self.caption, left, y, self.column, lines=_LINES))
        return bottom + (bottom > top) * self.gap

    def _place_rows(self, y: int) -> int:
        sizes, top = iter(self.sizes), y
        for index, row in enumerate(self.sheet.rows):
            y += (index > 0) * self.gutter
            bottom = y + self.box[1]
            self._place_row_heading(index, y, bottom)
            y = bottom
            for column, cell in enumerate(row):
                self.page.show(cell.image, next(sizes), self._column_left(column), bottom, cell.name)
                y = max(y, self._place_text(cell, self._column_left(column), bottom, self.column))
        self.page.write_turned(self.sheet.row_title, self.label, self.margin, (self.margin, top, self.left, y))
        return y

    def _place_row_heading(self, index: int, top: int, bottom: int) -> None:
        if self.sheet.row_headings:
            left = self.margin + bool(self.sheet.row_title) * self.caption.height
            box = (left, top, self.left, bottom)
            self.page.write_turned(self.sheet.row_headings[index], self.caption, left, box, lines=_LINES)

    def _place_text(self, cell: Cell, left: int, top: int, width: int) -> int:
        """The label, the caption beside it and the note beneath both; returns their bottom."""
        top += self.gap
        y = self.page.write(cell.label, self.label, left, top, width)
        indent = (y > top) * (self.label.width(cell.label) + self.gap)
        y = max(y, self.page.write(cell.caption, self.caption, left + indent, top, width - indent, lines=_LINES))
        return self.page.write(cell.note, self.note, left, y + 2, width, lines=_LINES, ink=GREY)

    def _place_footer(self, y: int) -> int:
        top = y + self.gutter
        width = self.right - self.margin
        bottom = self.page.write(self.sheet.footer, self.note, self.margin, top, width, lines=2 * _LINES, ink=GREY)
        return bottom if bottom > top else y

    def _column_left(self, column: int) -> int:
        return self.left + column * (self.column + self.gutter)
