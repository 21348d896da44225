"""`impasto studio`: a page on this machine to paint on."""

import importlib.util
import os
import signal
import sys

import click

from impasto.cli.messages import say
from impasto.errors import OptionsError

PORT = 8765


def _has_screen() -> bool:
    """Whether a browser could be shown; without one, Linux would look for those of a terminal, and take it over."""
    return not sys.platform.startswith("linux") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Another address asks for a token, and prints it."
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.pass_context
def studio(ctx: click.Context, port: int, host: str, opens: bool) -> None:
    """Open a page on this machine: drop a photograph and a painting, and watch the picture emerge."""
    if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
        raise OptionsError("the studio needs starlette and uvicorn: pip install 'impasto[studio]'")
    from impasto.studio.serve import serve

    interrupts = ctx.obj.interrupts

    def ready(address: str) -> None:
        click.echo(address)
        say("the studio is open; Ctrl-C closes it")
        if interrupts.noted():  # it came while the server was getting ready
            signal.raise_signal(signal.SIGTERM)
        elif opens and _has_screen():
            import webbrowser

            webbrowser.open(address)

    interrupts.hold()  # the server ends in good order, and hands the signal on when all is done
    serve(host, port, ready)
