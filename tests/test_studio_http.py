"""The studio by HTTP, with a painting process that is played: upload, paint, follow, download, and mean clients."""

import io
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studioplay import Client, Played, studio, wait_for

from impasto.recipe import recipe_metadata
from impasto.studio import bodies, intake, pictures, serve
from impasto.studio.app import PAGE, Studio
from impasto.studio.jobs import WAITING


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[tuple[Client, Studio]]:
    with studio(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(open_studio: tuple[Client, Studio]) -> Client:
    return open_studio[0]


def _file(size: tuple[int, int] = (60, 40), kind: str = "PNG", **settings: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, kind, **settings)
    return buffer.getvalue()


def _order(client: Client, **changes: Any) -> dict[str, Any]:
    photo = client.json("POST", "/api/pictures", _file())
    return {"content": photo["id"], "styles": ["whirl"], "options": {"size": 64}} | changes


def test_upload_paint_follow_download(client: Client) -> None:
    photo = client.json("POST", "/api/pictures", _file((60, 40)))
    assert (photo["width"], photo["height"]) == (60, 40)
    status, headers, small = client.ask("GET", f"/api/pictures/{photo['id']}")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(small)).size == (60, 40)
    job = client.json("POST", "/api/jobs", {"content": photo["id"], "styles": ["whirl"], "options": {"size": 64}})
    status, headers, told = client.ask("GET", f"/api/jobs/{job['id']}/events")
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    states = [json.loads(line.removeprefix("data: ")) for line in told.decode().split("\n\n") if line]
    assert states[-1]["state"] == "done"
    assert states[-1]["finished"]
    assert states[-1]["command"].startswith("impasto stylize PHOTO")
    assert client.ask("GET", f"/api/jobs/{job['id']}/preview")[2] == b"\xff\xd8 preview"
    for kind, magic in {"png": b"\x89PNG", "jpg": b"\xff\xd8\xff", "webp": b"RIFF"}.items():
        status, headers, data = client.ask("GET", f"/api/jobs/{job['id']}/picture.{kind}")
        assert status == 200
        assert data.startswith(magic)
        assert headers["content-disposition"] == f'attachment; filename="impasto.{kind}"'
    assert client.ask("GET", f"/api/jobs/{job['id']}/picture.tiff")[0] == 404  # this painter makes none
    assert client.ask("GET", f"/api/jobs/{job['id']}/picture.exe")[0] == 404


def test_the_page_and_nothing_else(client: Client) -> None:
    for name, kind in PAGE.items():
        status, headers, data = client.ask("GET", f"/page/{name}")
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
        assert data
    assert client.ask("GET", "/")[2] == client.ask("GET", "/page/index.html")[2]
    for path in (
        "/page/app.py",
        "/page/..%2fapp.py",
        "/page/../app.py",
        "/etc/passwd",
        "/page/%2e%2e/guard.py",
        "/api/styles/..%2f..%2fx",
    ):
        assert client.ask("GET", path)[0] == 404


def test_the_page_asks_for_nothing_from_elsewhere(client: Client) -> None:
    total = 0
    for name in PAGE:
        text = client.ask("GET", f"/page/{name}")[2].decode()
        total += len(text)
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        if name.endswith("html"):
            assert "style=" not in text
            assert "onclick" not in text
    assert total < 300_000


def test_the_form_comes_from_the_options(client: Client) -> None:
    from impasto.options import Options
    from impasto.studio.orders import CLOSED

    form = client.json("GET", "/api/form")
    fields = [*form["plain"].values(), *(field for section in form["sections"] for field in section["fields"])]
    assert {field["name"] for field in fields} == set(Options.model_fields) - CLOSED
    by_name = {field["name"]: field for field in fields}
    assert by_name["strength"]["max"] == 1
    assert by_name["pooling"]["choices"] == ["max", "avg"]
    assert by_name["clip"]["kind"] == "switch"
    assert by_name["iterations"]["default"] == "26,24,20,10,6"
    assert (by_name["seed"]["kind"], by_name["seed"]["default"]) == ("text", "0")  # JavaScript rounds large numbers
    assert form["presets"][0]["name"] == "default"
    assert {style["name"] for style in form["styles"]} >= {"whirl", "autumn"}


def test_styles_are_shown(client: Client) -> None:
    assert client.ask("GET", "/api/styles/whirl")[2].startswith(b"\xff\xd8")
    assert client.ask("GET", "/api/styles/nothing")[0] == 404
    assert client.ask("GET", "/api/samples/nothing")[0] == 404
    assert client.ask("POST", "/api/samples/nothing")[0] == 404


