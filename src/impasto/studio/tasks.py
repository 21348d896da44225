"""What the painting process is asked for, read by a thread of its own: so it can be told to stop in the middle."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, TypeVar

State = TypeVar("State")
Message = tuple[Any, ...]

NUMBER = getattr(signal, "SIGUSR1", signal.SIGINT)  # of the signal by which the thread interrupts the process


class Cancelled(BaseException):
    """What is being done is not wanted any more. No Exception, so that nothing on its way takes it for a failure."""


@dataclass
class _Task:
    message: Message
    cancelled: bool = False


class Tasks:
    """The messages that come, one by one, to be made in the main thread; ("cancel",) is about the one before it.

    An operation of torch cannot be interrupted. While there is something to keep, ("saving",) is told as soon as a
    task is cancelled, so that nobody takes a long one for a process that does not listen.

    When the pipe closes, nobody is there any more to paint for: what is being done is cancelled, and no more comes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        self._current: _Task | None = None
        self._telling = threading.Lock()
        self._keeping = False
        self._held = True  # whether there is something that must not be interrupted
        signal.signal(NUMBER, self._interrupted)
        threading.Thread(target=self._read, name="tasks", daemon=True).start()

    def __iter__(self) -> Iterator[Message]:
        while (task := self._queue.get()) is not None:
            self._current = task
            yield task.message

    def tell(self, *message: object) -> None:
        """Sends a message. OSError where nobody listens."""
        with self._telling:
            self._connection.send(message)

    def keep(self, *, something: bool) -> None:
        """Whether there is something to keep of the task: from its first state on to where it is saved."""
        with self._telling:
            self._keeping = something

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """What is done within is ended by Cancelled, where that is asked for or was before."""
        self._held = False
        try:
            self._check()
            yield
        finally:
            self._held = True

    def each(self, states: Iterable[State]) -> Iterator[State]:
        """The states, one by one: Cancelled is raised while the next one is computed, never in between."""
        iterator = iter(states)
        while True:
            try:
                with self.stoppable():
                    state = next(iterator)
            except StopIteration:
                return
            yield state

    def _read(self) -> None:
        latest = _Task(())
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                message = None
            if message is None or message == ("cancel",):
                latest.cancelled = True
                _thread.interrupt_main(NUMBER)
                self._tell_saving(latest)
            else:
                latest = _Task(message)
                self._queue.put(latest)
            if message is None:
                self._queue.put(None)
                return

    def _tell_saving(self, task: _Task) -> None:
        with self._telling, suppress(OSError):
            if self._keeping and task is self._current:
                self._connection.send(("saving",))

    def _interrupted(self, _number: int, _frame: object) -> None:
        if not self._held:
            self._check()

    def _check(self) -> None:
        if self._current is not None and self._current.cancelled:
            raise Cancelled
