"""`impasto sweep`: a sheet of variations, and single cells of one at any size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.flags import OptionsCommand, chosen_options, given_flags
from impasto.cli.messages import say, shown
from impasto.cli.painting import Output, paint
from impasto.cli.report import Report
from impasto.cli.signals import Stopped
from impasto.errors import ImageError, OptionsError
from impasto.notation import flag_name

if TYPE_CHECKING:
    from impasto.cli.group import Session
    from impasto.options import Options
    from impasto.transfer import Transfer
    from impasto.variations import Sweep


@click.command(cls=OptionsCommand, short_help="Paint a sheet of variations, or one of its cells.")
@click.argument("files", metavar="CONTENT STYLE… | SHEET", nargs=-1, required=True)
@click.option(
    "--vary", multiple=True, metavar="OPTION=X,X…", help="An option, or style, and its values; twice for rows."
)
@click.option("-o", "--output", metavar="FILE", help="The sheet: .png, .jpg, .webp, .tiff or .pdf.")
@click.option("--cells", metavar="DIR", help="Keep the single pictures there, too.")
@click.option("--table", metavar="FILE", help="Write the losses of all cells: .csv or .json.")
@click.option("--cell-side", type=click.IntRange(16, 4096), metavar="N", help="Of a cell on the sheet, in pixels.")
@click.option("--render", metavar="CELL", help="Paint this cell of SHEET, B3 say, as a picture of its own.")
@click.option("--preset", metavar="NAME|FILE.toml", help="Options that all cells begin with; see `impasto presets`.")
@click.option("--no-clobber", is_flag=True, help="Refuse to replace a file.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def sweep(
    ctx: click.Context,
    /,
    *,
    files: tuple[str, ...],
    vary: tuple[str, ...],
    output: str | None,
    cells: str | None,
    table: str | None,
    cell_side: int | None,
    render: str | None,
    preset: str | None,
    no_clobber: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Paint CONTENT in the style of STYLE for every value of one or two options, and put the pictures on one sheet.

    \b
    impasto sweep photo.jpg painting.jpg --vary tv-weight=0.01,1,100 -o sheet.png
    impasto sweep photo.jpg --vary style=a.jpg,b.jpg --vary strength=0.3,0.6 -o sheet.pdf
    impasto sweep --render B2 --size 2048 sheet.png

    The same command again goes on where it was stopped. Values that hold commas are parted by semicolons.
    """
    values = given_flags(flags)
    if render is not None:
        of_sheets = (("--vary", vary), ("--cells", cells), ("--table", table), ("--cell-side", cell_side))
        for flag, given in (*of_sheets, ("--preset", preset)):
            if given:
                raise click.UsageError(f"--render paints one cell as its sheet has it: {flag} is for new sheets", ctx)
        _render(ctx.obj, files, render, output, values, clobber=not no_clobber, quiet=quiet)
        return
    if not vary or output is None:
        raise click.UsageError("expected --vary OPTION=VALUE,VALUE… and -o FILE, or --render CELL and a SHEET", ctx)
    from impasto.axes import STYLE, grid, parse_axis
    from impasto.cli.files import check_pictures
    from impasto.remake import FILE_OPTIONS

    axes = dict(parse_axis(text) for text in vary)
    if len(axes) < len(vary):
        raise click.UsageError("an option may be varied once", ctx)
    content, *styles = files
    if not styles and STYLE not in axes:
        raise click.UsageError("expected a STYLE, or --vary style=FILE,FILE…", ctx)
    if styles and STYLE in axes:
        raise click.UsageError("expected a STYLE, or --vary style=FILE,FILE…, not both", ctx)
    options = _first_options(preset, axes, values)
    named = [value for name in FILE_OPTIONS for value in _texts(values.get(name), *axes.get(name, []))]
    labels = grid([len(one) for one in axes.values()])
    check_pictures(
        [*(("style", style) for style in (*styles, *axes.get(STYLE, []))), ("content", content)], options.max_pixels
    )
    inputs = [content, *styles, *axes.get(STYLE, []), *named]
    _check_outputs(inputs, output, cells, labels, table=table, clobber=not no_clobber)
    _paint(
        ctx.obj, content=content, styles=styles, axes=axes, preset=preset, values=values,
        output=output, cells=cells, table=table, cell_side=cell_side, quiet=quiet,
    )  # fmt: skip


def _first_options(preset: str | None, axes: Mapping[str, list[str]], values: Mapping[str, Any]) -> Options:
    """The options of the first cell; errors name the flag that they came by."""
    from impasto.options import Options

    first = {name: given[0] for name, given in axes.items() if name in Options.model_fields and name not in values}
    try:
        return chosen_options(preset, first | dict(values))
    except OptionsError as error:
        for name in first:
            if re.match(rf"{flag_name(name)}(?![\w-])", str(error)):
                raise OptionsError(f"cell A1: {name}{str(error).removeprefix(flag_name(name))}") from None
        raise