def test_samples_are_pictures_like_others(client: Client) -> None:
    pytest.importorskip("skimage")
    assert client.ask("GET", "/api/samples/chelsea")[2].startswith(b"\xff\xd8")
    assert client.json("POST", "/api/samples/chelsea")["width"] == 451


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a and nothing", "this picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "this picture"),
        (b"<html><script>alert(1)</script>", "this picture"),
        (_file()[:100], "this picture"),
    ],
    ids=["empty", "gif", "svg", "html", "cut"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(
    open_studio: tuple[Client, Studio], data: bytes, words: str
) -> None:
    client, made = open_studio
    status, _, body = client.ask("POST", "/api/pictures", data)
    assert status == 422
    sentence = json.loads(body)["error"]
    assert words in sentence
    assert str(made.folder) not in sentence
    assert list(made.pictures.folder.iterdir()) == []


def test_a_bomb_is_not_decoded(client: Client) -> None:
    """A small file that says it has ten thousand megapixels."""
    data = bytearray(_file())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    status, _, body = client.ask("POST", "/api/pictures", bytes(data))
    assert status == 422
    assert "pixels" in json.loads(body)["error"]


def test_a_picture_with_too_many_bytes(open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    client, made = open_studio
    monkeypatch.setattr(pictures, "MOST_BYTES", 1000)
    assert client.ask("POST", "/api/pictures", b"\xff" * 5000)[0] == 413
    assert list(made.pictures.folder.iterdir()) == []


def test_a_sender_that_falls_silent(open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    client, made = open_studio
    monkeypatch.setattr(bodies, "SLOW", 0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as slow:
        slow.sendall(client.half_a_picture())
        assert client.json("GET", "/api/form")  # others are served meanwhile
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    until = time.monotonic() + 5
    while list(made.pictures.folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(made.pictures.folder.iterdir()) == []


def test_a_sender_that_goes_away(open_studio: tuple[Client, Studio]) -> None:
    client, made = open_studio
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as gone:
        gone.sendall(client.half_a_picture())
    until = time.monotonic() + 5
    while list(made.pictures.folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(made.pictures.folder.iterdir()) == []
    assert client.json("GET", "/api/form")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"content": "/etc/passwd"}, "the photograph is not there"),
        ({"content": None}, "the photograph is not there"),
        ({"styles": []}, "choose a painting"),
        ({"styles": ["../../etc/passwd"]}, "the painting is not there"),
        ({"styles": ["http://evil.example/x.png"]}, "the painting is not there"),
        ({"styles": "whirl"}, "choose a painting"),
        ({"styles": ["whirl"] * 9}, "choose a painting"),
        ({"options": {"weights": "/tmp/x.pth"}}, "weights is not for the studio"),
        ({"options": {"init": "/etc/passwd"}}, "init is not for the studio"),
        ({"options": {"content_mask": ["/etc/passwd"]}}, "a mask is not there"),
        ({"options": {"content_mask": "mask.png"}}, "content_mask: expected a list of ids"),
        ({"options": {"style_mask": [["x"]]}}, "a mask is not there"),
        ({"options": {"weights": None}}, "weights is not for the studio"),
        ({"options": {"style_mask": ["x"] * 17}}, "style_mask: expected a list of ids"),
        ({"styles": ["whirl"] * 3}, "choose a painting"),
        ({"options": {"device": "cuda"}}, "device is not for the studio"),
        ({"options": {"strength": 7}}, "strength: "),
        ({"options": {"nonsense": 1}}, "there is no option"),
        ({"options": []}, "options: "),
        ({"options": {"size": 90_000}}, "size: "),
        ({"preset": "/tmp/mine.toml"}, "preset: "),
        ({"preset": []}, "preset: "),
        ({"preset": {}}, "preset: "),
        ({"options": {"iterations": "1," * 9000}}, "options: expected at most"),
        ({"from": "no such job"}, "the picture to go on from is not there"),
        ({"path": "x"}, "an order has no 'path'"),
    ],
)
def test_what_cannot_be_ordered(client: Client, changes: dict[str, Any], words: str) -> None:
    status, _, body = client.ask("POST", "/api/jobs", _order(client) | changes)
    assert status == 422
    assert words in json.loads(body)["error"]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 100_000, b"\xff\xfe", b"[1]"])
def test_what_is_no_order(client: Client, body: bytes) -> None:
    status, _, answer = client.ask("POST", "/api/jobs", body)
    assert status in (400, 422)
    assert json.loads(answer)["error"]


