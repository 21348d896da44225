"""The contact sheet: everything has its place, nothing overlaps, and the same page comes each time."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyruns import make_array

from impasto import sheet as sheets
from impasto.errors import ImageError, OptionsError
from impasto.lettering import Face
from impasto.page import Box, Page
from impasto.sheet import MAX_CELLS, Cell, Sheet, arrange, cell_label, contact_sheet

LONG = "weights = a folder/Gemälde und Zeichnungen (copy 2) of all layers relu1_1, relu2_1, relu3_1.safetensors"
COMMAND = "impasto sweep --render {} --size 2048 sheet.png"
ODD_SIZES = [(1, 1), (1000, 100), (60, 600), (300, 200), (37, 41), (700, 3)]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(make_array(height, width, seed))


def grid(rows: int, columns: int, size: tuple[int, int] = (120, 90), **texts: str) -> list[list[Cell]]:
    image = picture(*size)
    return [
        [
            Cell(label, image, texts.get("caption", "β = 10⁻⁴"), texts.get("note", COMMAND.format(label)))
            for label in (cell_label(row, column) for column in range(columns))
        ]
        for row in range(rows)
    ]


def full(rows: int, columns: int, size: tuple[int, int] = (120, 90), text: str = "α = 0.01") -> Sheet:
    """A sheet with everything on it."""
    return Sheet(
        grid(rows, columns, size, caption=text),
        title=text,
        row_headings=[text] * rows,
        column_headings=[text] * columns,
        row_title=text,
        column_title=text,
        references=[Cell("", picture(400, 300, 1), "photograph"), Cell("", picture(90, 300, 2), text)],
        footer=text,
    )


def boxes(page: Page) -> list[Box]:
    return [placed.box for placed in (*page.pictures, *page.writings)] + page.rules


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def cells_of(page: Page, columns: int) -> Iterator[list[Box]]:
    """The boxes of the grid's pictures, row by row."""
    found = [placed.box for placed in page.pictures if placed.name[0].isupper()]
    for start in range(0, len(found), columns):
        yield found[start : start + columns]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (4, 4), (2, 6), (28, 1)])
@pytest.mark.parametrize("side", [None, 60, 300])
@pytest.mark.parametrize("text", ["α = 0.01", LONG, "W" * 300])
def test_nothing_overlaps_and_nothing_leaves_the_page(rows: int, columns: int, side: int | None, text: str) -> None:
    page = arrange(full(rows, columns, text=text), side)
    assert all(not overlap(one, other) for one, other in combinations(boxes(page), 2))
    margin = min(box[0] for box in boxes(page))
    assert margin >= 40
    for left, top, right, bottom in boxes(page):
        assert margin <= left < right <= page.width - margin
        assert margin <= top < bottom <= page.height - margin


@pytest.mark.parametrize("text", ["β = 1", LONG, "β = 畫\n\0 \udcff"])
def test_text_stays_in_its_column_and_its_box(text: str) -> None:
    page = arrange(Sheet(grid(2, 3, caption=text, note=text), column_headings=[text] * 3), 100)
    lefts = [box[0] for box in next(cells_of(page, 3))]
    column = lefts[1] - lefts[0]
    assert len(page.writings) == 2 * 3 * 3 + 3
    for writing in page.writings:
        start = max(left for left in lefts if left <= writing.box[0])
        assert writing.box[2] <= start + column - 10
        assert writing.box[2] - writing.box[0] == max(map(writing.face.width, writing.lines))
        assert writing.box[3] - writing.box[1] == len(writing.lines) * writing.face.height
        assert writing.face.size >= 12  # is still read at 100 %


def test_cells_stand_in_even_rows_and_columns() -> None:
    page = arrange(Sheet(grid(3, 4), row_headings=["one", "two", "three"]))
    rows = list(cells_of(page, 4))
    for row in rows:
        assert {box[1] for box in row} == {row[0][1]}
    for column in zip(*rows, strict=True):
        assert {box[0] for box in column} == {column[0][0]}
    assert len({box[0] - before[0] for before, box in pairwise(rows[0])}) == 1
    assert len({below[0][1] - row[0][1] for row, below in pairwise(rows)}) == 1


