"""Options as one would print them in a paper: β = 100, content layers = relu4_2; and as one would type them."""

import math
from collections.abc import Mapping
from pathlib import PurePath

_SYMBOLS = {"content_weight": "α", "style_weight": "β", "tv_weight": "λ"}  # α and β: Gatys et al. 2016, eq. 7
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def symbol(option: str) -> str:
    """The letter that stands for an option in formulas; for one that has none, its name in words."""
    return _SYMBOLS.get(option) or option_words(option)


def option_words(option: str) -> str:
    """`"tv_weight"` -> `"TV weight"`: what a heading calls an option."""
    return " ".join(word.upper() if word in ("tv", "dpi") else word for word in option.split("_"))


def format_value(value: object) -> str:
    """An option's value in print: 1, 0.01, 10⁻⁴, 2.5 × 10⁻⁵; yes, auto; a, b = 2 for layers and lists.

    Floats are rounded to six digits, and a path is shortened to the file's name.
    """
    match value:
        case None | True | False:
            return {None: "auto", True: "yes", False: "no"}[value]
        case float() | int():
            return _format_number(value)
        case Mapping():
            return ", ".join(_format_item(name, weight) for name, weight in value.items()) or "none"
        case list() | tuple():
            return ", ".join(map(format_value, value)) or "none"
    return (value.name if isinstance(value, PurePath) else "") or str(value)


def as_typed(value: object) -> str:
    """An option's value as one would type it; nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case Mapping():
            return ",".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in value.items())
        case tuple():
            return ",".join(as_typed(part) for part in value)
        case float():
            short = f"{value:g}"
            return short if float(short) == value else repr(value)
        case _:
            return str(value)


def flag_name(name: str) -> str:
    """`tv_weight` -> `--tv-weight`."""
    return "--" + name.replace("_", "-")


def _format_item(name: object, weight: object) -> str:
    """A layer and its weight, which goes without saying where it is 1."""
    return f"{name}" if weight == 1 else f"{name} = {format_value(weight)}"


def _format_number(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value).replace("-", "−")
    mantissa, exponent = f"{abs(value):.5e}".split("e")
    sign, power = "−" if value < 0 else "", int(exponent)
    if value == 0 or -3 <= power < 5:
        return sign + f"{abs(value):.6g}"
    mantissa = mantissa.rstrip("0").rstrip(".")
    factor = "" if mantissa == "1" else f"{mantissa} × "
    return f"{sign}{factor}10{str(power).translate(_RAISED)}"
