"""The options of a run: the one home of every default, help text, choice and range.

Command line, presets, Python and the studio are all made from this model; none of them states an option again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from impasto.errors import OptionsError
from impasto.limits import MAX_PIXELS
from impasto.presets import load_preset, presets

__all__ = ["Options", "load_preset", "make_options", "presets", "without_rivals"]

LEAST_WEIGHT = 1e-12  # gradients of smaller ones vanish in float32
TEXTURE = {"init": "noise", "iterations": (100, 60, 40, 20)}  # where there is no content to begin with
IN_PLACE_OF = (("size", "height"), ("style_scale", "style_size"))  # whichever is given last decides
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
    return [value] if isinstance(value, (int, float)) else value


def _parse_files(value: object) -> object:
    """One path or a list of them -> a list."""
    return [value] if isinstance(value, (str, os.PathLike)) else value


def _check_sum(weights: tuple[float, ...]) -> tuple[float, ...]:
    if weights and sum(weights) == 0:
        raise ValueError("at least one style needs a weight above 0")
    return weights


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
Side = Annotated[int, Field(ge=1, le=100_000)]
Weights = Annotated[
    tuple[Weight, ...],
    BeforeValidator(_parse_numbers),
    AfterValidator(_check_sum),
    Field(json_schema_extra={"metavar": "X[,X…]"}),
]
Files = Annotated[
    tuple[Text, ...],
    BeforeValidator(_parse_files),
    Field(json_schema_extra={"metavar": "FILE", "repeated": True}),
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
    height: Side | None = Field(default=None, description="Height of the result in pixels, in place of its size.")
    color: Literal["style", "content", "match"] = Field(
        default="style",
        description="Whose colours: the style's, the content's, or the style's made to match the content's first.",
    )
    style_weights: Weights = Field(
        default=(), description="How much each of several styles counts; equal if not given."
    )
    style_scale: float = Field(
        default=1.0, ge=0.05, le=20, description="Size of the strokes: a style's longest side over the result's."
    )
    style_size: Side | None = Field(
        default=None, description="Longest side of the styles at the last scale, in place of their scale."
    )
    content_mask: Files = Field(
        default=(),
        description="Where styles paint: one mask in grey for each style, or one in colours; the rest is kept.",
    )
    style_mask: Files = Field(
        default=(), description="Which part of each style counts: one mask for each, in grey or in the same colours."
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
    content_loss: Literal["relative", "gatys", "sum", "mean"] = Field(
        default="relative", description="Formula of the content loss, which its weight belongs to."
    )
    style_loss: Literal["relative", "gatys", "seed", "mean"] = Field(
        default="relative", description="Formula of the style loss, which its weight belongs to."
    )
    tv_loss: Literal["squared", "power", "absolute"] = Field(
        default="squared", description="Formula of the total variation, which its weight belongs to."
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
    learning_rate: float = Field(default=5.1, gt=0, le=255, description="Step of Adam, in grey levels of 0..255.")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="How long Adam remembers squared gradients.")
    clip: bool = Field(default=True, description="Keep pixels inside 0..1 while painting, or only at the end.")
    init: Text = Field(
        default="content",
        description="What to start from: content, noise, or a picture file.",
        json_schema_extra={"metavar": "content|noise|FILE"},
    )
    pooling: Literal["max", "avg"] = Field(default="max", description="Pooling between the network's blocks.")
    borders: Literal["replicate", "zeros", "circular"] = Field(
        default="replicate",
        description="How the network sees beyond the picture; circular: as if it repeated.",
    )
    bleed: int = Field(default=8, ge=0, le=256, description="Pixels painted beyond each border, and cut off.")
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

    def longest(self, height: int, width: int) -> int:
        """The longest side of the result, for a picture of these proportions."""
        if self.height is None:
            return self.size
        return max(self.height, round(width * self.height / height))

    @model_validator(mode="after")
    def _together(self) -> Options:
        for layers in (self.content_layers, self.style_layers):
            _check_layers(layers)
        if self.style_weight == 0 and self.content_weight == 0:
            raise ValueError("style_weight and content_weight cannot both be 0: nothing would be left to paint")
        if self.content_weight is None and (self.content_loss, self.style_loss) != ("relative", "relative"):
            raise ValueError(
                "the strength dial knows relative losses only: with other formulas give a content_weight"
            )
        return self


def make_options(preset: str | os.PathLike[str] | Mapping[str, Any] | None = None, /, **values: Any) -> Options:
    """The defaults, overridden by a preset, overridden by values. OptionsError in one sentence if impossible.

    preset: a name, a TOML file, or the options themselves.
    """
    for pair in IN_PLACE_OF:
        if all(values.get(name) is not None for name in pair):
            raise OptionsError(f"{pair[1]} is in place of {pair[0]}: give one of them")
    if preset is None:
        base: Mapping[str, Any] = {}
    else:
        base = preset if isinstance(preset, Mapping) else load_preset(preset)
    try:
        return Options(**(without_rivals(base, values) | values))
    except ValidationError as error:
        raise OptionsError(_sentence(error)) from None


def without_rivals(preset: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A preset without what one of the values is in place of: a strength, say, of its content weight."""
    pairs = [*IN_PLACE_OF, ("strength", "content_weight")]
    rivals = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    gone = {rivals[name] for name, value in values.items() if name in rivals and value is not None}
    return {name: value for name, value in preset.items() if name not in gone}


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
