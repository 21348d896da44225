"""The cache folder: weights, painted pictures, what was measured of this machine. Losing it loses nothing."""

import hashlib
import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """`$IMPASTO_CACHE`, or the user's cache folder for impasto. It need not exist, nor be writable."""
    import platformdirs

    if chosen := os.environ.get("IMPASTO_CACHE"):
        return Path(chosen)
    try:
        return Path(platformdirs.user_cache_dir("impasto"))
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / f"impasto-{getattr(os, 'getuid', lambda: 0)()}"


def code_version(folder: Path, *libraries: str) -> str:
    """Sixteen letters that change with the code in a folder and with the versions of the libraries it works with."""
    digest = hashlib.sha256(" ".join(libraries).encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"\n{file.relative_to(folder).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
