"""The cache folder: imported weights, and what was measured of this machine. Losing it loses nothing."""

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
