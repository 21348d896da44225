"""The studio's jobs: a bounded queue before one painting process, which may crash, hang, or be told to stop.

A thread of its own feeds the process and listens to it. Nothing here knows of HTTP: jobs are told apart by random
ids, and whoever watches one is called when something is new.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from impasto.studio.job import Job, State
from impasto.studio.orders import Order
from impasto.studio.process import Process, Spawned

WAITING = 24  # jobs in the queue, at most
KEPT = 200  # jobs that have ended, at most
AGE = 24 * 3600.0  # seconds after which what has ended is swept away
DEADLINE = 12 * 3600.0  # seconds that a job may take
PATIENCE = 1.5  # seconds that a process which is told to stop has for it, before it is ended
SAVING = 60.0  # the same of one that is writing the picture
ASKING = 300.0  # seconds that an estimate may take: the first one times the machine
TICK = 0.05  # seconds between two looks at what is to be done
CRASHED = "the painting process ended unexpectedly, perhaps for want of memory: try a smaller size"
BUSY = "told when nothing else is being painted"
LATE = "it took longer than the studio allows"


class QueueFullError(Exception):
    """There is no place for another job."""


Watcher = Callable[[Job], None]


class Jobs:
    """All jobs of a studio. Methods may be called from any thread."""

    def __init__(self, folder: Path, start: Callable[[], Process] = Spawned) -> None:
        self.folder, self._start = folder, start
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._estimates: list[tuple[Order, Callable[[dict[str, Any] | str], object]]] = []
        self._watchers: list[Watcher] = []
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        self._process: Process | None = None
        self._ready = False  # whether it listens
        self._patience = 1.0  # seconds before another process is tried
        self._thread = threading.Thread(target=self._work, name="studio jobs", daemon=True)
        self._thread.start()

    def watch(self, watcher: Watcher) -> None:
        """Has a function called, in any thread, with every job that has something new."""
        self._watchers.append(watcher)

    def add(self, order: Order) -> Job:
        """A new job at the end of the queue; QueueFullError where that is full."""
        with self._lock:
            if len(self._queue) >= WAITING:
                raise QueueFullError
            job = Job(order, self.folder / secrets.token_hex(16))
            job.folder.mkdir(parents=True)
            self._jobs[job.id] = job
            self._queue.append(job)
        self._changed(job)
        self._wake.set()
        return job

    def get(self, name: str) -> Job:
        """A job by its id. KeyError if there is none."""
        with self._lock:
            return self._jobs[name]

    def place(self, job: Job) -> int:
        """How many are before it in the queue; 0 for one that is not in it."""
        with self._lock:
            return self._queue.index(job) + 1 if job in self._queue else 0

    def stop(self, job: Job) -> None:
        """Ends a job: at once in the queue, within two seconds while it is painted. What has ended stays as it is."""
        with self._lock:
            if job in self._queue:
                self._queue.remove(job)
                self._end(job, "stopped")
            elif not job.over and job.stopping is None:
                job.stopping = time.monotonic()
        self._wake.set()

    def estimate(self, order: Order, answer: Callable[[dict[str, Any] | str], object]) -> None:
        """Has a function called with what an order will take, or with a sentence that says why that is not told."""
        with self._lock:
            if self._queue or any(job.state == "painting" for job in self._jobs.values()) or len(self._estimates) > 4:
                answer(BUSY)
                return
            self._estimates.append((order, answer))
        self._wake.set()

    def files(self) -> set[str]:
        """What jobs that are not over have to find."""
        with self._lock:
            orders = [job.order for job in self._jobs.values() if not job.over]
        return {file for order in orders for file in order.files}

    def sweep(self, now: float | None = None) -> None:
        """Removes what ended a day ago, and the oldest where there are too many."""
        now = time.time() if now is None else now
        needed = self.files()
        with self._lock:
            over = sorted((job for job in self._jobs.values() if job.over), key=lambda job: job.ended or 0)
            for number, job in enumerate(over):
                old = now - (job.ended or 0) > AGE or number < len(over) - KEPT
                if old and str(job.folder / "picture.png") not in needed:
                    self._remove(job)

    def close(self) -> None:
        """Ends the process, and removes every file."""
        self._closed = True
        self._wake.set()
        self._thread.join(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _changed(self, job: Job) -> None:
        for watcher in self._watchers:
            watcher(job)

    def _end(self, job: Job, state: State, error: str | None = None) -> None:
        if job.over:
            return
        job.state, job.error, job.ended = state, error, time.time()
        self._changed(job)
        for waiting in list(self._queue):  # each is one place nearer
            self._changed(waiting)

    def _work(self) -> None:
        """The life of the thread."""
        while not self._closed:
            if not self._starts():
                continue
            job = self._next()
            if job is not None:
                self._paint(job)
            elif self._estimates:
                self._ask()
            else:
                self._hear_idle()
                self._wake.wait(TICK)
                self._wake.clear()
        if self._process is not None:
            self._process.end()

    def _starts(self) -> bool:
        """Whether there is a painting process; where none can be, nobody waits for it in vain."""
        try:
            self._living()
            return True
        except Exception as error:  # of the system, which has no more memory or processes
            with self._lock:
                queue, self._queue = self._queue, []
                asked, self._estimates = self._estimates, []
            for job in queue:
                self._end(job, "failed", f"the painting process cannot be started: {error}")
            for _, answer in asked:
                answer("not to be told: the painting process cannot be started")
            self._pause()
            return False

    def _pause(self) -> None:
        """Before another process is tried: longer each time, but not when somebody waits for it."""
        self._wake.wait(self._patience)
        self._wake.clear()
        self._patience = min(60.0, 2 * self._patience)

    def _living(self) -> Process:
        if self._process is None:
            self._process, self._ready = self._start(), False
        return self._process

    def _restart(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = None

    def _hear_idle(self) -> None:
        """What a process says that nobody has asked: that it is ready, or nothing any more."""
        process = self._living()
        try:
            while process.connection.poll():
                if process.connection.recv()[0] == "ready":
                    self._ready, self._patience = True, 1.0
        except (EOFError, OSError):
            self._restart()
            self._pause()

    def _next(self) -> Job | None:
        with self._lock:
            if not self._queue:
                return None
            job = self._queue.pop(0)
            job.state = "painting"
            asked, self._estimates = self._estimates, []
        for _, answer in asked:
            answer(BUSY)
        for one in (job, *self._queue):  # each is one place nearer
            self._changed(one)
        return job

    def _paint(self, job: Job) -> None:
        process, begun, told = self._living(), time.monotonic(), False
        try:
            process.connection.send(("paint", job.order, job.folder))
            while not job.over:
                if process.connection.poll(TICK):
                    self._hear(job, process.connection.recv())
                now, stopping = time.monotonic(), job.stopping
                if stopping is not None and not told:
                    process.connection.send(("cancel",))
                    told = True
                late = now - begun > DEADLINE
                deaf = stopping is not None and now - stopping > (SAVING if job.saving else PATIENCE)
                if self._closed or late or deaf:
                    self._restart()
                    self._end(job, "failed" if late else "stopped", LATE if late else None)
        except (EOFError, OSError):
            self._restart()
            self._end(job, "failed", CRASHED)

    def _hear(self, job: Job, message: tuple[Any, ...]) -> None:
        match message:
            case ("ready",):
                self._ready = True
            case ("begun", facts):
                job.facts |= facts
            case ("progress", facts, preview):
                job.facts |= facts
                if preview is not None:
                    job.preview, job.previews = preview, job.previews + 1
            case ("saving",):
                job.saving = True
            case ("painted", facts):
                job.facts |= facts
                self._end(job, "done")
            case ("stopped", facts):
                job.facts |= facts or {}
                self._end(job, "stopped")
            case ("failed", sentence):
                self._end(job, "failed", sentence)
        if not job.over:
            self._changed(job)

    def _ask(self) -> None:
        """An estimate; it gives way to a job that comes meanwhile."""
        with self._lock:
            order, answer = self._estimates.pop(0)
        process, until, told = self._living(), time.monotonic() + ASKING, False
        try:
            process.connection.send(("estimate", order))
            while not self._closed and time.monotonic() < until:
                if self._queue and self._ready and not told:
                    process.connection.send(("cancel",))
                    until, told = time.monotonic() + SAVING, True  # it may be writing the picture before
                if process.connection.poll(TICK):
                    match process.connection.recv():
                        case ("ready",):
                            self._ready = True
                        case ("estimate", facts):
                            answer(facts)
                            return
                        case ("stopped", _):
                            answer(BUSY)
                            return
                        case ("failed", sentence):
                            answer(sentence)
                            return
        except (EOFError, OSError):
            pass
        self._restart()  # whatever it says now is an answer to nothing
        if not self._closed:  # else nobody listens
            answer(BUSY if told else "not to be told")
