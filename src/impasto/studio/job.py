"""One picture that was ordered, and how it stands."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from impasto.studio.orders import Order

State = Literal["waiting", "painting", "done", "stopped", "failed"]


@dataclass
class Job:
    """One picture, waited for, painted, or ended."""

    order: Order
    folder: Path
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    made: float = field(default_factory=time.time)
    ended: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    preview: bytes | None = None
    previews: int = 0  # how many there have been
    error: str | None = None
    stopping: float | None = None  # since when it has been told to stop
    saving: bool = False  # whether its picture is being written

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "stopped", "failed")

    @property
    def picture(self) -> Path | None:
        """Its picture, once there is one."""
        file = self.folder / "picture.png"
        return file if self.over and "recipe" in self.facts and file.is_file() else None
