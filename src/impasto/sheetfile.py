"""Contact sheets, their tables and recipes in files: the formats of pictures, and PDF for those who print."""

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from impasto.errors import ImageError
from impasto.image import Source
from impasto.imagefile import describe, naming
from impasto.limits import MAX_PIXELS
from impasto.output import PICTURES, check_output, save_image, write_output
from impasto.recipe import read_recipe, recipe_metadata
from impasto.srgb import opaque_srgb

SHEETS = PICTURES | {".pdf": "PDF"}
TABLES = {".csv": "CSV", ".json": "JSON"}

_DOTS, _MOST_DOTS = 150, 300  # per inch of paper: type of 12 pixels is then 6 points high
_LONGEST_PAGE = 200  # inches, which is where PDF ends
_IMAGE_DESCRIPTION = 0x010E  # of EXIF

# A PDF ends with its information, of which ours has the recipe last, with a table of offsets and with that table's
# own offset. Every part of the pattern excludes what the next begins with, so it takes linear time on any bytes.
_TAIL_BYTES = 2**19  # the longest recipe takes less than half of it: two bytes a character, some of them escaped
_TAIL = re.compile(
    rb"/Keywords \(\xfe\xff(?P<text>(?:[^()\\]|\\[()\\])*+)\)\n>>endobj\n"
    rb"(?P<table>xref\n[\w\s/<>]*+)%%EOF"
)


def save_sheet(
    image: Image.Image, path: str | os.PathLike[str], *, recipe: Mapping[str, object] | None = None
) -> None:
    """Write a sheet in the format that the extension names, as `save_image` does, or as a page of PDF.

    recipe: plain JSON of at most 60,000 characters, which `read_sheet_recipe` finds again. Raises ImageError.
    """
    if Path(path).suffix.lower() in PICTURES:
        save_image(image, path, recipe=recipe)
    else:
        write_output(path, lambda _: _pdf(image, recipe), image.size, kinds=SHEETS)


def check_sheet(
    path: str | os.PathLike[str],
    inputs: Sequence[Source],
    *,
    clobber: bool = True,
    size: tuple[int, int] | None = None,
) -> None:
    """`check_output` for `save_sheet`: PDF passes as well."""
    check_output(path, inputs, clobber=clobber, size=size, kinds=SHEETS)


def save_table(rows: Sequence[Mapping[str, object]], path: str | os.PathLike[str]) -> None:
    """Write what a sheet's cells came to as .csv or .json, a row each; a file as `save_image` leaves one."""
    write_output(path, lambda kind: _csv(rows) if kind == "CSV" else _json(rows), (0, 0), kinds=TABLES)


def check_table(path: str | os.PathLike[str], inputs: Sequence[Source], *, clobber: bool = True) -> None:
    """`check_output` for `save_table`."""
    check_output(path, inputs, clobber=clobber, kinds=TABLES)


def read_sheet_recipe(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> dict[str, object]:
    """The recipe in a file that `save_sheet` wrote, whatever it is called now; ImageError where there is none."""
    if not _is_pdf(path):
        return read_recipe(path, max_pixels=max_pixels)
    with naming(f"sheet {describe(path)}"):
        recipe = _from_tail(Path(path))
        if not isinstance(recipe, dict):
            raise ImageError("holds no Impasto recipe: expected a PDF as `impasto sweep` wrote it, whole")
        return recipe


def _json(rows: Sequence[Mapping[str, object]]) -> bytes:
    return json.dumps(rows, indent=2).encode()


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _pdf(image: Image.Image, recipe: Mapping[str, object] | None) -> bytes:
    """One page with the picture as JPEG, and no date in it: the same bytes each time."""
    buffer = io.BytesIO()
    opaque_srgb(image)[0].save(
        buffer,
        "PDF",
        resolution=min(_MOST_DOTS, max(_DOTS, -(-max(image.size) // _LONGEST_PAGE))),
        quality=95,
        subsampling="4:4:4",
        title="Contact sheet",
        keywords=None if recipe is None else _description(recipe),
        creationDate=None,
        modDate=None,
    )
    return buffer.getvalue()


def _description(recipe: Mapping[str, object]) -> str:
    """The JSON that a JPEG's description would hold."""
    exif = recipe_metadata("JPEG", recipe)["exif"]
    assert isinstance(exif, Image.Exif)
    return str(exif[_IMAGE_DESCRIPTION])


def _is_pdf(path: str | os.PathLike[str]) -> bool:
    """False, too, for what cannot be read, which reading it as a picture then says better."""
    try:
        if not Path(path).is_file():  # a FIFO would keep us waiting
            return False
        with Path(path).open("rb") as file:
            return file.read(5) == b"%PDF-"
    except (OSError, ValueError):
        return False


def _from_tail(path: Path) -> object:
    """The recipe at the end of a PDF; None where it does not end as ours do."""
    with path.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
        file.seek(start)
        tail = file.read(_TAIL_BYTES)
    found = next((match for match in _TAIL.finditer(tail) if match.end() == len(tail)), None)
    if found is None or not found["table"].endswith(b"\nstartxref\n%d\n" % (start + found.start("table"))):
        return None
    try:
        described = json.loads(re.sub(rb"\\(.)", rb"\1", found["text"], flags=re.DOTALL).decode("utf-16-be"))
    except (ValueError, RecursionError):
        return None
    return described.get("impasto") if isinstance(described, dict) else None
