"""`impasto presets` and `impasto show`: settings that come with Impasto, and those in a picture."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from impasto.cli.messages import say
from impasto.errors import ImageError

_MOST_PIXELS = 10**10  # none of which are decoded


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the presets, or print the options that preset NAME sets, as TOML."""
    from impasto.options import Options, load_preset
    from impasto.options import presets as known_presets

    if name is not None:
        defaults = {} if load_preset(name) else Options().model_dump(mode="json", exclude_none=True)
        for option, value in (load_preset(name) or defaults).items():
            click.echo(f"{option} = {_as_toml(value)}")
        return
    known = known_presets()
    width = max(map(len, known))
    for preset, purpose in known.items():
        click.echo(f"{preset:<{width}}  {purpose}")


def _as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_as_toml(part)}" for name, part in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


@click.command()
@click.argument("picture")
@click.option("--command", "only_command", is_flag=True, help="Print nothing but the command that makes it again.")
def show(picture: str, only_command: bool) -> None:
    """Print the recipe that PICTURE was made with, as JSON, and the command that makes it again."""
    from impasto.command import command_line
    from impasto.imagefile import describe
    from impasto.remake import find_files, recipe_hashes, run_recipe

    recipe = run_recipe(picture, _MOST_PIXELS)
    if not only_command:
        click.echo(json.dumps(recipe, indent=2))
    files = find_files(recipe_hashes(recipe), [Path(picture).parent, "."])
    try:
        again = command_line(recipe, files, _another(files, Path(picture).suffix.lower()), _before(recipe, files))
    except ImageError as error:
        raise ImageError(f"image {describe(picture)}: {error}") from None
    if only_command:
        click.echo(again)
    else:
        say(f"made again by: {again}")


def _another(files: dict[str, str], suffix: str) -> str:
    """A name for the picture, and of none of the files."""
    taken = {Path(file).resolve() for file in files.values()}
    names = (f"again{number}{suffix}" for number in ("", *map("-{}".format, range(2, len(taken) + 3))))
    return next(name for name in names if Path(name).resolve() not in taken)


def _before(recipe: dict[str, Any], files: dict[str, str]) -> dict[str, Any] | None:
    """The recipe of the picture that it went on from, if that is at hand."""
    from impasto.remake import run_recipe

    source = files.get(recipe.get("continued", ""))
    if source is None:
        return None
    with suppress(ImageError):
        return run_recipe(source)
    return None