def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They would take the places of others."""
    monkeypatch.setattr(serve, "PROMPT", 0.3)
    with studio(tmp_path) as (client, _), socket.create_connection(("127.0.0.1", client.port), timeout=10) as idle:
        assert idle.recv(10) == b""
        assert client.json("GET", "/api/form")


def test_a_sender_that_never_ends(open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is not silence; it has its time all the same."""
    client, _ = open_studio
    monkeypatch.setattr(intake, "LONGEST", 0.5)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as slow:
        slow.sendall(client.half_a_picture())
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_a_full_disk(open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = open_studio
    order = _order(client)
    monkeypatch.setattr(pictures, "LEAST_FREE", 1 << 60)
    for path, body in (("/api/pictures", _file()), ("/api/jobs", order)):
        status, _, answer = client.ask("POST", path, body)
        assert status == 507
        assert "disk" in json.loads(answer)["error"]


def test_what_waiting_jobs_need_is_not_swept(open_studio: tuple[Client, Studio]) -> None:
    client, made = open_studio
    running = client.json("POST", "/api/jobs", _order(client, options={"size": Played.ENDLESS}))
    order = _order(client, content=client.json("POST", "/api/pictures", _file((50, 40)))["id"])
    waiting = client.json("POST", "/api/jobs", order)
    made.pictures.sweep(time.time() + pictures.AGE + 60)
    assert client.ask("GET", f"/api/pictures/{order['content']}")[0] == 200
    client.ask("DELETE", f"/api/jobs/{waiting['id']}")
    made.pictures.sweep(time.time() + pictures.AGE + 60)
    assert client.ask("GET", f"/api/pictures/{order['content']}")[0] == 404
    client.ask("DELETE", f"/api/jobs/{running['id']}")


def test_an_order_that_never_ends(client: Client) -> None:
    assert client.ask("POST", "/api/jobs", b" " * (bodies.MOST_JSON + 1))[0] == 413


def test_thirty_jobs_at_once(client: Client) -> None:
    order = _order(client, options={"size": Played.ENDLESS})
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.ask("POST", "/api/jobs", order)[0])) for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(201) in (WAITING, WAITING + 1)
    assert answers.count(429) == 30 - answers.count(201)
    assert client.json("GET", "/api/form")


def test_stop(open_studio: tuple[Client, Studio]) -> None:
    client, made = open_studio
    running = client.json("POST", "/api/jobs", _order(client, options={"size": Played.ENDLESS}))
    waiting = client.json("POST", "/api/jobs", _order(client))
    wait_for(made.jobs.get(running["id"]), "painting")
    assert client.json("GET", f"/api/jobs/{waiting['id']}")["place"] == 1
    for name in (waiting["id"], running["id"]):
        assert client.ask("DELETE", f"/api/jobs/{name}")[0] == 204
        wait_for(made.jobs.get(name), "stopped")
    assert client.json("GET", f"/api/jobs/{running['id']}")["finished"]
    assert client.ask("GET", f"/api/jobs/{running['id']}/picture.png")[0] == 200
    assert client.ask("DELETE", f"/api/jobs/{running['id']}")[0] == 204
    assert client.ask("GET", f"/api/jobs/{running['id']}/picture.png")[0] == 200
    assert client.ask("DELETE", "/api/jobs/unknown")[0] == 404


def test_a_change_by_get_is_none(client: Client) -> None:
    assert client.ask("GET", "/api/jobs")[0] == 405
    assert client.ask("POST", "/")[0] == 405


def test_a_second_watcher_finds_the_job(client: Client) -> None:
    """After a reload, in a second tab, or when the line was lost."""
    job = client.json("POST", "/api/jobs", _order(client, options={"size": Played.ENDLESS}))
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
            line.sendall(
                f"GET /api/jobs/{job['id']}/events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n".encode()
            )
            assert line.recv(100).startswith(b"HTTP/1.1 200")
    assert client.json("GET", f"/api/jobs/{job['id']}")["state"] in ("waiting", "painting")
    client.ask("DELETE", f"/api/jobs/{job['id']}")


def test_what_it_will_take(client: Client) -> None:
    assert client.json("POST", "/api/estimates", _order(client))["seconds"] == 12
    assert client.ask("POST", "/api/estimates", _order(client, styles=[]))[0] == 422
    job = client.json("POST", "/api/jobs", _order(client, options={"size": Played.ENDLESS}))
    assert client.json("POST", "/api/estimates", _order(client)) == {
        "untold": "told when nothing else is being painted"
    }
    client.ask("DELETE", f"/api/jobs/{job['id']}")


