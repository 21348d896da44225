"""`impasto presets` and `impasto show`: settings that come with Impasto, and those in a picture."""

import json

import click


@click.command()
def presets() -> None:
    """List the presets."""
    from impasto.options import presets as known_presets

    known = known_presets()
    width = max(map(len, known))
    for name, purpose in known.items():
        click.echo(f"{name:<{width}}  {purpose}")


@click.command()
@click.argument("picture")
def show(picture: str) -> None:
    """Print the recipe that PICTURE was made with, as JSON."""
    from impasto.recipe import read_recipe

    click.echo(json.dumps(read_recipe(picture), indent=2))
