"""`impasto` itself: its commands, and every failure as one sentence and an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import click

from impasto import __version__
from impasto.cli.info import info
from impasto.cli.measure import measure
from impasto.cli.messages import say
from impasto.cli.recipes import presets, show
from impasto.cli.signals import Interrupts
from impasto.cli.studio import studio
from impasto.cli.styles import styles
from impasto.cli.stylize import stylize
from impasto.cli.sweep import sweep
from impasto.cli.texture import texture
from impasto.cli.weights import weights
from impasto.errors import ImpastoError


@dataclass
class Session:
    """What the commands of one process share."""

    interrupts: Interrupts
    debug: bool = False


def run(arguments: Sequence[str], interrupts: Interrupts) -> int:
    """Runs one command line.

    Returns its exit code: 0; 1 for a file that cannot be used, and for a defect of ours; 2 for options; 3 for
    memory; 4 for a run that diverged. Stopped passes through.
    """
    session = Session(interrupts)
    try:
        return impasto.main(list(arguments), "impasto", standalone_mode=False, obj=session) or 0
    except click.UsageError as error:
        _explain(error)
        return error.exit_code
    except Exception as error:
        return _report(error, session)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="impasto %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.pass_context
def impasto(ctx: click.Context, debug: bool) -> None:
    """Paint a photograph in the style of a painting.

    \b
    impasto stylize photo.jpg painting.jpg -o picture.png
    """
    ctx.obj.debug = debug
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for command in (stylize, texture, sweep, studio, styles, measure, info, presets, show, weights):
    impasto.add_command(command)


def _explain(error: click.UsageError) -> None:
    say(error.format_message())
    if error.ctx is not None:
        say(f"try '{error.ctx.command_path} --help'")


def _report(error: Exception, session: Session) -> int:
    if session.debug:
        traceback.print_exception(error)
    elif isinstance(error, ImpastoError):
        say(error)
    elif isinstance(error, OSError):  # of a standard output, say, on a full disk
        say(f"the system refuses to go on: {error}")
    else:
        say(
            f"this is a defect of Impasto: {type(error).__name__}: {' '.join(str(error).split())[:200]}; "
            "please report it with what `impasto --debug …` prints for the same command"
        )
    return getattr(error, "exit_code", 1)
