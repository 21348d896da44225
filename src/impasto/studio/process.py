"""The painting process, as the studio sees it."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from typing import Protocol

from impasto.studio.painter import paint_orders


class Process(Protocol):
    """The painting process: a real one, or a test's."""

    connection: Connection

    def end(self) -> None: ...


class Spawned:
    """A new process of the interpreter, which shares nothing with this one."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=paint_orders, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.join(5)