def test_pictures_of_other_proportions_stand_on_one_line() -> None:
    row = [Cell(cell_label(0, place), picture(*size)) for place, size in enumerate(ODD_SIZES)]
    page = arrange(Sheet([row]), 200)
    sizes = [(right - left, bottom - top) for left, top, right, bottom in next(cells_of(page, 6))]
    assert sizes == [(1, 1), (200, 20), (20, 200), (200, 133), (37, 41), (200, 1)]
    assert len({placed.box[3] for placed in page.pictures}) == 1


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize("everything", [False, True])
def test_odd_pictures_alone(size: tuple[int, int], everything: bool) -> None:
    sheet = full(1, 1, size) if everything else Sheet([[Cell("A1", picture(*size))]])
    page = arrange(sheet)
    assert page.draw().size == (page.width, page.height)
    assert all(not overlap(one, other) for one, other in combinations(boxes(page), 2))


def test_pictures_are_never_enlarged_and_keep_their_pixels() -> None:
    image = picture(70, 50)
    left, top, right, bottom = next(cells_of(arrange(Sheet([[Cell("A1", image)]]), 4000), 1))[0]
    assert (right - left, bottom - top) == image.size
    page = contact_sheet([[Cell("A1", image)]], cell_side=4000)
    assert page.crop((left, top, right, bottom)).tobytes() == image.tobytes()


def test_all_of_a_large_picture_is_shown() -> None:
    """A frame of another colour is seen on all four sides of the cell."""
    image = Image.new("RGB", (1000, 600), "red")
    image.paste((0, 0, 255), (50, 50, 950, 550))
    box = next(cells_of(arrange(Sheet([[Cell("A1", image)]]), 200), 1))[0]
    shown = np.asarray(contact_sheet([[Cell("A1", image)]], cell_side=200).crop(box)).astype(int)
    assert shown.shape == (120, 200, 3)
    for edge in (shown[:3], shown[-3:], shown[:, :3], shown[:, -3:]):
        assert edge[..., 0].min() > 200
    assert shown[60, 100, 2] > 250


def test_without_being_told_cells_are_as_large_as_their_pictures_to_512() -> None:
    for size, shown in (((90, 120), (90, 120)), ((2000, 1000), (512, 256))):
        box = next(cells_of(arrange(Sheet(grid(1, 1, size))), 1))[0]
        assert (box[2] - box[0], box[3] - box[1]) == shown


def test_a_large_sheet_has_smaller_cells() -> None:
    page = arrange(Sheet(grid(40, 20, (512, 512))))
    assert page.width * page.height <= 2**26
    assert max(page.width, page.height) <= 16_383
    box = next(cells_of(page, 20))[0]
    assert 184 <= box[2] - box[0] < 512


def test_the_caption_is_beside_its_label_and_the_note_beneath() -> None:
    label, caption, note = arrange(Sheet(grid(1, 1))).writings
    assert (label.lines, caption.lines) == (("A1",), ("β = 10⁻⁴",))
    assert label.face == Face(caption.face.size, bold=True)
    assert label.box[1] == caption.box[1]
    assert label.box[2] <= caption.box[0]
    assert note.box[1] >= label.box[3]
    assert " ".join(note.lines) == COMMAND.format("A1")
    assert note.face.size < caption.face.size


def test_every_text_is_on_the_page() -> None:
    texts = {"title": "a title", "row_title": "rows", "column_title": "columns", "footer": "a footer"}
    headings: dict[str, Any] = {"row_headings": ["row 1", "row 2"], "column_headings": ["column 1", "column 2"]}
    written = [" ".join(writing.lines) for writing in arrange(Sheet(grid(2, 2), **texts, **headings)).writings]
    assert set(written) >= {*texts.values(), *headings["row_headings"], *headings["column_headings"]}


def test_row_headings_run_upwards_beside_their_pictures() -> None:
    sheet = Sheet(grid(2, 1, (120, 130)), row_headings=["α = 1", "α = 2"])
    page = arrange(sheet)
    turned = [writing for writing in page.writings if writing.turned]
    for writing, (cell,) in zip(turned, cells_of(page, 1), strict=True):
        assert writing.box[2] < cell[0]
        assert abs((writing.box[1] + writing.box[3]) - (cell[1] + cell[3])) <= 1
    upright = Face(turned[0].face.size).mask("α = 1").transpose(Image.Transpose.ROTATE_90)
    drawn = np.asarray(page.draw().crop(turned[0].box).convert("L")).astype(int)
    assert np.abs((255 - drawn) / 221 - np.asarray(upright) / 255).max() < 0.02


def test_references_stand_above_in_as_many_lines_as_they_need() -> None:
    references = [Cell("", picture(400, 300), f"style {number}") for number in range(5)]
    page = arrange(Sheet(grid(1, 2, (300, 300)), references=references))
    above = [placed.box for placed in page.pictures if placed.name.startswith("style")]
    first = next(cells_of(page, 2))[0]
    assert all(box[3] < first[1] for box in above)
    assert all(box[3] - box[1] == 180 for box in above)
    assert len({box[3] for box in above}) > 1
    assert len(page.rules) == 1


