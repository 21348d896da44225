"""A painting process that is played by a thread, and a studio around it, for tests that need no painting."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image

from impasto.studio.app import Studio
from impasto.studio.guard import LOCAL, Guard
from impasto.studio.job import Job
from impasto.studio.jobs import Jobs
from impasto.studio.pictures import Pictures
from impasto.studio.serve import Prompt, Server


class Played:
    """Paints a grey picture in so many steps; crashes, hangs or fails where it is told to by the order's size."""

    CRASHES, HANGS, FAILS, ENDLESS = 1001, 1002, 1003, 1004

    def __init__(self, pace: float = 0.01) -> None:
        self.connection, self._ours = Pipe()
        self.pace, self.ended = pace, False
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.ended = True
        self.connection.close()

    def _play(self) -> None:
        try:
            self._ours.send(("ready",))
            while True:
                name, *rest = self._ours.recv()
                if name == "estimate":
                    self._estimate(*rest)
                elif name == "paint":
                    self._paint(*rest)
        except (EOFError, OSError):
            self._ours.close()

    def _estimate(self, order: Any) -> None:
        size = order.values.get("size", 512)
        while size == self.HANGS:
            time.sleep(0.05)
            if self.ended:
                raise EOFError
        if size == self.ENDLESS:  # but it listens
            assert self._ours.recv() == ("cancel",)
            self._ours.send(("stopped", None))
        else:
            self._ours.send(("estimate", {"seconds": 12.0, "memory": 5e8, "width": 40, "height": 30}))

    def _paint(self, order: Any, folder: Path) -> None:
        size = order.values.get("size", 512)
        if size == self.CRASHES:
            raise EOFError
        if size == self.FAILS:
            self._ours.send(("failed", "size: it is an unlucky number"))
            return
        self._ours.send(("begun", {"notes": [], "width": 40, "height": 30}))
        while size == self.HANGS:
            time.sleep(0.05)
            if self.ended:
                raise EOFError
        steps = 10**6 if size == self.ENDLESS else 5
        for step in range(1, steps + 1):
            time.sleep(self.pace)
            facts = {"scale": size, "scales": [size], "step": step, "steps": steps, "fraction": step / steps,
                     "seconds": 0.1 * step, "seconds_left": 0.1 * (steps - step), "loss": 1.0}  # fmt: skip
            self._ours.send(("progress", facts, b"\xff\xd8 preview"))
            if self._ours.poll():
                assert self._ours.recv() == ("cancel",)
                self._ours.send(("stopped", self._keep(folder)))
                return
        self._ours.send(("painted", self._keep(folder)))

    @staticmethod
    def _keep(folder: Path) -> dict[str, Any]:
        Image.new("RGB", (40, 30), "grey").save(folder / "picture.png")
        return {
            "evaluations": 5, "seconds": 0.5, "losses": {"total": 1.0}, "recipe": {"impasto": "test"}, "notes": [],
            "width": 40, "height": 30, "command": "impasto stylize PHOTO STYLE -o picture.png",
        }  # fmt: skip


def wait_for(job: Job, *states: str, seconds: float = 10) -> Job:
    until = time.monotonic() + seconds
    while job.state not in states:
        assert time.monotonic() < until, f"it is {job.state} still"
        time.sleep(0.01)
    return job


class Client:
    """Asks a studio as a script would."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        try:
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def half_a_picture(self) -> bytes:
        """A request that promises more than it sends."""
        head = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: 99999\r\n\r\n"
        return head.encode() + b"abc"

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, _, data = self.ask(method, path, body)
        assert status in (200, 201), data
        return json.loads(data)


@contextmanager
def studio(folder: Path, start: Any = Played, token: str | None = None) -> Iterator[tuple[Client, Studio]]:
    """A studio on a free port of this machine."""
    jobs = Jobs(folder / "jobs", start)
    made = Studio(folder, jobs, Pictures(folder / "pictures", jobs.files))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        guard = Guard(made.application(), frozenset(f"{name}:{port}" for name in LOCAL), token)
        config = uvicorn.Config(guard, log_level="error", ws="none", http=Prompt, timeout_graceful_shutdown=1)
        server = Server(config, lambda: None, made.closing)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Client(port), made
        finally:
            server.should_exit = True
            thread.join(10)
            made.jobs.close()
