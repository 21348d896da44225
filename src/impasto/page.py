"""A white page of pictures, text and thin rules: what lies where, and its drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from PIL import Image, ImageDraw

from impasto.imagefile import naming
from impasto.lettering import Face, fold
from impasto.srgb import opaque_srgb

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right and bottom in pixels of the page, the last two outside
Ink: TypeAlias = tuple[int, int, int]

INK: Ink = (34, 34, 34)
GREY: Ink = (104, 104, 104)
_HAIRLINE: Ink = (214, 214, 214)  # of rules, and of the frame that parts a white picture from the page


@dataclass(frozen=True)
class Writing:
    """Lines of text that fill a box; turned: read from the bottom to the top."""

    box: Box
    lines: tuple[str, ...]
    face: Face
    ink: Ink
    turned: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture of any size and mode, the box that it is to fill, and what an error calls it."""

    box: Box
    image: Image.Image
    name: str


@dataclass
class Page:
    """Grows from the top: whoever puts something on it is told where the next thing may begin."""

    width: int
    height: int = 0
    writings: list[Writing] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)

    def write(self, text: str, face: Face, left: int, top: int, width: int, *, lines: int = 1, ink: Ink = INK) -> int:
        """Text that is folded to a width; returns its bottom, which is `top` if there is none."""
        folded = tuple(fold(text, face, width, lines))
        if not folded:
            return top
        right = left + max(map(face.width, folded))
        bottom = top + len(folded) * face.height
        self.writings.append(Writing((left, top, right, bottom), folded, face, ink))
        return bottom

    def write_turned(self, text: str, face: Face, left: int, box: Box, *, lines: int = 1, ink: Ink = INK) -> None:
        """Text along the left side of a box, centred on it and no longer than it."""
        folded = tuple(fold(text, face, box[3] - box[1], lines))
        if folded:
            length = max(map(face.width, folded))
            top = (box[1] + box[3] - length) // 2
            turned = (left, top, left + len(folded) * face.height, top + length)
            self.writings.append(Writing(turned, folded, face, ink, turned=True))

    def show(self, image: Image.Image, size: tuple[int, int], left: int, bottom: int, name: str) -> None:
        """A picture at this (width, height)."""
        width, height = size
        self.pictures.append(Picture((left, bottom - height, left + width, bottom), image, name))

    def rule(self, left: int, right: int, y: int) -> None:
        """A thin line from left to right."""
        self.rules.append((left, y, right, y + 1))

    def draw(self) -> Image.Image:
        """The page as "RGB", in sRGB. ImageError for a picture that has no colours we know."""
        page = Image.new("RGB", (self.width, self.height), "white")
        pen = ImageDraw.Draw(page)
        for left, top, right, bottom in self.rules:
            pen.rectangle((left, top, right - 1, bottom - 1), _HAIRLINE)
        for picture in self.pictures:
            left, top, right, bottom = picture.box
            pen.rectangle((left - 1, top - 1, right, bottom), None, _HAIRLINE)
            with naming(f"picture {picture.name!r}", "cannot be shown"):
                page.paste(_resized(picture.image, (right - left, bottom - top)), (left, top))
        for writing in self.writings:
            page.paste(writing.ink, writing.box, _mask(writing))
        return page


def fitted(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest (width, height) of a picture within these, in its proportions and no larger than it is."""
    scale = min(1.0, width / size[0], height / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    colours = opaque_srgb(image)[0]
    return colours if colours.size == size else colours.resize(size, Image.Resampling.LANCZOS)


def _mask(writing: Writing) -> Image.Image:
    """The lines as coverage, of the size of their box; turned lines are centred, others begin at the left."""
    masks = [writing.face.mask(line) for line in writing.lines]
    width = max(mask.width for mask in masks)
    whole = Image.new("L", (width, len(masks) * writing.face.height))
    for index, mask in enumerate(masks):
        left = (width - mask.width) // 2 if writing.turned else 0
        whole.paste(mask, (left, index * writing.face.height))
    return whole.transpose(Image.Transpose.ROTATE_90) if writing.turned else whole
