"""Who may ask the studio, in what way, and what a browser may do with the answer; docs/promises.md."""

import asyncio
from typing import Any

import pytest

from impasto.studio.guard import COOKIE, Guard

HOST = "127.0.0.1:8765"


def _ask(
    method: str = "GET",
    headers: dict[str, str] | None = None,
    *,
    token: str | None = None,
    query: str = "",
    kind: str = "http",
) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer; 200 is the application's own."""
    sent: list[Any] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"reached"})

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": HOST} | (headers or {})
    pairs = [(name.encode(), value.encode()) for name, value in given.items() if value]
    scope = {"type": kind, "method": method, "path": "/", "headers": pairs, "query_string": query.encode()}
    asyncio.run(Guard(app, frozenset({HOST, "localhost:8765"}), token)(scope, receive, send))
    first = sent[0]
    return first.get("status", first.get("code")), {
        name.decode(): value.decode() for name, value in first.get("headers", [])
    }


@pytest.mark.parametrize("host", [HOST, "localhost:8765", "LOCALHOST:8765"])
def test_its_own_names(host: str) -> None:
    assert _ask(headers={"host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "evil.example:8765", "", f"{HOST}.evil.example"]
)
def test_another_host_is_refused(host: str) -> None:
    """A name of somebody else's that leads to this machine: DNS rebinding."""
    assert _ask(headers={"host": host})[0] == 421


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:8765", "null", "http://127.0.0.1:8766"])
def test_another_page_is_refused(method: str, origin: str) -> None:
    assert _ask(method, {"origin": origin})[0] == 403


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_its_own_page_may_change_things(method: str) -> None:
    assert _ask(method, {"origin": f"http://{HOST}"})[0] == 200
    assert _ask(method)[0] == 200  # a script
    for site, status in {"same-origin": 200, "none": 200, "cross-site": 403, "same-site": 403}.items():
        assert _ask(method, {"sec-fetch-site": site})[0] == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    """A browser asks by OPTIONS before it lets another site send what is not plain."""
    assert _ask(method)[0] == 405


def test_no_web_sockets() -> None:
    assert _ask(kind="websocket")[0] == 1008


def test_what_a_browser_may_do() -> None:
    for status, headers in (_ask(), _ask(headers={"host": "evil.example"})):
        assert status in (200, 421)
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control")]


def test_a_token_is_asked_for() -> None:
    assert _ask(token="secret")[0] == 401
    assert _ask(token="secret", headers={"authorization": "Bearer secret"})[0] == 200
    assert _ask(token="secret", headers={"authorization": "Bearer other"})[0] == 401
    assert _ask(token="secret", headers={"cookie": f"{COOKIE}=secret"})[0] == 200
    assert _ask(token="secret", headers={"cookie": f"{COOKIE}=sec\u00e9"})[0] == 401
    assert _ask(token="secret", headers={"cookie": "\u0001;;=;"})[0] == 401


def test_the_address_with_the_token_makes_a_cookie() -> None:
    status, headers = _ask(token="secret", query="token=secret")
    assert (status, headers["location"]) == (303, "/")
    assert headers["set-cookie"] == f"{COOKIE}=secret; HttpOnly; SameSite=Strict; Path=/"
    assert _ask(token="secret", query="token=other")[0] == 401
    assert _ask(token="secret", query="token=secret", headers={"host": "evil.example"})[0] == 421
