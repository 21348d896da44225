"""From a recipe back to a run: its options, and the files that it names by their hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from impasto.errors import ImageError, OptionsError
from impasto.imagefile import describe
from impasto.limits import MAX_PIXELS
from impasto.recipe import read_recipe
from impasto.styles import kept_styles
from impasto.weights import available_weights

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".gif", ".bmp"}
MOST_FILES = 1000  # of a folder are looked at
MOST_BYTES = 2**31  # of a file that is looked at: no picture has more
FILE_OPTIONS = {
    "init": "a picture to start from",
    "weights": "weights of your own",
    "content_mask": "a content mask",
    "style_mask": "a style mask",
}


def run_recipe(picture: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> dict[str, Any]:
    """The recipe of one run inside a picture; ImageError where there is none, or another."""
    recipe: dict[str, Any] = read_recipe(picture, max_pixels=max_pixels)
    check_recipe(recipe, picture)
    return recipe


def check_recipe(recipe: Mapping[str, Any], picture: object) -> None:
    """ImageError for what is no recipe of one run of Impasto, such as that of a sheet."""
    content, styles, size = recipe.get("content"), recipe.get("styles"), recipe.get("texture")
    texture = isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)
    painted = texture if content is None else isinstance(content, str)
    painted = painted and isinstance(recipe.get("continued", ""), str)
    if not (painted and are_texts(styles) and styles and are_options(recipe.get("options"))):
        raise ImageError(f"image {describe(picture)} holds no recipe of a single picture")


def are_texts(values: object) -> TypeGuard[list[str]]:
    """Whether this is a list of text, as the hashes of a recipe are."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def are_options(options: object) -> TypeGuard[dict[str, Any]]:
    """Whether this is a table in which options that are files are told by text."""
    return isinstance(options, dict) and all(
        isinstance(value, str | None) or are_texts(value) for value in map(options.get, FILE_OPTIONS)
    )


def continued_options(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The options to go on with: the recipe's, with the content weight that its dial found.

    Files are not among them, as the recipe knows their hashes only. OptionsError for a texture.
    """
    if recipe["content"] is None:
        raise OptionsError("a texture cannot be gone on from: paint it anew in the size that it is to have")
    options = {name: value for name, value in recipe["options"].items() if not _is_file(name, value)}
    options.pop("init", None)  # what the coarsest scale started from is behind it
    if options.get("content_weight") is None:
        options["content_weight"] = recipe.get("next_weight", recipe.get("content_weight"))
    return options


def file_hashes(value: object) -> list[str]:
    """The SHA-256 of files in an option of a recipe; none in an option that is no file."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [part.removeprefix("sha256:") for part in values if isinstance(part, str) and part.startswith("sha256:")]


def _is_file(name: str, value: object) -> bool:
    return name in FILE_OPTIONS and bool(file_hashes(value))


def check_files(recipe: Mapping[str, Any], given: Iterable[str]) -> None:
    """OptionsError that names the first option whose file the recipe asks for and which was not given again."""
    for name, what in FILE_OPTIONS.items():
        if name not in given and name != "init" and file_hashes(recipe["options"].get(name)):
            raise _missing(name, f"the picture was painted with {what}, which its recipe does not hold")


def found_options(options: Mapping[str, Any], found: Mapping[str, str], given: Iterable[str]) -> dict[str, Any]:
    """Options of a recipe with the files that were found in place of their hashes, but for those given anew.

    Raises OptionsError that names the first option whose file is neither found nor given.
    """
    resolved = dict(options)
    for name, value in options.items():
        if name in given or not _is_file(name, value):
            continue
        paths = [found.get(digest) for digest in file_hashes(value)]
        if None in paths:
            raise _missing(name, f"it was painted with {FILE_OPTIONS[name]}, which is not beside it under any name")
        resolved[name] = paths if isinstance(value, (list, tuple)) else paths[0]
    return resolved


def _missing(name: str, sentence: str) -> OptionsError:
    return OptionsError(f"{sentence}: give --{name.replace('_', '-')}")


def recipe_hashes(recipe: Mapping[str, Any]) -> list[str]:
    """All files that a checked recipe names: content, styles, those of options, and what it went on from."""
    before = [recipe["continued"]] if "continued" in recipe else []
    return [*picture_hashes(recipe), *before, *option_hashes(recipe["options"])]


def picture_hashes(recipe: Mapping[str, Any]) -> list[str]:
    """Content, where there is one, and styles of a checked recipe."""
    return [*([recipe["content"]] if recipe["content"] else []), *recipe["styles"]]


def option_hashes(options: Mapping[str, Any], given: Iterable[str] = ()) -> list[str]:
    """The files that options of a recipe name, but for those of options that are given anew."""
    return [digest for name in FILE_OPTIONS if name not in given for digest in file_hashes(options.get(name))]


def find_files(hashes: Iterable[str], folders: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """{SHA-256: path} of those pictures that lie in one of the folders, and names of built-in styles and weights."""
    wanted = set(hashes)
    found: dict[str, str] = {}
    for folder in dict.fromkeys(Path(folder) for folder in folders):
        for path in _pictures(folder):
            if len(found) == len(wanted):
                return found
            digest = _digest(path)
            if digest is not None and digest in wanted and digest not in found:
                found[digest] = str(path)
    if len(found) < len(wanted):
        found |= {digest: name for digest, name in kept_styles().items() if digest in wanted}
        found |= {known.sha256: known.name for known in available_weights() if known.sha256 in wanted}
    return found


def _pictures(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in entries if path.suffix.lower() in SUFFIXES and path.is_file()][:MOST_FILES]


def _digest(path: Path) -> str | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
