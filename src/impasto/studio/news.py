"""News of jobs, from their thread to those who watch them in a browser: server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from impasto.studio.job import Job

PACE = 0.1  # seconds between two tellings of one job, at least
HEARTBEAT = 15.0  # seconds after which something is said on a line that has nothing to say


class News:
    """Who watches which job. `loop` is the server's, once it runs."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._watched: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    def close(self) -> None:
        """Ends every line."""
        self._closed = True
        for events in self._watched.values():
            for event in events:
                event.set()

    def changed(self, job: Job) -> None:
        """There is something new of a job; to be called in any thread."""
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self.loop.call_soon_threadsafe(self._tell, job.id)

    def _tell(self, name: str) -> None:
        for event in self._watched.get(name, ()):
            event.set()

    async def lines(self, job: Job, facts: Callable[[Job], dict[str, Any]]) -> AsyncIterator[str]:
        """The state of a job now, and whenever there is another, until it is over; what came between is left out."""
        news = asyncio.Event()
        self._watched.setdefault(job.id, set()).add(news)
        try:
            while True:
                news.clear()
                over = job.over
                yield f"data: {json.dumps(facts(job))}\n\n"
                if over or self._closed:
                    return
                await asyncio.sleep(PACE)
                while not news.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), HEARTBEAT)
                        break
                    yield ": still there\n\n"
        finally:
            self._watched[job.id].discard(news)
            if not self._watched[job.id]:
                del self._watched[job.id]


class Answer:
    """What a job's thread is asked for, and may be given by whoever is first."""

    def __init__(self) -> None:
        self.given: asyncio.Future[dict[str, Any] | str] = asyncio.get_running_loop().create_future()

    def give(self, facts: dict[str, Any] | str) -> None:
        """The first one counts. In the server's thread."""
        if not self.given.done():
            self.given.set_result(facts)
