"""One run from checked files to the picture and its report, for every command that paints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.progress import progress_display
from impasto.cli.report import Report, kept
from impasto.cli.signals import Interrupts, Stopped

if TYPE_CHECKING:
    from impasto.cli.files import Files
    from impasto.options import Options
    from impasto.transfer import Iterate, Transfer

OUTPUT_FLAGS = (
    click.option("-o", "--output", metavar="FILE", help="The picture: .png, .jpg, .webp or .tiff."),
    click.option("--dry-run", is_flag=True, help="Only say what it will take here, in time and in memory."),
    click.option("--preset", metavar="NAME|FILE.toml", help="Options to begin with; see `impasto presets`."),
    click.option("--save-every", type=click.IntRange(1), metavar="N", help="Keep a picture of every Nth evaluation."),
    click.option("--preview", is_flag=True, help="Keep the output fresh while it is painted."),
    click.option("--checkpoint", metavar="DIR", help="Keep the run there; the same command goes on from it."),
    click.option("--resume", is_flag=True, help="Begin nothing anew: go on from --checkpoint."),
    click.option("--no-clobber", is_flag=True, help="Refuse to replace a file."),
    click.option("--json", "as_json", is_flag=True, help="Print the record of the run as JSON."),
    click.option("--quiet", is_flag=True, help="Print nothing but errors."),
)


@dataclass(frozen=True)
class Output:
    """What becomes of a run's picture, by those flags."""

    path: str | None  # none for a dry run
    report: Report
    clobber: bool
    dry_run: bool = False
    preset: str | None = None
    save_every: int | None = None
    preview: bool = False
    checkpoint: str | None = None
    resume: bool = False

    def files(self, content: str | None, styles: tuple[str, ...], source: str | None = None) -> Files:
        """The files of a run with this output."""
        from impasto.cli.files import Files

        return Files(content, styles, self.path, source, clobber=self.clobber, save_every=self.save_every)


def with_output_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command function that takes an `Output`, with the flags that make it."""

    @wraps(command)
    def with_output(*arguments: Any, as_json: bool, quiet: bool, no_clobber: bool, **flags: Any) -> Any:
        names = ("preset", "save_every", "preview", "checkpoint", "resume", "dry_run")
        own = {name: flags.pop(name) for name in names}
        if flags["output"] is None and not own["dry_run"]:
            raise click.UsageError("missing option '-o' / '--output': say where the picture is to go")
        if own["resume"] and own["checkpoint"] is None:
            raise click.UsageError("--resume goes on from a folder: give --checkpoint DIR")
        report = Report(as_json=as_json, quiet=quiet)
        output = Output(flags.pop("output"), clobber=not no_clobber, report=report, **own)
        return command(*arguments, output=output, **flags)

    for flag in reversed(OUTPUT_FLAGS):
        with_output = flag(with_output)
    return with_output


def paint(
    output: Output, files: Files, options: Options, prepare: Callable[[], Transfer], interrupts: Interrupts
) -> None:
    """To the picture and its report; raises what ended the run early once both are out."""
    report = output.report
    if output.dry_run:
        transfer, waited = prepare(), report.seconds
        report.estimate(replace(transfer.estimate, preparation=waited))
        return
    with progress_display(report.shows_progress) as begin:
        from impasto.cli.saver import Saver
        from impasto.memory import peak

        transfer = prepare()
        if output.resume and transfer.snapshots:
            transfer.snapshots.require()
        steps = [evaluations for _, evaluations in transfer.schedule]
        files.check_frames(options, sum(steps))
        report.notes(transfer.notes)
        assert files.output is not None, "only a dry run has none"
        saver = Saver(files, transfer, files.output, preview=output.preview)
        interrupts.hold()
        parts = [(cost.evaluations, cost.each) for cost in transfer.plan.estimate(transfer.layouts).scales]
        state, ending = _follow(transfer, [begin(parts), saver.watch], interrupts)
        size = saver.save(state, files.output)
        report.notes(transfer.mishaps)
        ending = ending or interrupts.noted()
        if transfer.snapshots and transfer.snapshots.problem:
            report.notes([transfer.snapshots.problem])
        elif transfer.snapshots and state.last:
            transfer.snapshots.clear()
    most = peak(transfer.compute.device)
    try:
        report.picture(files.output, size, state, recipe=saver.recipe(state), peak_memory=most)
    finally:  # the same Ctrl-C may have ended the reader of our pipe
        if ending is not None:
            ending.add_note(kept(files.output, state))
            if transfer.snapshots and transfer.snapshots.file.exists():
                ending.add_note("the run is kept, too: the same command goes on from there")
            raise ending


def _follow(
    transfer: Transfer, watchers: Sequence[Callable[[Iterate], None]], interrupts: Interrupts
) -> tuple[Iterate, BaseException | None]:
    """Runs to the end: the last state; or as far as it gets: the best one so far, and what ended the run."""
    from impasto.states import better

    best = None
    try:
        for state in interrupts.stoppable(transfer):
            best = better(state, best)
            for watch in watchers:
                watch(state)
    except (Stopped, Exception) as ending:
        if best is None:
            raise
        return best, ending
    assert best is not None  # every scale has an evaluation
    return best, None
