"""The options of a run: the one home of every default, help text, choice and range.

Command line, presets, Python and the studio are all made from this model; none of them states an option again.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from impasto.errors import OptionsError
from impasto.limits import MAX_PIXELS

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


def _check_layers(layers: dict[str, float]) -> dict[str, float]:
    for name in layers:
        if not TAP.fullmatch(name):
            raise ValueError(f"layers are named like conv4_2 or relu4_2, not {name!r}")
    if not layers or sum(layers.values()) == 0:
        raise ValueError("at least one layer needs a weight above 0")
    return layers


def _parse_numbers(value: object) -> object:
    """`"30,30,18"` or one number -> a list of numbers."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [value] if isinstance(value, int) else value


def _check_weight(value: float) -> float:
    if 0 < value < LEAST_WEIGHT:
        raise ValueError(f"a weight is 0 or at least {LEAST_WEIGHT:g}")
    return value


def _path_as_text(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), AfterValidator(_check_weight)]
Text = Annotated[str, BeforeValidator(_path_as_text)]
Layers = Annotated[
    dict[str, Weight],
    BeforeValidator(_parse_layers),
    Field(json_schema_extra={"metavar": "NAME[=WEIGHT],…"}),
]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000)], ...],
    BeforeValidator(_parse_numbers),
    Field(min_length=1, json_schema_extra={"metavar": "N[,N…]"}),
]


class Options(BaseModel):
    """How to paint. Frozen; unknown names and impossible values are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    size: int = Field(default=512, ge=1, le=100_000, description="Longest side of the result, in pixels.")
    strength: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="From 0, nearly the photograph, to 1, nearly all style; alike for every pair.",
    )
    content_weight: Weight | None = Field(
        default=None, description="Weight of the content loss; found from the strength if not given."
    )
    style_weight: Weight = Field(default=1.0, description="Weight of the style loss.")
    tv_weight: Weight = Field(default=0.3, description="Weight of the total variation: higher is smoother.")
    content_layers: Layers = Field(default={"relu4_2": 1.0}, description="Layers of the content loss.")
    style_layers: Layers = Field(
        default=dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0),
        description="Layers of the style loss.",
    )
    iterations: Counts = Field(
        default=(26, 24, 20, 10),
        description="Evaluations at each scale, coarsest first; the last number serves all further scales.",
    )
    min_size: int = Field(default=128, ge=1, le=100_000, description="Longest side at the coarsest scale.")
    detail: float = Field(
        default=1.0,
        ge=0,
        le=4,
        description="How much of the photograph's own detail is added on the way to a finer scale.",
    )
    optimizer: Literal["lbfgs", "adam"] = Field(default="lbfgs", description="How the picture is improved.")
    init: Text = Field(
        default="content",
        description="What to start from: content, noise, or a picture file.",
        json_schema_extra={"metavar": "content|noise|FILE"},
    )
    pooling: Literal["max", "avg"] = Field(default="max", description="Pooling between the network's blocks.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of everything random.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where to compute.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Precision of the network; auto measures what this machine is fast at."
    )
    weights: Text = Field(
        default="vgg19",
        description="The network: a name from `impasto weights`, or a file.",
        json_schema_extra={"metavar": "NAME|FILE"},
    )
    max_pixels: int = Field(
        default=MAX_PIXELS, ge=1, le=10**12, description="Refuse pictures with more pixels than this."
    )

    @model_validator(mode="after")
    def _together(self) -> Options:
        for layers in (self.content_layers, self.style_layers):
            _check_layers(layers)
        if self.style_weight == 0 and self.content_weight == 0:
            raise ValueError("style_weight and content_weight cannot both be 0: nothing would be left to paint")
        return self


def make_options(preset: str | os.PathLike[str] | None = None, /, **values: Any) -> Options:
    """The defaults, overridden by a preset, overridden by values. OptionsError in one sentence if impossible."""
    try:
        return Options(**(load_preset(preset) | values if preset is not None else values))
    except ValidationError as error:
        raise OptionsError(_sentence(error)) from None


def presets() -> dict[str, str]:
    """Names of the presets that come with Impasto, and what each is for."""
    files = sorted(resources.files("impasto.presets").iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): file.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        for file in files
        if file.name.endswith(".toml")
    }


def load_preset(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options that a preset sets, by its name or from a TOML file. OptionsError if it cannot be read."""
    known, text = presets(), str(name_or_path)
    if text in known:
        return tomllib.loads(resources.files("impasto.presets").joinpath(f"{text}.toml").read_text("utf-8"))
    if not text.endswith(".toml"):
        raise OptionsError(f"no preset is named {text!r}: choose from {', '.join(known)}, or give a .toml file")
    path = Path(text)
    try:
        if not path.is_file():
            raise OptionsError(f"preset {text!r}: no such file")
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:  # the latter of TOML, of its encoding, and of Python's longest number
        raise OptionsError(f"preset {text!r} cannot be read: {error}") from None
    except RecursionError:
        raise OptionsError(f"preset {text!r} cannot be read: it is nested too deeply") from None


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's findings as one sentence that names the option and what came."""
    finding: Mapping[str, Any] = error.errors()[0]
    names = [part if part.isprintable() else repr(part) for part in map(str, finding["loc"])]
    reason = finding["msg"].removeprefix("Value error, ")
    if finding["type"] == "extra_forbidden":
        return f"there is no option {finding['loc'][0]!r}; options are {', '.join(Options.model_fields)}"
    if not names:
        return str(reason)
    return f"{'.'.join(names)}: {reason[0].lower()}{reason[1:]}, not {_shown(finding['input'])}"


def _shown(value: object) -> str:
    """What came, on one line of a bearable length."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # a number of thousands of digits, a table of thousands of levels
        return f"such {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:120]}…"
