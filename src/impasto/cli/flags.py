"""Flags made from the model of the options: name, default, help and choices are stated there alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from impasto.errors import OptionsError
from impasto.notation import as_typed, flag_name
from impasto.sections import section_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from impasto.options import Options


class OptionsCommand(click.Command):
    """A command with a flag for each option. They are made when needed: the model takes time to import."""

    def __init__(self, *arguments: Any, of_content: bool = True, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.of_content = of_content  # whether it has a use for the options that are about the content

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*_flags(self.of_content), *super().get_params(ctx)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                sections.setdefault(getattr(param, "section", "Output"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class _Flag(click.Option):
    section: str


def given_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given on the command line."""
    return {name: value for name, value in flags.items() if value not in (None, ())}


def chosen_options(
    preset: str | Mapping[str, Any] | None, given: Mapping[str, Any], make: Callable[..., Options] | None = None
) -> Options:
    """Defaults, overridden by a preset or a recipe, overridden by the flags given. OptionsError names the flag.

    make: what makes options of these, if not `make_options`.
    """
    from impasto.options import make_options

    values = given_flags(given)
    try:
        return (make or make_options)(preset, **values)
    except OptionsError as error:
        raise OptionsError(_naming(str(error), values, preset if isinstance(preset, str) else None)) from None


def _naming(sentence: str, values: Mapping[str, str], preset: str | None) -> str:
    """`tv_weight: …` -> `--tv-weight: …` if it came by a flag, else `preset 'mine.toml': tv_weight: …`."""
    option = re.match(r"(\w+)[.:]", sentence)
    if option and option[1] in values:
        return f"{flag_name(option[1])}{sentence.removeprefix(option[1])}"
    of_preset = option or sentence.startswith("there is no option")  # there is one for every flag
    return f"preset {preset!r}: {sentence}" if preset and of_preset else sentence


@cache
def _flags(of_content: bool) -> tuple[_Flag, ...]:
    """Of every option; or, for textures, of those that are not about the content, with the defaults there."""
    from impasto.options import OF_CONTENT, TEXTURE, Options

    fields = Options.model_fields.items()
    if of_content:
        return tuple(_flag(name, field, field.default) for name, field in fields)
    fit = [(name, field) for name, field in fields if name not in OF_CONTENT]
    return tuple(_flag(name, field, TEXTURE.get(name, field.default)) for name, field in fit)


def _flag(name: str, field: FieldInfo, value: object) -> _Flag:
    default = as_typed(value)
    help_text = f"{field.description}  [{default}]" if default else field.description
    if field.annotation is bool:
        flag = _Flag([f"{flag_name(name)}/--no-{name.replace('_', '-')}", name], default=None, help=help_text)
    else:
        flag = _Flag([flag_name(name), name], metavar=_metavar(field), multiple=_repeated(field), help=help_text)
    flag.section = section_of(name)
    return flag


def _repeated(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("repeated"))


def _metavar(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "metavar" in extra:
        return str(extra["metavar"])
    if get_origin(field.annotation) is Literal:
        return "|".join(map(str, get_args(field.annotation)))
    return "N" if "int" in str(field.annotation) else "X"
