"""`impasto studio` as a program: where it opens, how it ends, and that a painter which is killed costs a job only."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from studioplay import Client, studio, wait_for

from impasto.cli.group import run as run_command
from impasto.cli.signals import Interrupts
from impasto.studio.job import Job
from impasto.studio.jobs import BUSY, CRASHED
from impasto.studio.orders import Order
from impasto.studio.process import Spawned

START = "import sys; from impasto.__main__ import main; sys.argv[0] = 'impasto'; main()"


class Opened:
    """A studio in a process of its own."""

    def __init__(self, cache: Path, *arguments: str) -> None:
        self.cache = cache
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, "studio", "--port", "0", *arguments],
            env=os.environ | {"IMPASTO_CACHE": str(cache)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> int:
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": where.netloc} | (headers or {}))
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self, number: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=15)
        finally:
            self.process.kill()
        return self.process.returncode


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made = Opened(tmp_path / "cache")
    yield made
    made.end()


def test_the_studio_opens_on_this_machine(opened: Opened) -> None:
    where = urlsplit(opened.address)
    assert (where.scheme, where.hostname, where.path, where.query) == ("http", "127.0.0.1", "/", "")
    assert opened.get() == 200
    assert opened.get("/api/form") == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_studio_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    opened = Opened(tmp_path / "cache")
    assert opened.get() == 200
    assert list((tmp_path / "cache" / "studio").iterdir())
    begun = time.monotonic()
    opened.end(number)
    assert time.monotonic() - begun < 10
    assert list((tmp_path / "cache" / "studio").iterdir()) == []


def test_beyond_this_machine_there_is_a_token(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "cache", "--host", "0.0.0.0")
    try:
        where = urlsplit(opened.address)
        name, _, token = where.query.partition("=")
        assert (name, len(token) >= 22) == ("token", True)  # 128 bits in base 64
        local = {"Host": f"127.0.0.1:{where.port}"}
        assert opened.get(headers=local) == 401
        assert opened.get(headers=local | {"Authorization": f"Bearer {token}"}) == 200
        assert opened.get(f"/?token={token}", headers=local) == 303
        assert opened.get(headers={"Host": f"evil.example:{where.port}", "Authorization": f"Bearer {token}"}) == 421
    finally:
        opened.end()


def test_a_port_that_is_taken(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    port = urlsplit(opened.address).port
    assert run_command(["studio", "--port", str(port)], Interrupts()) == 2
    assert f"the studio cannot open 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("screen", [True, False])
def test_the_browser_is_opened_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch, *, screen: bool) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("impasto.studio.serve.serve", lambda host, port, ready: ready(f"http://{host}:{port}/"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", ":0")
    assert run_command(["studio", "--open"], Interrupts()) == 0
    assert opened == (["http://127.0.0.1:8765/"] if screen else [])


def test_without_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run_command(["studio"], Interrupts()) == 2
    assert "pip install 'impasto[studio]'" in capsys.readouterr().err


def test_a_cache_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file"))
    assert run_command(["studio", "--port", "0"], Interrupts()) == 1
    assert "the cache folder cannot hold the studio's pictures" in capsys.readouterr().err


@pytest.fixture
def photograph(tmp_path: Path) -> bytes:
    path = tmp_path / "photo.png"
    ramp = np.linspace(0, 255, 96 * 64 * 3).reshape(64, 96, 3).astype(np.uint8)
    Image.fromarray(ramp).save(path)
    return path.read_bytes()


def _order(client: Client, photograph: bytes, size: int) -> dict[str, object]:
    photo = client.json("POST", "/api/pictures", photograph)
    return {"content": photo["id"], "styles": ["whirl"], "options": {"size": size, "iterations": "3", "seed": 4}}


def test_a_real_painter_and_what_goes_on_from_it(tmp_path: Path, photograph: bytes) -> None:
    """The picture, its recipe and its command; a larger one from it; an estimate; and a sentence where that fails."""
    with studio(tmp_path / "studio", Spawned) as (client, made):
        order = _order(client, photograph, 64)
        assert client.json("POST", "/api/estimates", order)["width"] == 64
        first = client.json("POST", "/api/jobs", order)
        job = wait_for(made.jobs.get(first["id"]), "done", "failed", seconds=120)
        assert job.error is None
        facts = client.json("GET", f"/api/jobs/{job.id}")
        assert (facts["width"], facts["height"], facts["fraction"], facts["deep"]) == (64, 43, 1, True)
        assert facts["command"] == "impasto stylize PHOTO whirl --size 64 --iterations 3 --seed 4 -o picture.png" or (
            "impasto stylize PHOTO" in facts["command"] and "--seed 4" in facts["command"]
        )
        picture = client.ask("GET", f"/api/jobs/{job.id}/picture.png")[2]
        found = client.json("POST", "/api/recipes", picture)
        assert found["options"] == {"size": 64, "iterations": "3", "seed": 4}
        assert found["content"]["id"] == order["content"]
        larger = client.json("POST", "/api/jobs", order | {"options": {"size": 160}, "from": job.id})
        grown = wait_for(made.jobs.get(larger["id"]), "done", "failed", seconds=120)
        assert grown.error is None
        assert grown.facts["width"] == 160
        assert "continued" in grown.facts["recipe"]
        smaller = client.json("POST", "/api/jobs", order | {"options": {"size": 32}, "from": grown.id})
        failed = wait_for(made.jobs.get(smaller["id"]), "done", "failed", seconds=120)
        assert failed.error == "the continued picture is 160 x 107 pixels already: give a size of 160 or more"
        assert json.loads(client.ask("GET", f"/api/jobs/{failed.id}")[2])["state"] == "failed"


def _wait_for_preview(job: Job) -> None:
    until = time.monotonic() + 120
    while not job.previews:
        assert time.monotonic() < until, f"it is {job.state}, and there is nothing to see"
        time.sleep(0.02)


def test_a_painter_that_is_killed(tmp_path: Path, photograph: bytes) -> None:
    with studio(tmp_path / "studio", Spawned) as (client, made):
        order = _order(client, photograph, 512) | {"options": {"size": 512, "iterations": "400"}}
        job = made.jobs.get(client.json("POST", "/api/jobs", order)["id"])
        _wait_for_preview(job)
        process = made.jobs._process
        assert isinstance(process, Spawned)
        process._process.kill()
        assert wait_for(job, "failed").error == CRASHED
        again = made.jobs.get(client.json("POST", "/api/jobs", _order(client, photograph, 64))["id"])
        assert wait_for(again, "done", "failed", seconds=120).error is None


def test_a_stop_in_the_middle_of_an_evaluation(tmp_path: Path, photograph: bytes) -> None:
    """Which takes longer than two seconds: the picture is the best one before, and the painter goes on."""
    with studio(tmp_path / "studio", Spawned) as (client, made):
        size = 900
        order = _order(client, photograph, size) | {
            "options": {"size": size, "min_size": size, "iterations": "9", "content_weight": 1.0}
        }
        job = made.jobs.get(client.json("POST", "/api/jobs", order)["id"])
        _wait_for_preview(job)
        process = made.jobs._process
        time.sleep(0.3)
        begun = time.monotonic()
        client.ask("DELETE", f"/api/jobs/{job.id}")
        while not (job.saving or job.over):
            time.sleep(0.01)
        assert time.monotonic() - begun < 2
        wait_for(job, "stopped")
        data = client.ask("GET", f"/api/jobs/{job.id}/picture.png")[2]
        assert Image.open(io.BytesIO(data)).size == (size, 600)
        assert job.facts["recipe"]["reached"]["evaluations"] == job.facts["evaluations"] >= 1
        again = made.jobs.get(client.json("POST", "/api/jobs", _order(client, photograph, 64))["id"])
        assert wait_for(again, "done", "failed", seconds=120).error is None
        assert made.jobs._process is process


def test_a_real_estimate_gives_way_to_a_job(
    tmp_path: Path, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of timing the machine, in the process that then paints."""
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    with studio(tmp_path / "studio", Spawned) as (client, made):
        order = _order(client, photograph, 64)
        job = made.jobs.get(client.json("POST", "/api/jobs", order)["id"])
        wait_for(job, "done", "failed", seconds=120)
        process = made.jobs._process
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(client.json("POST", "/api/estimates", order)))
        asking.start()
        time.sleep(1)
        again = made.jobs.get(client.json("POST", "/api/jobs", order)["id"])
        assert wait_for(again, "done", "failed", seconds=120).error is None
        asking.join(10)
        assert answers == [{"untold": BUSY}]
        assert made.jobs._process is process


def test_a_painter_without_its_studio_ends(tmp_path: Path, photograph: bytes) -> None:
    """In the middle of an evaluation: nobody waits for the picture any more."""
    painter = Spawned()
    (tmp_path / "photo.png").write_bytes(photograph)
    values = {"size": 900, "min_size": 900, "iterations": "50", "content_weight": 1.0}
    painter.connection.send(("paint", Order(str(tmp_path / "photo.png"), ("whirl",), None, values), tmp_path))
    while painter.connection.recv()[0] != "progress":
        pass
    painter.connection.close()
    painter._process.join(10)
    assert painter._process.exitcode == 0
