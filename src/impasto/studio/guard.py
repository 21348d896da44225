"""What stands before every request: who may ask, in what way, and what a browser may do with the answer.

A page of another site can send requests to this machine, and a name of another site can be made to lead here. So a
request has to name this studio as its host, and one that changes something has to come from its own page. Beyond the
machine itself a secret is asked for as well.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = ("GET", "HEAD", "POST", "DELETE")
SAFE = ("GET", "HEAD")
COOKIE = "impasto-studio"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """An ASGI application before another.

    Args:
        app: what is guarded.
        hosts: names that a request may have for this studio, with the port: "127.0.0.1:8765".
        token: the secret that is asked for; None: none.
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str | None = None) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no others here
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        guarded = _with_headers(send)
        if (refusal := self._refusal(scope, headers)) is not None:
            await _answer(guarded, *refusal)
        elif self.token is not None and (given := parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            await self._welcome(guarded, given[0])
        elif self.token is not None and not self._knows(headers):
            await _answer(guarded, 401, "open the studio by the address that it has printed, with its token")
        else:
            await self.app(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and sentence for a request that is not let in, whoever sends it."""
        if scope["method"] not in METHODS:
            return 405, f"expected one of {', '.join(METHODS)}"
        if headers.get("host", "").lower() not in self.hosts:
            return 421, "this studio has another address"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return 403, "only the studio's own page may ask"
        if scope["method"] not in SAFE and headers.get("sec-fetch-site", "same-origin") not in (
            "same-origin",
            "none",
        ):
            return 403, "only the studio's own page may change anything"
        return None

    def _knows(self, headers: dict[str, str]) -> bool:
        """Whether a request has the secret, as a cookie or as a bearer's token."""
        pairs = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]
        cookies = [value for name, _, value in pairs if name == COOKIE]
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return any(self._is_token(text) for text in (*cookies, bearer))

    def _is_token(self, text: str) -> bool:
        return self.token is not None and secrets.compare_digest(text.encode(), self.token.encode())

    async def _welcome(self, send: Send, given: str) -> None:
        """The secret goes from the address, which browsers keep in their history, into a cookie."""
        if not self._is_token(given):
            await _answer(send, 401, "this is not the studio's token")
            return
        cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    """Every answer with the headers; one that says itself how long it may be kept, with its own word on that."""

    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", [])}
            added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *(pair for pair in added if pair[0] not in own)]
        await send(message)

    return guarded


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
