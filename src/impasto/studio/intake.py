"""Pictures on their way in: only so many at a time, only for so long, and decoded one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from impasto.studio.pictures import Pictures, TooLargeError, Upload

MOST = 8  # at a time
LONGEST = 300.0  # seconds that one may take


class Intake:
    """Where uploads arrive.

    Args:
        pictures: where they are kept.
        decoding: held while one is decoded.
    """

    def __init__(self, pictures: Pictures, decoding: asyncio.Semaphore) -> None:
        self.pictures, self._decoding, self._count = pictures, decoding, 0

    async def received(self, chunks: AsyncIterator[bytes]) -> Path:
        """A file of what comes. HTTPException for what is too much, too slow, or has no place."""
        if self._count >= MOST:
            raise HTTPException(429, "too many pictures are coming in at a time: try again in a moment")
        self._count += 1
        try:
            async with asyncio.timeout(LONGEST):
                return await self.pictures.receive(chunks)
        except TimeoutError:
            raise HTTPException(408, f"a picture has to come within {LONGEST / 60:.0f} minutes") from None
        except TooLargeError:
            raise HTTPException(413, "a picture may have 100 MB at most") from None
        except OSError as error:
            raise HTTPException(507, f"the studio's disk takes no more: {error.strerror}") from None
        finally:
            self._count -= 1

    async def taken(self, chunks: AsyncIterator[bytes]) -> Upload:
        """A picture that can be painted; ImageError for what is none."""
        file = await self.received(chunks)
        self._count += 1
        try:
            async with self._decoding:
                return await run_in_threadpool(self.pictures.add, file)
        finally:
            self._count -= 1
