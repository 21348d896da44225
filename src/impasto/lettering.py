"""Text as pictures, in the one font that Pillow carries with it: the same pixels on every machine.

That font, Aileron, holds ASCII and little more. Greek letters, the signs of arithmetic and accents are drawn here;
exponents are raised digits; of what is left, the letter without its marks or a question mark stands in.
"""

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from PIL import Image, ImageDraw, ImageFont

_EXPONENTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789−+", strict=True))
_RAISED_SIZE, _RAISED_BY = 0.66, 0.36  # of the font's size
_INSTEAD = str.maketrans(
    {"–": "-", "—": "-", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "ł": "l", "Ł": "L"}
)

# Advance, then strokes of a sign: corners (x, y) of cubic Bézier curves laid end to end, in hundredths of an em,
# y upwards from the base line. Neighbouring curves share a corner
_DRAWN: dict[str, tuple[int, tuple[str, ...]]] = {
    "α": (60, ("49 50 43 22 35 1 21 1  10 1 5 12 5 25  5 40 12 51 22 51  40 51 36 1 53 2",)),
    "β": (
        56,
        (
            "7 -19 7 5 7 30 7 52  7 66 14 73 25 73  35 73 42 67 42 57  42 46 35 40 21 40"
            "  37 40 46 33 46 20  46 8 38 1 26 1  17 1 10 5 7 12",
        ),
    ),
    "λ": (54, ("7 72 15 73 18 70 21 61  27 43 33 24 38 10  41 2 44 0 50 1", "25 47 19 32 12 16 6 2")),
    "×": (58, ("11 10 23 22 35 34 47 46", "11 46 23 34 35 22 47 10")),
    "−": (58, ("8 28 22 28 36 28 50 28",)),
}
# Accents, about the middle of the letter before them; over a small letter, and so much higher over a tall one
_MARKS: dict[str, tuple[str, ...]] = {
    "\u0300": ("-10 73 -6 70 -2 66 2 62",),
    "\u0301": ("10 73 6 70 2 66 -2 62",),
    "\u0302": ("-12 62 -5 72 -2 73 0 73  2 73 5 72 12 62",),
    "\u0303": ("-13 64 -8 75 -3 68 0 67  3 66 8 60 13 71",),
    "\u0308": ("-11 66 -11 66 -11 66 -11 66", "11 66 11 66 11 66 11 66"),
    "\u030a": ("0 60 11 60 11 76 0 76  -11 76 -11 60 0 60",),
    "\u030c": ("-12 73 -5 63 -2 62 0 62  2 62 5 63 12 73",),
    "\u0327": ("2 -2 8 -9 10 -17 -8 -16",),
}
_BASE = 1.04  # ems from the top of a line to its base: capitals carry accents
_RISE, _TALL = 17, set("bdfhijklt") | set(map(chr, range(65, 91)))
_SLANTED, _SLANT = "αβλ", 0.18  # a variable is in italics
_STROKE = 7.2  # the width of the font's own strokes, in hundredths of an em
_BOLD = 0.026  # what bold adds on each side: the font has one weight
_LOOSER = 6  # pixels between letters, divided by the size: small type is set wider
_SHORTEST = 12  # letters that a word is shortened to, and no further
_FINER = 8  # strokes are drawn this much larger, and reduced


@dataclass(frozen=True)
class Sign:
    """One character as it is set; an accent knows the letter that it belongs to, and takes no room."""

    char: str
    raised: bool = False
    letter: str = ""