def test_settings_come_back_from_a_picture(client: Client) -> None:
    import hashlib

    photo = _file((50, 30))
    known = client.json("POST", "/api/pictures", photo)
    recipe = {
        "impasto": "0", "content": hashlib.sha256(photo).hexdigest(), "styles": ["0" * 64],
        "options": {"size": 300, "strength": 0.7, "iterations": [9, 8], "weights": "vgg19", "color": "match"},
    }  # fmt: skip
    found = client.json("POST", "/api/recipes", _file(**recipe_metadata("PNG", recipe)))
    assert found["content"] == known
    assert found["styles"] == [None]
    assert found["options"] == {"size": 300, "strength": 0.7, "iterations": "9,8", "color": "match"}
    status, _, body = client.ask("POST", "/api/recipes", photo)
    assert (status, json.loads(body)["error"]) == (422, "this picture holds no recipe of Impasto's")


def test_masks_are_pictures_told_by_ids(open_studio: tuple[Client, Studio]) -> None:
    """They are kept for as long as a job needs them, and given back as they came."""
    client, made = open_studio
    masks = [_file((60, 40)), _file((30, 20))]
    ids = [client.json("POST", "/api/pictures", data)["id"] for data in masks]
    order = _order(client, styles=["whirl", "whirl"], options={"size": Played.ENDLESS, "content_mask": ids})
    job = client.json("POST", "/api/jobs", order)
    values = made.jobs.get(job["id"]).order.values
    assert [Path(file).read_bytes() for file in values["content_mask"]] == masks
    made.pictures.sweep(time.time() + pictures.AGE + 60)
    status, headers, data = client.ask("GET", f"/api/pictures/{ids[1]}/file")
    assert (status, data) == (200, masks[1])
    assert headers["content-type"] == "application/octet-stream"  # whatever it is, no browser opens it
    assert headers["content-disposition"].startswith("attachment")
    client.ask("DELETE", f"/api/jobs/{job['id']}")
    assert client.ask("GET", "/api/pictures/unknown/file")[0] == 404


def test_what_is_painted_with_is_kept_longest(
    open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, made = open_studio
    photo, *others = (client.json("POST", "/api/pictures", _file((size, 40)))["id"] for size in (60, 61, 62))
    client.json("POST", "/api/estimates", {"content": photo, "styles": ["whirl"]})
    monkeypatch.setattr(pictures, "KEPT", 1)
    made.pictures.sweep()
    assert client.ask("GET", f"/api/pictures/{photo}")[0] == 200
    assert [client.ask("GET", f"/api/pictures/{other}")[0] for other in others] == [404, 404]


def test_the_same_picture_is_kept_once(open_studio: tuple[Client, Studio]) -> None:
    client, made = open_studio
    first, other, again = (client.json("POST", "/api/pictures", _file((size, 40))) for size in (60, 61, 60))
    assert first == again != other
    assert len(list(made.pictures.folder.iterdir())) == 4
    assert client.ask("GET", f"/api/pictures/{first['id']}/file")[2] == _file((60, 40))


def test_masks_come_back_from_a_picture(client: Client) -> None:
    import hashlib

    mask = _file((30, 20))
    name = client.json("POST", "/api/pictures", mask)["id"]
    hashes = [f"sha256:{hashlib.sha256(mask).hexdigest()}", f"sha256:{'1' * 64}"]
    recipe = {"content": "0" * 64, "styles": ["0" * 64] * 2, "options": {"content_mask": hashes, "strength": 0.7}}
    found = client.json("POST", "/api/recipes", _file(**recipe_metadata("PNG", recipe)))
    assert (found["masks"], found["options"]) == ([name, None], {"strength": 0.7})


def test_a_token_beyond_this_machine(tmp_path: Path) -> None:
    with studio(tmp_path, token="secret") as (client, _):
        assert client.ask("GET", "/")[0] == 401
        status, headers, _ = client.ask("GET", "/?token=secret")
        assert status == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert client.ask("GET", "/", headers={"Cookie": cookie})[0] == 200


def test_uploads_are_swept_after_a_day(open_studio: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    client, made = open_studio
    old, new = (client.json("POST", "/api/pictures", _file((size, 40)))["id"] for size in (60, 61))
    made.pictures.sweep(time.time() + pictures.AGE - 60)
    assert client.ask("GET", f"/api/pictures/{old}")[0] == 200
    monkeypatch.setattr(pictures, "KEPT", 1)
    made.pictures.sweep()
    assert client.ask("GET", f"/api/pictures/{old}")[0] == 404
    made.pictures.sweep(time.time() + pictures.AGE + 60)
    assert client.ask("GET", f"/api/pictures/{new}")[0] == 404
    assert list(made.pictures.folder.iterdir()) == []
