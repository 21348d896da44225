"""`impasto weights`: the networks that are there, whether they are whole, and new ones."""

import click

from impasto.cli.messages import shown


@click.group(invoke_without_command=True)
@click.pass_context
def weights(ctx: click.Context) -> None:
    """List, verify and import weights."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_weights)


@weights.command("list")
def list_weights() -> None:
    """List the weights that have a name."""
    from impasto.weights import available_weights

    for known in available_weights():
        click.echo(f"{known.name}  {known.architecture}  {known.sha256}  {known.source}")


@weights.command()
@click.argument("name", metavar="NAME|FILE")
def verify(name: str) -> None:
    """Check hash, shapes and values of weights."""
    from impasto.weights import verify_weights

    known = verify_weights(name)
    click.echo(f"{shown(known.name)}: a whole {known.architecture}, SHA-256 {known.sha256}")


@weights.command("import")
@click.argument("file")
@click.option("--name", help="What to call it  [the file's name]")
@click.option(
    "--preprocessing",
    type=click.Choice(["auto", "caffe", "torch"]),
    default="auto",
    show_default=True,
    help="What the network expects of a picture.",
)
def import_file(file: str, name: str | None, preprocessing: str) -> None:
    """Copy a .safetensors, .pth, .pt or .h5 FILE into the cache, to be used by its name."""
    from impasto.weights import import_weights

    target = import_weights(file, name, preprocessing)  # type: ignore[arg-type]
    click.echo(f"{target.stem}: now for use as --weights {target.stem}")
