"""Presets: named sets of options, each a TOML file that binds weights to the formulas that they were chosen for."""

from __future__ import annotations

import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from impasto.errors import OptionsError

MOST_BYTES = 2**20  # of a preset file
DEFAULT = "default"
DEFAULT_PURPOSE = "Impasto's own: relative losses, one strength dial, from coarse scales to fine."


def presets() -> dict[str, str]:
    """Names of the presets that come with Impasto, the default first, and what each is for."""
    files = sorted(resources.files("impasto.presets").iterdir(), key=lambda file: file.name)
    return {DEFAULT: DEFAULT_PURPOSE} | {
        file.name.removesuffix(".toml"): file.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        for file in files
        if file.name.endswith(".toml")
    }


def load_preset(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options that a preset sets, by its name or from a TOML file. OptionsError if it cannot be read."""
    known, text = presets(), str(name_or_path)
    if text == DEFAULT:
        return {}  # the options' own defaults
    if text in known:
        return tomllib.loads(resources.files("impasto.presets").joinpath(f"{text}.toml").read_text("utf-8"))
    if not text.endswith(".toml"):
        raise OptionsError(f"no preset is named {text!r}: choose from {', '.join(known)}, or give a .toml file")
    path = Path(text)
    try:
        if not path.is_file():
            raise OptionsError(f"preset {text!r}: no such file")
        if path.stat().st_size > MOST_BYTES:
            raise OptionsError(
                f"preset {text!r} holds {path.stat().st_size:,} bytes: expected {MOST_BYTES:,} at most"
            )
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:  # the latter of TOML, of its encoding, and of Python's longest number
        raise OptionsError(f"preset {text!r} cannot be read: {error}") from None
    except RecursionError:
        raise OptionsError(f"preset {text!r} cannot be read: it is nested too deeply") from None
