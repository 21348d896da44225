"""`impasto stylize`: a photograph in the style of paintings, from the start or on from a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.flags import OptionsCommand, chosen_options, given_flags
from impasto.cli.painting import Output, paint, with_output_flags
from impasto.errors import OptionsError

if TYPE_CHECKING:
    from impasto.cli.group import Session
    from impasto.transfer import Transfer


def _needed(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A file that may be left out with --from only."""
    if not value and ctx.params.get("source") is None:
        raise click.MissingParameter(ctx=ctx, param=param)
    return value


@click.command(cls=OptionsCommand, short_help="Paint a photograph in the style of a painting.")
@click.argument("content", required=False, callback=_needed)
@click.argument("styles", metavar="STYLE…", nargs=-1, callback=_needed)
@click.option(
    "--from", "source", metavar="PICTURE", is_eager=True, help="Go on from a picture, with the recipe inside it."
)
@with_output_flags
@click.pass_context
def stylize(
    ctx: click.Context,
    /,
    *,
    content: str | None,
    styles: tuple[str, ...],
    source: str | None,
    output: Output,
    **flags: Any,
) -> None:
    """Paint the photograph CONTENT in the style of STYLE, or of several styles.

    STYLE is a picture, or the name of a built-in style: see `impasto styles`.

    With --from, CONTENT and STYLE may be left out where they lie beside the picture or in this folder.

    A run that ends early keeps the best picture so far, and its exit code says why: 130 for Ctrl-C, 143 for
    SIGTERM, 3 for memory, 4 for a loss that is not a number.
    """
    session: Session = ctx.obj
    recalled: dict[str, Any] = {}
    if source is not None:
        if output.preset is not None:
            raise click.UsageError("--from brings the picture's own options: give single ones, and no --preset", ctx)
        if flags["init"] is not None:
            raise click.UsageError("--from is what the run starts from: give no --init", ctx)
        recalled, content, styles = _recall(source, content, styles, flags)
    assert content is not None  # `_needed`, or recalled
    options = chosen_options(recalled or output.preset, flags)
    files = output.files(content, styles, source)
    files.check(options)

    def prepare() -> Transfer:
        from impasto.transfer import prepare

        return prepare(content, styles, options=options, continued=source, checkpoint=output.checkpoint)

    paint(output, files, options, prepare, session.interrupts)


def _recall(
    source: str, content: str | None, styles: tuple[str, ...], flags: dict[str, Any]
) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """Options, content and styles of a picture; files are found by their hashes where they are not given."""
    from impasto.remake import (
        continued_options,
        find_files,
        found_options,
        option_hashes,
        picture_hashes,
        run_recipe,
    )

    limits = chosen_options(None, {"max_pixels": flags.get("max_pixels")})
    recipe = run_recipe(source, limits.max_pixels)
    given = {"init", *given_flags(flags)}
    pictures = [] if content is not None and styles else picture_hashes(recipe)
    wanted = [*pictures, *option_hashes(recipe["options"], given)]
    found = find_files(wanted, [Path(source).parent, "."]) if wanted else {}
    options = continued_options(recipe | {"options": found_options(recipe["options"], found, given)})
    if content is not None and styles:
        return options, content, styles
    missing = [
        what
        for what, digests in (("photograph", [recipe["content"]]), ("styles", recipe["styles"]))  # none: a texture
        if not set(digests) <= found.keys()
    ]
    if missing:
        are = "is" if missing == ["photograph"] else "are"
        raise OptionsError(
            f"the {' and '.join(missing)} of {source!r} {are} not beside it under any name: "
            "give them, as in impasto stylize PHOTO PAINTING --from PICTURE"
        )
    found_styles = tuple(found[digest] for digest in recipe["styles"])
    return options, content or found[recipe["content"]], styles or found_styles