@dataclass(frozen=True)
class Face:
    """The font at a size, in pixels to the em."""

    size: int
    bold: bool = False

    @property
    def height(self) -> int:
        """Of one line, in pixels, with the room between lines."""
        return math.ceil(1.4 * self.size)

    def width(self, text: str) -> int:
        """Of the text on one line, in pixels."""
        return math.ceil(sum(_room(self, char) for char in text) + 2 * self._edge)

    def mask(self, text: str) -> Image.Image:
        """The text on one line, as coverage: an "L" picture of just its width and height."""
        mask = Image.new("L", (max(1, self.width(text)), self.height))
        pen, x = ImageDraw.Draw(mask), self._edge
        for sign in _signs(text):
            base = math.ceil(_BASE * self.size) - round(sign.raised * _RAISED_BY * self.size)
            if sign.letter or sign.char in _DRAWN:
                middle = self.advance(Sign(sign.letter)) / 2 if sign.letter else 0
                self._draw(mask, sign, round(x - middle), base)
            else:
                font = _font(self._pixels(sign))
                pen.text((x, base), sign.char, 255, font, anchor="ls", stroke_width=self._swell)
            x += self.advance(sign)
        return mask

    @property
    def _edge(self) -> float:
        """Where the first letter begins: some hang over, and slanted or bold ones reach out."""
        return 1 + self.size / 40 + self._swell

    @property
    def _swell(self) -> float:
        return self.bold * _BOLD * self.size

    def _pixels(self, sign: Sign) -> int:
        return round(self.size * _RAISED_SIZE) if sign.raised else self.size

    def advance(self, sign: Sign) -> float:
        """The room a sign takes, in fractions of pixels, too: in whole ones "--" becomes a dash in small type."""
        if sign.letter:
            return 0
        return _width(sign.char) * self._pixels(sign) + _LOOSER / self.size + self._swell

    def _draw(self, mask: Image.Image, sign: Sign, x: int, base: int) -> None:
        drawn = _drawn(sign.char, self._pixels(sign), self.bold, sign.letter in _TALL)
        mask.paste(255, (x - drawn.width // 4, base - drawn.height * 5 // 8), drawn)


def fold(text: str, face: Face, width: int, lines: int) -> list[str]:
    """The text on at most so many lines of at most so many pixels; what is too long loses its middle to "…".

    Lines break at spaces, and inside a word only where it fills a line alone. No line for an empty text.
    """
    words = " ".join(text.split())
    most = lines * max(1, 8 * width // face.size)  # characters that could ever fit: none is so narrow
    folded = _break(_shorten(words, most), face, width)
    low, high = 1, min(len(words), most)  # of the characters kept, the first is few enough
    if len(folded) <= lines:
        return folded
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(_break(_shorten(words, middle), face, width)) <= lines else (low, middle)
    return _break(_shorten(words, low), face, width)


def _shorten(text: str, length: int) -> str:
    """At most so many characters: of the longest word's middle while that leaves a word, else of the text's."""
    longest = max(text.split(" "), key=len)
    rest = len(longest) - max(0, len(text) - length)
    if rest >= _SHORTEST:
        return text.replace(longest, _without_middle(longest, rest), 1)
    return _without_middle(text, length)


def _without_middle(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end].rstrip()}…{text[len(text) - end :].lstrip()}"


def _break(text: str, face: Face, width: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split(" ") if text else ():
        joined = f"{line} {word}" if line else word
        if face.width(joined) <= width:
            line = joined
            continue
        lines += [line] if line else []
        *full, line = _cut(word, face, width)
        lines += full
    return [*lines, line] if line else lines


def _cut(word: str, face: Face, width: int) -> list[str]:
    """A word in pieces that fit, of one letter at the least."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and face.width(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _signs(text: str) -> Iterator[Sign]:
    """What can be drawn of a text, or stands in for what cannot."""
    letter = ""
    for char in text.translate(_INSTEAD):
        if char in _EXPONENTS:
            yield Sign(_EXPONENTS[char], raised=True)
            continue
        for part in char if _known(char) else unicodedata.normalize("NFKD", char):
            if _known(part):
                letter = part
                yield Sign(part)
            elif part in _MARKS and letter:
                yield Sign(part, letter=letter)
            elif not unicodedata.combining(part):
                yield Sign("?")


@cache
def _room(face: Face, char: str) -> float:
    return sum(map(face.advance, _signs(char)))


@cache
def _known(char: str) -> bool:
    """Whether it can be drawn as it is; what the font lacks looks like a character that nobody has."""
    font = _font(16)
    return char in _DRAWN or (char.isprintable() and bytes(font.getmask(char)) != bytes(font.getmask("\uffff")))


@cache
def _width(char: str) -> float:
    """In ems."""
    return _DRAWN[char][0] / 100 if char in _DRAWN else _font(1000).getlength(char) / 1000


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Laid out by Pillow itself: the better engine is there on some machines only."""
    font = cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


@cache
def _drawn(sign: str, size: int, bold: bool, tall: bool) -> Image.Image:
    """A sign on a square of two ems, as coverage; its origin lies at 1/4 from the left and 5/8 from the top."""
    side = 8 * math.ceil(size / 4) * _FINER
    hundredth = size * _FINER / 100
    large = Image.new("L", (side, side))
    draw, half = ImageDraw.Draw(large), (_STROKE / 2 + bold * _BOLD * 100) * hundredth
    for stroke in _DRAWN[sign][1] if sign in _DRAWN else _MARKS[sign]:
        for x, y in _curve(stroke):
            column = side / 4 + (x + _SLANT * y * (sign in _SLANTED)) * hundredth
            row = side * 5 / 8 - (y + tall * _RISE) * hundredth
            draw.ellipse((column - half, row - half, column + half, row + half), 255)
    return large.reduce(_FINER)


def _curve(stroke: str) -> Iterator[tuple[float, float]]:
    """Points of a stroke, so close that discs on them make a line."""
    numbers = [int(number) for number in stroke.split()]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    for start in range(0, len(points) - 1, 3):
        for t in (step / 96 for step in range(97)):
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            corners = points[start : start + 4]
            x, y = (sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
            yield x, y