def test_rows_may_end_early() -> None:
    rows = [row[: 4 - 2 * place] for place, row in enumerate(grid(2, 4))]
    page = arrange(Sheet(rows))
    assert [placed.name for placed in page.pictures] == ["A1", "A2", "A3", "A4", "B1", "B2"]
    assert all(not overlap(one, other) for one, other in combinations(boxes(page), 2))


def test_the_page_is_white_and_has_ink() -> None:
    page = contact_sheet(grid(1, 2), title="Title")
    assert page.mode == "RGB"
    assert page.getpixel((0, 0)) == (255, 255, 255)
    assert page.getpixel((page.width - 1, page.height - 1)) == (255, 255, 255)
    assert int(np.asarray(page)[:100].min()) < 60  # the title


def test_the_same_page_each_time() -> None:
    sheet = full(2, 3)
    assert arrange(sheet).draw().tobytes() == arrange(sheet).draw().tobytes()


def test_pictures_of_any_mode_are_shown_as_they_look() -> None:
    modes = {
        "L": Image.new("L", (9, 9), 128),
        "RGBA": Image.new("RGBA", (9, 9), (128, 128, 128, 255)),
        "clear": Image.new("RGBA", (9, 9), (0, 0, 0, 0)),
        "P": Image.new("RGB", (9, 9), (128, 128, 128)).convert("P", palette=Image.Palette.ADAPTIVE),
    }
    row = [Cell(f"A{place}", image) for place, image in enumerate(modes.values())]
    page = contact_sheet([row])
    shown = [page.getpixel((box[0] + 4, box[1] + 4)) for box in next(cells_of(arrange(Sheet([row])), 4))]
    assert shown == [(128, 128, 128), (128, 128, 128), (255, 255, 255), (128, 128, 128)]


def test_labels() -> None:
    found = [cell_label(row, column) for row, column in ((0, 0), (0, 1), (1, 0), (25, 9), (26, 0), (51, 0), (52, 2))]
    assert found == ["A1", "A2", "B1", "Z10", "AA1", "AZ1", "BA3"]
    assert cell_label(26 + 26**2, 0) == "AAA1"
    labels = {cell_label(row, column) for row in range(1000) for column in range(12)}
    assert len(labels) == 12_000


def test_more_rows_than_letters() -> None:
    page = arrange(Sheet(grid(28, 2)))
    assert [placed.name for placed in page.pictures][-4:] == ["AA1", "AA2", "AB1", "AB2"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rows": []}, f"a sheet has 1 to {MAX_CELLS:,} cells, not 0"),
        ({"rows": [[], []]}, f"a sheet has 1 to {MAX_CELLS:,} cells, not 0"),
        (
            {"rows": [grid(1, 1)[0] * (MAX_CELLS + 1)]},
            rf"a sheet has 1 to {MAX_CELLS:,} cells, not {MAX_CELLS + 1:,}",
        ),
        ({"row_headings": ["a"]}, "1 headings for 2 rows: expected one for each, or none"),
        ({"column_headings": ["a"] * 4}, "4 headings for 3 columns: expected one for each, or none"),
        ({"cell_side": 0}, "the side of a cell is 1 to 60,000 pixels, not 0"),
        (
            {"rows": [grid(1, 1)[0] * 400]},
            r"the sheet would have [\d,]+ x \d+ pixels: expected at most .*, and 60,000",
        ),
    ],
)
def test_sheets_that_cannot_be(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        contact_sheet(**{"rows": grid(2, 3)} | values)


def test_pages_with_too_many_pixels_are_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_PIXELS", 10_000)
    with pytest.raises(OptionsError, match="expected at most 10,000, and 60,000 a side; take smaller cells or fewer"):
        contact_sheet(grid(1, 1))


@pytest.mark.parametrize("where", ["rows", "references"])
def test_pictures_that_cannot_be_shown(where: str) -> None:
    for image, sentence in (
        (Image.new("RGB", (0, 5)), "picture 'B7' has no pixels"),
        (Image.new("F", (5, 5), 7.0), "picture 'B7' has float samples from 7 to 7: expected 0 to 1"),
    ):
        values: dict[str, Any] = {"rows": grid(1, 1), "references": []}
        values[where] = [*values[where], [Cell("B7", image)] if where == "rows" else Cell("B7", image)]
        with pytest.raises(ImageError, match=sentence):
            contact_sheet(**values)
