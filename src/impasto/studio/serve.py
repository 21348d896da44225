"""Runs the studio: a folder of its own, the painting process, and a server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from impasto.cache import cache_folder
from impasto.errors import CacheError, OptionsError
from impasto.studio.app import Studio
from impasto.studio.guard import LOCAL, Guard
from impasto.studio.jobs import Jobs
from impasto.studio.pictures import Pictures

CONNECTIONS = 200  # at a time
PROMPT = 10.0  # seconds that a connection may be open before it asks for anything
HTTP = 80  # the port that goes without saying
EVERYWHERE = ("0.0.0.0", "::")  # open to all of a network, and no address to go to
AGE = 24 * 3600  # seconds after which the folder of a studio that was killed is removed


def serve(host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM). `ready` is called with the page's address once it is open.

    Beyond this machine the address has a token of 128 bits in it, without which nothing is answered.

    Raises:
        OptionsError: for an address that is not to be had.
        CacheError: where the cache folder cannot hold the studio's pictures.
    """
    with _listening(host, port) as listener:
        _serve(listener, ready)


def _serve(listener: socket.socket, ready: Callable[[str], None]) -> None:
    host, port = listener.getsockname()[:2]
    token = None if _is_local(host) else secrets.token_urlsafe(16)
    own = _own_names(host)
    shown = own[0] if host in EVERYWHERE else (f"[{host}]" if ":" in host else host)
    names = {f"{name}:{port}".lower() for name in (*LOCAL, shown, *own)}
    if port == HTTP:  # which browsers do not name
        names |= {name.lower() for name in (*LOCAL, shown, *own)}
    folder = _folder()
    jobs = Jobs(folder / "jobs")
    studio = Studio(folder, jobs, Pictures(folder / "pictures", jobs.files))
    try:
        config = uvicorn.Config(
            Guard(studio.application(), frozenset(names), token),
            log_level="warning", access_log=False, server_header=False, date_header=False, proxy_headers=False,
            http=Prompt, limit_concurrency=CONNECTIONS, timeout_keep_alive=5, timeout_graceful_shutdown=1, ws="none",
            h11_max_incomplete_event_size=1 << 16,
        )  # fmt: skip
        address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
        Server(config, lambda: ready(address), studio.closing).run(sockets=[listener])
    finally:
        studio.jobs.close()
        shutil.rmtree(folder, ignore_errors=True)


class Prompt(H11Protocol):
    """Connections that ask for nothing are closed: others need their places."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._silent = asyncio.get_running_loop().call_later(PROMPT, self._close_if_silent)

    def _close_if_silent(self) -> None:
        cycle: object = self.cycle  # of a request: none before the first
        if cycle is None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._silent.cancel()
        super().connection_lost(exc)


class Server(uvicorn.Server):
    """One that says when it listens, and when it is about to close."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._closing = ready, closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        await super().shutdown(sockets)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        remedy = "choose another --port, or 0 for any that is free" if port else "choose another --host"
        raise OptionsError(f"the studio cannot open {host}:{port}: {error.strerror or error}; {remedy}") from None
    return listener


def _is_local(host: str) -> bool:
    return host == "::1" or host.startswith("127.")


def _own_names(host: str) -> list[str]:
    """What this machine is called from elsewhere, where it is open to all of a network."""
    if _is_local(host):
        return []
    names = [socket.gethostname(), socket.getfqdn()]
    with contextlib.suppress(OSError):
        names += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)]
    return [f"[{name}]" if ":" in name else name for name in names]


def _folder() -> Path:
    """A new folder for this studio; those that studios which were killed have left are removed."""
    place = cache_folder() / "studio"
    try:
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            if time.time() - old.stat().st_mtime > AGE:
                shutil.rmtree(old, ignore_errors=True)
        folder = place / f"{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise CacheError(
            f"the cache folder cannot hold the studio's pictures: {error.strerror or error}; "
            "name another with IMPASTO_CACHE"
        ) from None
    return folder
