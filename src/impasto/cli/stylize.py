"""`impasto stylize`: one run, from the command line to the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.flags import OptionsCommand, chosen_options
from impasto.cli.progress import progress_display
from impasto.cli.report import Report, kept
from impasto.cli.signals import Interrupts, Stopped

if TYPE_CHECKING:
    from impasto.cli.files import Files
    from impasto.cli.group import Session
    from impasto.options import Options
    from impasto.transfer import Iterate, Transfer


@click.command(cls=OptionsCommand, short_help="Paint a photograph in the style of a painting.")
@click.argument("content")
@click.argument("styles", metavar="STYLE…", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE", required=True, help="The picture: .png, .jpg, .webp or .tiff.")
@click.option("--preset", metavar="NAME|FILE.toml", help="Options to begin with; see `impasto presets`.")
@click.option("--save-every", type=click.IntRange(1), metavar="N", help="Keep a picture of every Nth evaluation.")
@click.option("--preview", is_flag=True, help="Keep the output fresh while it is painted.")
@click.option("--no-clobber", is_flag=True, help="Refuse to replace a file.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the run as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_obj
def stylize(
    session: Session,
    /,
    *,
    content: str,
    styles: tuple[str, ...],
    output: str,
    preset: str | None,
    save_every: int | None,
    preview: bool,
    no_clobber: bool,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Paint the photograph CONTENT in the style of STYLE, or of several styles in equal parts.

    A run that ends early keeps the best picture so far, and its exit code says why: 130 for Ctrl-C, 143 for
    SIGTERM, 3 for memory, 4 for a loss that is not a number.
    """
    report = Report(as_json=as_json, quiet=quiet)
    options = chosen_options(preset, flags)
    from impasto.cli.files import Files

    files = Files(content, styles, output, clobber=not no_clobber, save_every=save_every)
    files.check(options)
    _paint(files, options, preview, report, session.interrupts)


def _paint(files: Files, options: Options, preview: bool, report: Report, interrupts: Interrupts) -> None:
    """From checked files to the picture and its report; raises what ended the run early once both are out."""
    with progress_display(report.shows_progress) as begin:
        from impasto.cli.saver import Saver
        from impasto.device import peak_memory
        from impasto.transfer import prepare

        transfer = prepare(files.content, files.styles, options=options)
        steps = [evaluations for _, evaluations in transfer.schedule]
        files.check_frames(options, sum(steps))
        report.notes(transfer.notes)
        saver = Saver(files, transfer, preview=preview)
        interrupts.hold()
        state, ending = _follow(transfer, [begin(steps), saver.watch], interrupts)
        picture = saver.save(state, files.output)
        ending = ending or interrupts.noted()
    peak = peak_memory(transfer.compute.device)
    try:
        report.picture(files.output, picture.size, state, recipe=saver.recipe(state), peak_memory=peak)
    finally:  # the same Ctrl-C may have ended the reader of our pipe
        if ending is not None:
            ending.add_note(kept(files.output, state))
            raise ending


def _follow(
    transfer: Transfer, watchers: Sequence[Callable[[Iterate], None]], interrupts: Interrupts
) -> tuple[Iterate, BaseException | None]:
    """Runs to the end: the last state; or as far as it gets: the best one so far, and what ended the run."""
    state = best = None
    try:
        for state in interrupts.stoppable(transfer):
            best = state if best is None or _better(state, best) else best
            for watch in watchers:
                watch(state)
    except (Stopped, Exception) as ending:
        if state is None or best is None:
            raise
        return state if state.last else best, ending
    assert state is not None  # every scale has an evaluation
    return state, None


def _better(state: Iterate, best: Iterate) -> bool:
    """Whether it is at least as good: losses compare only at one scale and one weight, and later ones are finer."""
    alike = (state.scale, state.content_weight) == (best.scale, best.content_weight)
    return not alike or state.losses["total"] <= best.losses["total"]
