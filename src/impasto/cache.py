"""The cache folder: weights, painted pictures, what was measured of this machine. Losing it loses nothing."""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from impasto import atomic


def cache_folder() -> Path:
    """`$IMPASTO_CACHE`, or the user's cache folder for impasto. It need not exist, nor be writable."""
    import platformdirs

    if chosen := os.environ.get("IMPASTO_CACHE"):
        return Path(chosen)
    try:
        return Path(platformdirs.user_cache_dir("impasto"))
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / f"impasto-{getattr(os, 'getuid', lambda: 0)()}"


def scratch_folder() -> Path:
    """Where pictures lie that do not fit into the memory, in files without a name."""
    return cache_folder() / "scratch"


def remembered(name: str) -> dict[str, Any]:
    """What a JSON file of that name holds; nothing, if it is not there or not ours."""
    try:
        known = json.loads((cache_folder() / name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(name: str, known: dict[str, Any]) -> None:
    """A cache that cannot be written is no reason to fail."""
    with contextlib.suppress(OSError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        atomic.write(cache_folder() / name, json.dumps(known).encode())


def code_version(folder: Path, *libraries: str) -> str:
    """Sixteen letters that change with the code in a folder and with the versions of the libraries it works with."""
    digest = hashlib.sha256(" ".join(libraries).encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"\n{file.relative_to(folder).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
