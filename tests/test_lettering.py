"""Text as pictures: all of it inside its box, and nothing that cannot be drawn."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from impasto.lettering import Face, fold

SIZES = [11, 12, 14, 17, 22, 40]
COMMAND = "impasto sweep --render B3 --size 2048 a_sheet_with_a_long_name_from_monday.png"


def pixels(text: str, size: int = 20, *, bold: bool = False) -> npt.NDArray[np.uint8]:
    return np.asarray(Face(size, bold).mask(text))


def advance(text: str, size: int = 100) -> int:
    return Face(size).width(text)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize(
    "text", ["A1", "β = 100", "α, λ", "10⁻⁴", "2.5 × 10⁻¹²", "gypsy Çelik", "ÅÉÎÖŠÑ", "−0.5", "f"]
)
def test_the_mask_has_the_size_it_says_and_holds_all_ink(text: str, size: int, bold: bool) -> None:
    face = Face(size, bold)
    mask = face.mask(text)
    assert mask.mode == "L"
    assert mask.size == (face.width(text), face.height)
    ink = np.asarray(mask)
    assert ink.max() > 150
    assert np.asarray(face.mask(text + "  ")).sum() == ink.sum()  # nothing was cut off at the right
    for edge in (ink[0], ink[-1], ink[:, 0]):
        assert edge.max() < 128  # a stroke that was cut off would be solid there


def test_the_fonts_own_letters_are_set_as_pillow_does() -> None:
    """But for the room between them: the shape of one letter is that of the font, on the same base line."""
    font = ImageFont.load_default(40)
    for letter in "Hxg1":
        ours = Face(40).mask(letter).getbbox()
        theirs = font.getmask(letter).getbbox()
        assert ours is not None
        assert theirs is not None
        assert abs((ours[2] - ours[0]) - (theirs[2] - theirs[0])) <= 1
        assert abs((ours[3] - ours[1]) - (theirs[3] - theirs[1])) <= 1


@pytest.mark.parametrize("sign", "αβλ×−")
def test_signs_that_the_font_lacks_are_drawn(sign: str) -> None:
    assert not np.array_equal(pixels(sign), pixels("?"))
    assert len({pixels(other).tobytes() for other in "αβλ×−?"}) == 6
    narrow = np.flatnonzero(pixels(sign, 100).max(axis=0))
    assert 15 < narrow[-1] - narrow[0] < 70  # a letter's width, in hundredths of an em


def test_variables_are_slanted() -> None:
    """The stem of β leans to the right: its ink high up lies further right than its ink below the base line."""
    rows = pixels("β", 100) > 128
    top, bottom = (np.flatnonzero(rows[row])[0] for row in (55, 112))
    assert top > bottom + 5


def test_exponents_are_raised_and_small() -> None:
    power, number = pixels("⁴", 100), pixels("4", 100)
    (high, low), (top, base) = ((np.flatnonzero(rows.max(axis=1))[[0, -1]]) for rows in (power, number))
    assert high < top
    assert low < base - 20
    assert 0.5 < (low - high) / (base - top) < 0.8
    assert advance("10⁻⁴") < advance("10-4") + advance("−") - advance("-")


def test_bold_is_darker_and_wider() -> None:
    assert pixels("B3", bold=True).sum() > 1.2 * pixels("B3").sum()
    assert Face(20, bold=True).width("B3") > Face(20).width("B3")


@pytest.mark.parametrize(
    ("accented", "plain"), [("é", "e"), ("ü", "u"), ("Ö", "O"), ("ç", "c"), ("č", "c"), ("å", "a")]
)
def test_accents_add_ink_and_take_no_room(accented: str, plain: str) -> None:
    assert advance(accented) == advance(plain)
    more, less = pixels(accented, 60).astype(int), pixels(plain, 60).astype(int)
    assert (more >= less).all()
    assert (more - less).sum() > 5000


@pytest.mark.parametrize(
    ("text", "drawn"),
    [("畫", "?"), ("\udcff", "?"), ("\0", "?"), ("ß", "ss"), ("ﬃ", "ffi"), ("–", "-"), ("ø", "o"), ("e\u0332", "e")],
)
def test_what_stands_in(text: str, drawn: str) -> None:
    assert np.array_equal(pixels(text), pixels(drawn))


def test_two_hyphens_stay_two_in_small_type() -> None:
    columns = pixels("--", 12).max(axis=0)
    inked = np.flatnonzero(columns > 40)
    assert (columns[inked[0] : inked[-1]] < columns.max() * 0.75).any()


def test_text_is_folded_at_spaces() -> None:
    face = Face(14)
    assert fold("relu1_1, relu2_1, relu3_1", face, face.width("relu1_1, relu2_1,"), 2) == [
        "relu1_1, relu2_1,",
        "relu3_1",
    ]
    assert fold("  a\n\tb ", face, 100, 1) == ["a b"]
    assert fold("", face, 100, 2) == []
    assert fold(" \n", face, 100, 2) == []


def test_a_long_word_is_cut_into_lines() -> None:
    face = Face(14)
    lines = fold("x" * 40, face, face.width("x" * 20), 2)
    assert lines == ["x" * 20] * 2


def test_the_longest_word_is_shortened_first_and_in_its_middle() -> None:
    face = Face(12)
    lines = fold(COMMAND, face, face.width("impasto sweep --render B3"), 3)
    text = " ".join(lines)
    assert text.startswith("impasto sweep --render B3 --size 2048 a_sheet")
    assert text.endswith("monday.png")
    assert text.count("…") == 1


def test_then_the_middle_of_all() -> None:
    face = Face(12)
    (line,) = fold("relu1_1, relu2_1, relu3_1, relu4_1, relu5_1", face, 150, 1)
    assert line.startswith("relu1_1")
    assert line.endswith("5_1")
    assert line.count("…") == 1


def test_as_much_is_kept_as_fits() -> None:
    face = Face(12)
    (line,) = fold("x" * 500, face, 200, 1)
    assert 200 - 2 * face.width("x") < face.width(line) <= 200


@settings(deadline=None)  # the first use of a letter draws it
@given(
    text=st.text(max_size=200),
    width=st.integers(12, 400),
    lines=st.integers(1, 4),
    size=st.sampled_from([11, 12]),
)
def test_nothing_leaves_its_place(text: str, width: int, lines: int, size: int) -> None:
    face = Face(size)
    folded = fold(text, face, width, lines)
    assert len(folded) <= lines
    assert all(face.width(line) <= width or len(line) == 1 for line in folded)
    assert bool(folded) == bool(text.split())
    assert folded == fold(text, face, width, lines)
    for line in folded:
        assert face.mask(line).width == max(1, face.width(line))


def test_a_very_long_text_is_quick() -> None:
    assert len(fold("word " * 100_000, Face(14), 300, 3)) <= 3
