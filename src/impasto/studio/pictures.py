"""Pictures that the page has handed over: kept under random names, checked and shown small."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from impasto.errors import ImageError
from impasto.studio.shown import jpeg

MOST_BYTES = 100 << 20  # of a file
MOST_PIXELS = 100_000_000
KEPT = 100  # pictures, at most; those that were not painted with for the longest go first
AGE = 24 * 3600.0  # seconds after which one is swept away
LEAST_FREE = 500 << 20  # bytes that are left on the disk
SHOWN = 1024  # longest side of what the page shows


class TooLargeError(Exception):
    """More bytes than a picture may have."""


@dataclass(frozen=True)
class Upload:
    """A picture that can be painted, or painted like."""

    id: str
    file: Path
    small: Path  # a JPEG
    width: int
    height: int
    sha256: str
    notes: tuple[str, ...]
    made: float

    @property
    def facts(self) -> dict[str, Any]:
        """What the page is told."""
        return {"id": self.id, "width": self.width, "height": self.height, "notes": list(self.notes)}


class Pictures:
    """All of a studio. Methods may be called from any thread."""

    def __init__(self, folder: Path, needed: Callable[[], set[str]] = set) -> None:
        """needed: the files that jobs which are not over have to find."""
        self.folder, self._needed = folder, needed
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Upload] = {}
        self._lock = threading.RLock()

    def check_room(self) -> None:
        """OSError where the disk is nearly full: what is painted needs some of it, too."""
        if shutil.disk_usage(self.folder).free < LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """A file of what comes; TooLargeError, and nothing kept, where that is too much."""
        file, size = self.folder / secrets.token_hex(16), 0
        self.check_room()
        try:
            with file.open("xb") as target:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise TooLargeError
                    target.write(chunk)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return file

    def add(self, file: Path) -> Upload:
        """A picture of what was received, which may be one that is there; ImageError in one sentence if it is none.

        It is decoded wholly, so that what is damaged is said now, and not when it is to be painted.
        """
        from impasto.image import open_picture

        small = file.with_suffix(".jpg")
        try:
            picture = open_picture(file, longest=SHOWN, max_pixels=MOST_PIXELS)
            small.write_bytes(jpeg(picture.shown(SHOWN)))
        except BaseException as error:
            file.unlink(missing_ok=True)
            small.unlink(missing_ok=True)
            if isinstance(error, ImageError):  # whose sentence names a file of ours
                raise ImageError(
                    f"this picture {str(error).partition(repr(str(file)))[2].strip() or error}"
                ) from None
            raise
        height, width = picture.size
        upload = Upload(
            secrets.token_urlsafe(16), file, small, width, height, picture.sha256, picture.notes, time.time()
        )
        with self._lock:
            if (same := self.by_hash(upload.sha256)) is not None:  # it is kept once
                file.unlink()
                small.unlink()
                upload = replace(self._known.pop(same.id), made=upload.made)
            self._known[upload.id] = upload
        self.sweep()
        return upload

    def get(self, name: str) -> Upload:
        """A picture by its id. KeyError if there is none."""
        with self._lock:
            return self._known[name]

    def used(self, name: str) -> Upload:
        """The same for a picture to be painted with: it is kept for longer."""
        with self._lock:
            upload = self._known[name] = self._known.pop(name)  # the last one
            return upload

    def by_hash(self, sha256: str) -> Upload | None:
        """A picture by the hash of its file, as a recipe names it."""
        with self._lock:
            return next((one for one in self._known.values() if one.sha256 == sha256), None)

    def sweep(self, now: float | None = None) -> None:
        """Removes what came a day ago, and where there are too many those that are not used."""
        now = time.time() if now is None else now
        needed = self._needed()
        with self._lock:
            excess = len(self._known) - KEPT
            for number, upload in enumerate(list(self._known.values())):
                old = now - upload.made > AGE or number < excess
                if old and str(upload.file) not in needed:
                    del self._known[upload.id]
                    upload.file.unlink(missing_ok=True)
                    upload.small.unlink(missing_ok=True)
