"""What the page needs to know to make its form: options, presets, styles and samples, as JSON."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from impasto.notation import as_typed, option_words
from impasto.options import Options
from impasto.presets import load_preset, presets
from impasto.sections import OTHERS, SECTIONS, section_of
from impasto.studio.orders import CLOSED, MOST_STYLES
from impasto.styles import builtin_styles

EXACT = 2**53  # the largest whole number of JavaScript's that is certain
PLAIN = ("size", "strength", "color")  # asked for on the page itself, and not among the advanced options
SAMPLES = {
    "astronaut": ("astronaut.png", "An astronaut"),
    "chelsea": ("chelsea.png", "A cat"),
    "coffee": ("coffee.png", "A cup of coffee"),
    "rocket": ("rocket.jpg", "A rocket"),
}


def form() -> dict[str, Any]:
    """All of it."""
    fields = _fields()
    sections = {
        name: [field for field in fields.values() if section_of(field["name"]) == name and field["name"] not in PLAIN]
        for name in (*SECTIONS, OTHERS)
    }
    return {
        "plain": {name: fields[name] for name in PLAIN},
        "sections": [{"name": name, "fields": section} for name, section in sections.items() if section],
        "presets": [
            {
                "name": name,
                "purpose": purpose,
                "options": {key: typed(value) for key, value in load_preset(name).items()},
            }
            for name, purpose in presets().items()
        ],
        "styles": [{"name": name, "title": title} for name, title in builtin_styles().items()],
        "samples": [{"name": name, "title": title} for name, (_, title) in SAMPLES.items() if sample(name)],
        "most_styles": MOST_STYLES,
    }


def sample(name: str) -> Path | None:
    """The file of a sample photograph, where scikit-image, which has them, is installed. KeyError for no sample."""
    file, _ = SAMPLES[name]
    package = importlib.util.find_spec("skimage")
    path = Path(package.origin).with_name("data") / file if package and package.origin else None
    return path if path is not None and path.is_file() else None


def _fields() -> dict[str, dict[str, Any]]:
    """Of every option that the page may set: label, help, kind, default, range and choices, from its definition."""
    schema = Options.model_json_schema()["properties"]
    found = {}
    for name, field in Options.model_fields.items():
        if name in CLOSED:
            continue
        parts = [schema[name], *schema[name].get("anyOf", [])]
        known = {
            key: part[key]
            for part in parts
            for key in ("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "type")
            if key in part
        }
        label, most = option_words(name), known.get("maximum", known.get("exclusiveMaximum"))
        large = (most or 0) > EXACT
        found[name] = {
            "name": name, "label": label[0].upper() + label[1:], "help": field.description,
            "kind": "text" if large else _kind(known), "default": typed(field.default, text=large),
            "choices": known.get("enum"), "min": known.get("minimum", known.get("exclusiveMinimum")), "max": most,
        }  # fmt: skip
    return found


def _kind(known: dict[str, Any]) -> str:
    if "enum" in known:
        return "choice"
    return {"integer": "integer", "number": "number", "boolean": "switch"}.get(str(known.get("type")), "text")


def typed(value: object, *, text: bool = False) -> object:
    """As JSON where the page has a control for it, else, or where JavaScript would round it, as one would type it."""
    if isinstance(value, bool | int | float) and not text and abs(value) <= EXACT:
        return value
    return as_typed(tuple(value) if isinstance(value, list) else value)
