"""The command `impasto`, also as `python -m impasto`."""

import io
import os
import sys

from impasto.cli.messages import say
from impasto.cli.signals import Interrupts, Stopped


def main() -> int:
    """Runs the command line. Signals are answered before anything that takes time is imported."""
    interrupts = Interrupts()
    interrupts.install()
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # docs/method.md#threads
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
