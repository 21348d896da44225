"""Ctrl-C and SIGTERM: the first one stops the run in good order, the second one ends the process at once.

Nothing here may take long to import: the handlers are there before torch, or even click, is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from typing import TypeVar

State = TypeVar("State")

_SHOW_CURSOR = b"\x1b[?25h\n"


class Stopped(BaseException):
    """A signal asked for the end. No Exception, so that nothing on its way takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__("stopped")
        self.exit_code = 128 + number  # as a shell reports a process that a signal ended


class Interrupts:
    """Raises Stopped where the signal arrives; once a picture may be lost, only where it is not."""

    def __init__(self) -> None:
        self._number: int | None = None  # of the signal that has come
        self._held = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def uninstall(self) -> None:
        """A signal that comes now, while the interpreter is taken down, ends it without a traceback."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def hold(self) -> None:
        """From here on there is something to lose: signals are only noted, except in `stoppable`."""
        self._held = True

    def noted(self) -> Stopped | None:
        """What is to be raised, when time has come, for the signal that was held back."""
        return None if self._number is None else Stopped(self._number)

    def stoppable(self, states: Iterable[State]) -> Iterator[State]:
        """The states, one by one: a signal is raised while the next one is computed, never in between."""
        iterator = iter(states)
        while True:
            self._held = False
            try:
                if (stopped := self.noted()) is not None:
                    raise stopped
                state = next(iterator)
            except StopIteration:
                return
            finally:
                self._held = True
            yield state

    def _receive(self, number: int, _frame: object) -> None:
        if self._number is not None:
            _end_at_once(128 + number)
        self._number = number
        if not self._held:
            raise Stopped(number)


def _end_at_once(exit_code: int) -> None:
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)  # which the progress display has hidden
    os._exit(exit_code)
