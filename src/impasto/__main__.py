"""The command `impasto`, also as `python -m impasto`."""

import io
import sys

from impasto.cli.messages import say
from impasto.cli.signals import Interrupts, Stopped
from impasto.threads import wait_briefly


def main() -> int:
    """Runs the command line. Signals are answered before anything that takes time is imported."""
    interrupts = Interrupts()
    interrupts.install()
    wait_briefly()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not fit the terminal's encoding
    try:
        from impasto.cli.group import run

        return run(sys.argv[1:], interrupts)
    except Stopped as stopped:
        say(stopped)
        return stopped.exit_code
    finally:
        interrupts.uninstall()


if __name__ == "__main__":
    sys.exit(main())
