"""The command that makes a picture again, from its recipe."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from impasto.errors import ImageError, OptionsError
from impasto.notation import as_typed, flag_name


def command_line(
    recipe: Mapping[str, Any], files: Mapping[str, str], output: str, before: Mapping[str, Any] | None = None
) -> str:
    """What to type, with every option that would be another without it.

    files: {SHA-256: path} of those that are known; others are named in capitals. before: the recipe of the picture
    that it went on from; every option is typed where that is not known. ImageError for options that there are not.
    """
    files = {digest: f"./{path}" if path.startswith("-") else path for digest, path in files.items()}
    photo = files.get(recipe["content"] or "", "PHOTO")
    many = len(recipe["styles"]) > 1
    names = [f"STYLE{number if many else ''}" for number, _ in enumerate(recipe["styles"], 1)]
    styles = [files.get(digest, name) for digest, name in zip(recipe["styles"], names, strict=True)]
    words = ["impasto", *(["stylize", photo] if recipe["content"] else ["texture"]), *styles]
    if "continued" in recipe:
        words += ["--from", files.get(recipe["continued"], "PICTURE")]
    if recipe["content"] is None:
        words += ["--size", "x".join(map(str, recipe["texture"]))]
    for name, value in _typed(recipe, before).items():
        words += _flag(name, value, files)
    return shlex.join([*words, "-o", output])


def _typed(recipe: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that the command has to name."""
    from impasto.options import IN_PLACE_OF, OF_CONTENT

    options = _whole(recipe["options"])
    assumed = _assumed(recipe, before)
    typed = {name: value for name, value in options.items() if name not in assumed or assumed[name] != value}
    if "continued" in recipe:
        typed.pop("init", None)  # of the first of them
    if recipe["content"] is None:
        typed = {name: value for name, value in typed.items() if name not in OF_CONTENT}
    for name, rival in IN_PLACE_OF:  # only one of them may be typed: it takes the other's place
        if options[rival] is not None:
            typed.pop(name, None)
        elif rival in typed:
            typed.setdefault(name, options[name])
    for name in ("content_mask", "style_mask"):
        if typed.get(name) == [] and assumed.get(name):
            raise ImageError(f"its recipe cannot be followed by a command: {name} was taken away")
    if typed.get("style_weights") == [] and assumed.get("style_weights"):
        typed["style_weights"] = [1] * len(recipe["styles"])
    return {name: value for name, value in typed.items() if value not in (None, [])}


def _whole(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options, by name, as recipes have them."""
    from impasto.options import make_options

    try:
        return make_options(options).model_dump(mode="json")
    except OptionsError as error:
        raise ImageError(f"its recipe cannot be followed: {error}") from None


def _assumed(recipe: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the command takes where nothing is typed."""
    from impasto.options import make_texture_options
    from impasto.remake import continued_options

    if recipe["content"] is None:
        return make_texture_options((1, 1)).model_dump(mode="json")
    if "continued" not in recipe:
        return _whole({})
    try:
        return {} if before is None else _whole(continued_options(before))
    except (ImageError, OptionsError):  # what it went on from cannot be followed itself
        return {}


def _flag(name: str, value: Any, files: Mapping[str, str]) -> list[str]:
    """An option as one types it."""
    from impasto.remake import FILE_OPTIONS, file_hashes

    digests = file_hashes(value) if name in FILE_OPTIONS else []
    if digests:
        return [word for digest in digests for word in (flag_name(name), files.get(digest, name.upper()))]
    if isinstance(value, bool):
        return [flag_name(name) if value else flag_name(f"no-{name}")]
    return [flag_name(name), as_typed(tuple(value) if isinstance(value, list) else value)]
