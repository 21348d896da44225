"""The options of a run: the one home of every default, help text, choice and range.

Command line, presets, Python and the studio are all made from this model; none of them states an option again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from impasto.errors import OptionsError
from impasto.fieldtypes import (
    Counts,
    Depth,
    Dots,
    Layers,
    Memory,
    Picture,
    Pictures,
    Side,
    Text,
    Tile,
    Weight,
    Weights,
    check_layers,
    in_memory,
)
from impasto.limits import MAX_PIXELS
from impasto.presets import load_preset, presets

__all__ = ["Options", "load_preset", "make_options", "presets", "without_rivals"]

TEXTURE = {"init": "noise", "iterations": (100, 60, 40, 20), "content_weight": 0}  # where there is no content
OF_CONTENT = frozenset(
    {
        "size", "height", "strength", "color", "content_mask", "content_weight", "content_layers", "content_loss",
        "detail", "profile",
    }
)  # fmt: skip
OF_MACHINE = {"memory", "tile"}  # whatever they are, the picture is the same but for rounding
OF_FILE = frozenset({"depth", "dpi", "profile"})  # how the picture is stored, whatever is painted
# Whichever is given last decides; a picture's dial may stand beside the weight that took its place
IN_PLACE_OF = (("size", "height"), ("style_scale", "style_size"), ("strength", "content_weight"))


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
    content_mask: Pictures = Field(
        default=(),
        description="Where styles paint: one mask in grey for each style, or one in colours; the rest is kept.",
    )
    style_mask: Pictures = Field(
        default=(), description="Which part of each style counts: one mask for each, in grey or in the same colours."
    )
    content_weight: Weight | None = Field(
        default=None, description="Weight of the content loss; found from the strength if not given."
    )
    style_weight: Weight = Field(default=1.0, description="Weight of the style loss.")
    tv_weight: Weight = Field(default=0.3, description="Weight of the total variation: higher is smoother.")
    content_layers: Layers = Field(default={"relu4_2": 1.0}, description="Layers of the content loss.")
    style_layers: Layers = Field(  # each counts twice the next: docs/method.md#style
        default={"relu1_1": 16.0, "relu2_1": 8.0, "relu3_1": 4.0, "relu4_1": 2.0, "relu5_1": 1.0},
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
        default=(26, 24, 20, 10, 6),
        description="Evaluations at each scale, coarsest first; the last number serves all further scales.",
    )
    min_size: int = Field(default=128, ge=1, le=100_000, description="Longest side at the coarsest scale.")
    detail: float = Field(
        default=1.0,
        ge=0,
        le=4,
        description="How much of the photograph's own detail is added on the way to a finer scale.",
    )
    hold: int = Field(
        default=512,
        ge=0,
        le=100_000,
        description="Larger scales keep what the picture shows at this longest side, and paint what is finer.",
    )
    optimizer: Literal["lbfgs", "adam"] = Field(default="lbfgs", description="How the picture is improved.")
    learning_rate: float = Field(default=5.1, gt=0, le=255, description="Step of Adam, in grey levels of 0..255.")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="How long Adam remembers squared gradients.")
    clip: bool = Field(default=True, description="Keep pixels inside 0..1 while painting, or only at the end.")
    init: Picture = Field(
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
    memory: Memory | None = Field(
        default=None,
        description="Memory that the run may take, such as 2GB; what is free, less a margin, if not given.",
        json_schema_extra={"metavar": "SIZE"},
    )
    tile: Tile | None = Field(
        default=None, description="Longest side that is computed in one piece; found from the memory if not given."
    )
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        le=10**12,
        description="Refuse pictures with more pixels than this; a result may have the default's.",
    )
    depth: Depth = Field(default=8, description="Bits a sample in the file: 16 are for PNG and TIFF.")
    dpi: Dots | None = Field(default=None, description="Pixels an inch on paper; the file does not say if not given.")
    profile: Literal["srgb", "input"] = Field(
        default="srgb", description="Colour profile of the file: sRGB, or the photograph's own."
    )

    @property
    def unused(self) -> list[str]:
        """What of these options comes to nothing, for people."""
        defaults, notes = Options(), []
        if set(self.iterations) == {1}:
            notes.append("a single evaluation takes no step: the picture stays what it starts from")
        for name in ("learning_rate", "beta2"):
            if self.optimizer == "lbfgs" and getattr(self, name) != getattr(defaults, name):
                notes.append(f"{name} is Adam's: L-BFGS has no use for it")
        if self.borders == "circular" and self.bleed not in (0, defaults.bleed):
            notes.append("a picture with circular borders has no bleed")
        return notes

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same; a picture in memory is the same as itself alone."""
        return isinstance(other, Options) and all(
            _is_same(getattr(self, name), getattr(other, name)) for name in Options.model_fields
        )

    __hash__ = None  # type: ignore[assignment]  # layers are mappings

    def longest(self, height: int, width: int) -> int:
        """The longest side of the result, for a picture of these proportions."""
        if self.height is None:
            return self.size
        return max(self.height, round(width * self.height / height))

    @property
    def start(self) -> Any | None:
        """A picture to start from: none for the content or noise."""
        return None if isinstance(self.init, str) and self.init in ("content", "noise") else self.init

    @model_validator(mode="after")
    def _together(self) -> Options:
        for name in ("content_layers", "style_layers"):
            try:
                check_layers(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if self.style_weight == 0 and self.content_weight == 0:
            raise ValueError("style_weight and content_weight cannot both be 0: nothing would be left to paint")
        if self.borders == "circular" and self.tile is not None:
            raise ValueError("tile: a picture with circular borders is computed in one piece")
        if self.content_weight is None and (self.content_loss, self.style_loss) != ("relative", "relative"):
            raise ValueError(
                "the strength dial knows relative losses only: with other formulas give a content_weight"
            )
        return self


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one is other or (not (in_memory(one) or in_memory(other)) and one == other)


def make_options(preset: str | os.PathLike[str] | Mapping[str, Any] | None = None, /, **values: Any) -> Options:
    """The defaults, overridden by a preset, overridden by values. OptionsError in one sentence if impossible.

    preset: a name, a TOML file, or the options themselves.
    """
    check_together(values)
    if preset is None:
        base: Mapping[str, Any] = {}
    else:
        base = preset if isinstance(preset, Mapping) else load_preset(preset)
    try:
        return Options(**(without_rivals(base, values) | values))
    except ValidationError as error:
        raise OptionsError(_sentence(error)) from None


def check_together(values: Mapping[str, Any]) -> None:
    """OptionsError where one is given and what is in its place."""
    for pair in IN_PLACE_OF:
        if all(values.get(name) is not None for name in pair):
            raise OptionsError(f"{pair[1]} is in place of {pair[0]}: give one of them")


def make_texture_options(
    size: tuple[int, int], preset: str | os.PathLike[str] | None = None, /, *, tileable: bool = False, **values: Any
) -> Options:
    """As `make_options`, for a texture of that (width, height): with its own defaults, and nothing of the content."""
    if min(size) < 1:
        raise OptionsError(f"a texture is at least 1 pixel wide and high, not {size[0]} x {size[1]}")
    for name in values:
        if name in OF_CONTENT:
            raise OptionsError(f"{name}: a texture has no content, and so no such option")
    loaded = {} if preset is None else load_preset(preset)
    fit = {name: value for name, value in loaded.items() if name not in OF_CONTENT}
    fit = {name: value for name, value in fit.items() if (name, value) != ("init", "content")}
    circular = {"borders": "circular"} if tileable else {}
    options = make_options(TEXTURE | fit, **(circular | values), size=max(size))
    check_texture(options, tileable)
    return options


def check_texture(options: Options, tileable: bool) -> None:
    """OptionsError for options that have something of a content, or other borders than tiles have."""
    if options.color != "style" or options.content_mask:
        raise OptionsError("a texture has no content: expected color 'style' and no content mask")
    if options.start is None and options.init == "content":
        raise OptionsError("a texture has no content to start from: expected init 'noise' or a picture")
    if tileable and options.borders != "circular":
        raise OptionsError(f"borders: those of a tileable texture are circular, not {options.borders}")


def without_rivals(preset: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A preset without what one of the values is in place of: a strength, say, of its content weight."""
    rivals = {one: other for pair in IN_PLACE_OF for one, other in (pair, pair[::-1])}
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