def _texts(*values: Any) -> list[str]:
    """Names of files among values, which may be lists of them."""
    return [part for value in values if value for part in ([value] if isinstance(value, str) else value)]


def _check_outputs(
    inputs: Sequence[str], output: str, cells: str | None, labels: Iterable[str], *, table: str | None, clobber: bool
) -> None:
    """Errors of files to be written, before torch is imported: of their places, and of two in one place."""
    from impasto import atomic
    from impasto.imagefile import describe, naming
    from impasto.output import check_output
    from impasto.sheetfile import check_sheet, check_table

    check_sheet(output, inputs, clobber=clobber)
    if table is not None:
        check_table(table, inputs, clobber=clobber)
    if cells is None:
        return
    folder = next(place for place in (Path(cells), *Path(cells).absolute().parents) if os.path.lexists(place))
    if not folder.is_dir():
        raise ImageError(f"cells {cells!r} cannot be written: {str(folder)!r} is not a folder")
    with naming(f"cells {describe(cells)}", "cannot be written"):
        atomic.check(folder / "cell.png")
    for single in (Path(cells) / f"{label}.png" for label in labels):
        if single.resolve() == Path(output).resolve():
            raise ImageError(f"output {output!r} would be one of the pictures in --cells {cells}: give another name")
        if folder == Path(cells):
            check_output(single, inputs, clobber=clobber)


def _paint(
    session: Session,
    *,
    content: str,
    styles: list[str],
    axes: Mapping[str, list[str]],
    preset: str | None,
    values: dict[str, Any],
    output: str,
    cells: str | None,
    table: str | None,
    cell_side: int | None,
    quiet: bool,
) -> None:
    from impasto.variations import sweep as make_sweep

    job = make_sweep(content, styles or None, axes, preset=preset, **values)
    job.check(output, cell_side=cell_side)
    session.interrupts.hold()
    try:
        _follow(session, job, quiet)
    except (Stopped, Exception) as ending:
        if job.finished:
            ending.add_note(
                f"{len(job.finished)} of {len(job.combinations)} cells are kept: the same command goes on from there"
            )
        raise
    job.save(output, cell_side=cell_side)
    if cells is not None:
        job.save_cells(cells)
    if table is not None:
        job.save_table(table)
    if not quiet:
        click.echo(f"{shown(output)}: {len(job.combinations)} cells")


def _follow(session: Session, job: Sweep, quiet: bool) -> None:
    """Paints all cells, and says of each when it is there."""
    count = 0
    for one, state in session.interrupts.stoppable(job.states()):
        if state is None or state.last:
            count += 1
            what = "kept from before" if state is None else f"{state.seconds:.1f} s"
            if not quiet:
                say(f"{one.label} ({count} of {len(job.combinations)}), {shown(one.caption)}: {what}")


def _render(
    session: Session,
    files: tuple[str, ...],
    label: str,
    output: str | None,
    values: dict[str, Any],
    *,
    clobber: bool,
    quiet: bool,
) -> None:
    """One cell of a sheet, of the files that are given behind it or that are found by their hashes."""
    from impasto.axes import render_options
    from impasto.output import check_output
    from impasto.remake import find_files, found_options, option_hashes
    from impasto.sheetfile import read_sheet_recipe

    sheet, *given = files
    recipe: dict[str, Any] = read_sheet_recipe(sheet)
    recalled, hashes = render_options(recipe, label, f"sheet {sheet!r}")
    wanted = [*([] if len(given) > 1 else [recipe["content"], *hashes]), *option_hashes(recalled, values)]
    found = find_files(wanted, [Path(sheet).parent, "."]) if wanted else {}
    content, styles = (given[0], tuple(given[1:])) if len(given) > 1 else _found(sheet, recipe, hashes, found)
    options = chosen_options(found_options(recalled, found, values), values)
    target = output or str(Path(sheet).with_name(f"{Path(sheet).stem}-{label.upper()}.png"))
    report = Report(as_json=False, quiet=quiet)
    check_output(target, [sheet], clobber=clobber)
    wanted_output = Output(target, clobber=clobber, report=report)
    painted = wanted_output.files(content, styles)
    painted.check(options)

    def prepare() -> Transfer:
        from impasto.transfer import prepare

        return prepare(content, styles, options=options)

    paint(wanted_output, painted, options, prepare, session.interrupts)


def _found(
    sheet: str, recipe: Mapping[str, Any], hashes: list[str], found: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """Content and styles among the files that were found by their hashes."""
    if not {recipe["content"], *hashes} <= found.keys():
        raise OptionsError(
            f"photograph or styles of {sheet!r} are not beside it under any name: give them behind it, as in "
            "impasto sweep --render B3 SHEET PHOTO PAINTING"
        )
    return found[recipe["content"]], tuple(found[digest] for digest in hashes)
