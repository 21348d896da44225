"""The command that makes a picture again, from its recipe."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from impasto.cli.flags import flag_name
from impasto.notation import as_typed


def command_line(recipe: Mapping[str, Any], files: Mapping[str, str], output: str) -> str:
    """What to type, with every option that is not at its default.

    files: {SHA-256: path} of those that are known; others are named in capitals.
    """
    from impasto.remake import file_hashes

    photo = files.get(recipe["content"] or "", "PHOTO")
    many = len(recipe["styles"]) > 1
    names = [f"STYLE{number if many else ''}" for number, _ in enumerate(recipe["styles"], 1)]
    styles = [files.get(digest, name) for digest, name in zip(recipe["styles"], names, strict=True)]
    words = ["impasto", *(["stylize", photo] if recipe["content"] else ["texture"]), *styles]
    texture = recipe.get("texture")
    if "continued" in recipe:
        words += ["--from", files.get(recipe["continued"], "PICTURE")]
    if texture:
        words += ["--size", f"{texture[0]}x{texture[1]}"]
    for name, value in _changed(recipe["options"]).items():
        digests = file_hashes(value)
        if texture and name == "size":
            continue
        if digests:
            for digest in digests:
                words += [flag_name(name), files.get(digest, name.upper())]
        elif isinstance(value, bool):
            words.append(flag_name(name) if value else flag_name(f"no-{name}"))
        else:
            words += [flag_name(name), as_typed(value)]
    return shlex.join([*words, "-o", output])


def _changed(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults, without those that others are in place of."""
    from impasto.options import IN_PLACE_OF, Options

    defaults = Options().model_dump(mode="json")
    changed = {name: value for name, value in options.items() if value != defaults.get(name)}
    for name, rival in (*IN_PLACE_OF, ("strength", "content_weight")):
        if rival in changed:
            changed.pop(name, None)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in changed.items()}
