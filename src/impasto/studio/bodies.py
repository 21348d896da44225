"""What clients send, however slowly, and what they are told where it will not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

MOST_JSON = 1 << 18  # bytes of an order
SLOW = 20.0  # seconds that a sender may be silent for


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """The body of a request as it comes; 408 for a client that falls silent."""
    stream = request.stream().__aiter__()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), SLOW)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"nothing came for {SLOW:.0f} seconds") from None
        except ClientDisconnect:
            raise HTTPException(400, "the connection was lost") from None


async def json_of(request: Request) -> object:
    """A body of JSON; 413 for a long one, 400 for what is none."""
    body = b""
    async for chunk in chunks_of(request):
        body += chunk
        if len(body) > MOST_JSON:
            raise HTTPException(413, f"expected an order of at most {MOST_JSON:,} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "expected an order as JSON") from None


async def refused(_: Request, error: Exception) -> Response:
    """A sentence about what cannot be painted."""
    return JSONResponse({"error": str(error)}, 422)


async def failed(_: Request, error: Exception) -> Response:
    """A sentence about what cannot be asked."""
    assert isinstance(error, HTTPException), "registered for those"
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
