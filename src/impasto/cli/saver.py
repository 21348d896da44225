"""The pictures that a run writes: frames and previews on its way, and at last what it was asked for."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from impasto.output import save_image

if TYPE_CHECKING:
    from impasto.cli.files import Files
    from impasto.transfer import Iterate, Transfer

_PREVIEW_SECONDS = 2.0  # between previews, at least
_PREVIEW_SHARE = 0.03  # of the run's time, at most


class Saver:
    """Writes the states of a run: frames, previews and at last the picture."""

    def __init__(self, files: Files, transfer: Transfer, output: str, *, preview: bool) -> None:
        self._files = files
        self._output = output
        self._transfer = transfer
        self._next_preview = 0.0 if preview else float("inf")  # time.perf_counter()

    def watch(self, state: Iterate) -> None:
        """Writes what is due after an evaluation."""
        if self._files.save_every and state.evaluations % self._files.save_every == 0:
            self.save(state, self._files.frame(state.evaluations))
        start = time.perf_counter()
        if start >= self._next_preview and not state.last:
            self.save(state, self._output)
            now = time.perf_counter()
            self._next_preview = now + max(_PREVIEW_SECONDS, (now - start) / _PREVIEW_SHARE)

    def save(self, state: Iterate, path: str | os.PathLike[str]) -> tuple[int, int]:
        """Writes the state; its (width, height)."""
        encoding = self._transfer.encoding
        image = state.picture() if encoding.depth == 8 else state.levels(encoding.depth)
        save_image(image, path, recipe=self.recipe(state), encoding=encoding)
        return state.image.shape[3], state.image.shape[2]

    def recipe(self, state: Iterate) -> dict[str, Any]:
        """The run's recipe; that of an unfinished picture says how far it got."""
        return self._transfer.recipe_of(state)
