"""The cache folder: imported weights, and what was measured of this machine. Losing it loses nothing."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$IMPASTO_CACHE`, or the user's cache folder for impasto. It need not exist, nor be writable."""
    import platformdirs

    chosen = os.environ.get("IMPASTO_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("impasto"))
