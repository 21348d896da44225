"""`impasto styles`: the paintings that come with Impasto and can be named in place of a style file."""

import click

from impasto.cli.messages import shown
from impasto.cli.texture import parse_size


@click.command()
@click.argument("name", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write a picture: of style NAME, or a sheet of them all.")
@click.option("--size", metavar="WxH", help="Width and height of a style in pixels.  [1536x1200]")
@click.option("--seed", type=int, metavar="N", help="Another seed, another picture in the style.  [0]")
@click.option("--no-clobber", is_flag=True, help="Refuse to replace a file.")
def styles(name: str | None, output: str | None, size: str | None, seed: int | None, no_clobber: bool) -> None:
    """List the built-in styles, or paint one, or a sheet of them all.

    \b
    impasto stylize photo.jpg whirl -o picture.png
    """
    if name is not None:
        from impasto.paintings import check
        from impasto.styles import SIZE

        check(name, *SIZE, 0)
    if output is None:
        if name is not None or size is not None or seed is not None:
            raise click.UsageError(f"say where to paint {shown(name or 'it')}: -o FILE")
        _list()
    elif name is not None:
        _write_style(name, output, size, seed or 0, clobber=not no_clobber)
    elif size is None and seed is None:
        _write_sheet(output, clobber=not no_clobber)
    else:
        raise click.UsageError("--size and --seed are for one style: name it before -o")


def _list() -> None:
    from impasto.styles import builtin_styles

    known = builtin_styles()
    width = max(map(len, known))
    for name, purpose in known.items():
        click.echo(f"{name:<{width}}  {purpose}")


def _write_style(name: str, output: str, size: str | None, seed: int, *, clobber: bool) -> None:
    from impasto.output import check_output, save_image
    from impasto.paintings import check, paint
    from impasto.styles import SIZE

    width, height = SIZE if size is None else parse_size(size)
    check(name, width, height, seed)
    check_output(output, [], clobber=clobber, size=(height, width))
    save_image(paint(name, width, height, seed), output)
    click.echo(f"{shown(output)}: {name}, {width} x {height} pixels")


def _write_sheet(output: str, *, clobber: bool) -> None:
    from impasto.output import check_output, save_image
    from impasto.styles import preview_sheet

    check_output(output, [], clobber=clobber)
    sheet = preview_sheet()
    save_image(sheet, output)
    click.echo(f"{shown(output)}: every built-in style, {sheet.width} x {sheet.height} pixels")
