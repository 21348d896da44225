"""Types of the options' values: what may be typed for each, what is made of it, and what is refused."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from impasto.memory import parse

LEAST_WEIGHT = 1e-12  # gradients of smaller ones vanish in float32
TAP = re.compile(r"(conv|relu)[1-9]_[1-9]")


def _parse_layers(value: object) -> object:
    """`"relu1_1,relu2_1=2"` or a list of such names -> {"relu1_1": 1.0, "relu2_1": 2.0}; a mapping stays as it is."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple)):
        return value
    layers: dict[str, str] = {}
    for item in value:
        name, equals, weight = (part.strip() for part in str(item).partition("="))
        if name in layers:
            raise ValueError(f"layers may be named once, and {name} is there twice")
        layers[name] = weight if equals else "1"
    return layers


def check_layers(layers: dict[str, float]) -> dict[str, float]:
    """ValueError for names that are none of layers, and where no layer counts."""
    for name in layers:
        if not TAP.fullmatch(name):
            raise ValueError(f"layers are named like conv4_2 or relu4_2, not {name[:80]!r}")
    if not layers or sum(layers.values()) == 0:
        raise ValueError("at least one layer needs a weight above 0")
    return layers


def _parse_numbers(value: object) -> object:
    """`"30,30,18"` or one number -> a list of numbers."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [value] if isinstance(value, (int, float)) else value


def _parse_pictures(value: object) -> object:
    """One picture, a list of them or None -> a list."""
    if value is None:
        return []
    return value if isinstance(value, (list, tuple)) else [value]


def _check_picture(value: object) -> object:
    """Paths as text, pictures in memory as they are."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not isinstance(value, str) and not in_memory(value):
        raise ValueError("a picture is a file, a Pillow image or an array of uint8")
    return value


def in_memory(value: object) -> bool:
    """Whether this is an image of Pillow or an array of NumPy, which both say so."""
    return hasattr(value, "__array_interface__")


def _name_of_kind(value: object) -> object:
    """In JSON: a path as it is, anything else by its kind."""
    return value if isinstance(value, str) else type(value).__name__


def _check_sum(weights: tuple[float, ...]) -> tuple[float, ...]:
    if weights and sum(weights) == 0:
        raise ValueError("at least one style needs a weight above 0")
    return weights


def _check_weight(value: float) -> float:
    if 0 < value < LEAST_WEIGHT:
        raise ValueError(f"a weight is 0 or at least {LEAST_WEIGHT:g}")
    return value


def _as_integer(value: object) -> object:
    """`"16"` -> 16: a choice between numbers compares them as they are."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _path_as_text(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), AfterValidator(_check_weight)]
Text = Annotated[str, BeforeValidator(_path_as_text)]
Layers = Annotated[
    dict[str, Weight],
    BeforeValidator(_parse_layers),
    Field(json_schema_extra={"metavar": "NAME[=WEIGHT],…"}),
]
Side = Annotated[int, Field(ge=1, le=100_000)]
Tile = Annotated[int, Field(ge=32, le=100_000)]
Memory = Annotated[int, BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value), Field(gt=0)]
Weights = Annotated[
    tuple[Weight, ...],
    BeforeValidator(_parse_numbers),
    AfterValidator(_check_sum),
    Field(json_schema_extra={"metavar": "X[,X…]"}),
]
Depth = Annotated[Literal[8, 16], BeforeValidator(_as_integer)]
Dots = Annotated[int, Field(ge=1, le=10_000)]
Picture = Annotated[Any, BeforeValidator(_check_picture), PlainSerializer(_name_of_kind, when_used="json")]
Pictures = Annotated[
    tuple[Picture, ...],
    BeforeValidator(_parse_pictures),
    Field(json_schema_extra={"metavar": "FILE", "repeated": True}),
]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000)], ...],
    BeforeValidator(_parse_numbers),
    Field(min_length=1, json_schema_extra={"metavar": "N[,N…]"}),
]
