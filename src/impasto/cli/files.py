"""The files of one run, checked before torch is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from impasto.atomic import sweep_leftovers
from impasto.encoding import Encoding
from impasto.image import check_result, fit
from impasto.imagefile import describe, header, naming
from impasto.limits import MAX_PIXELS
from impasto.output import check_output
from impasto.srgb import can_be_written
from impasto.styles import builtin_name

if TYPE_CHECKING:
    from impasto.options import Options


def check_pictures(pictures: Iterable[tuple[str, str]], max_pixels: int = MAX_PIXELS) -> Image.Image | None:
    """The header of the last of these, (role, path) each; ImageError for one that is no picture."""
    last = None
    for role, path in pictures:
        if role == "style" and builtin_name(path) is not None:
            continue
        with naming(f"{role} image {describe(path)}"), header(path, max_pixels) as found:
            last = found
    return last


@dataclass(frozen=True)
class Files:
    """Where one run reads and writes."""

    content: str | None  # none for a texture
    styles: tuple[str, ...]
    output: str | None  # none for a dry run
    source: str | None = None  # a picture to go on from
    clobber: bool = True
    save_every: int | None = None  # evaluations between the pictures that stay beside the output

    def check(self, options: Options, size: tuple[int, int] | None = None) -> None:
        """ImageError for inputs that are no pictures and outputs that cannot be; sweeps away leftovers.

        size: (width, height) of a texture; else it follows from the content.
        """
        content = check_pictures(self._pictures(options), options.max_pixels)
        height_width = size[::-1] if size else (0, 0)
        icc = None
        if content is not None and size is None:
            longest = options.longest(content.height, content.width)  # EXIF may still turn it
            height_width, icc = fit(content.height, content.width, longest), content.info.get("icc_profile")
        if self.output is not None:
            inputs, encoding = self._inputs(options), self._encoding(options, icc)
            check_output(self.output, inputs, clobber=self.clobber, size=height_width, encoding=encoding)
        check_result(*height_width, options.max_pixels)
        if self.output is not None:
            sweep_leftovers(self.output)

    def check_frames(self, options: Options, evaluations: int) -> None:
        """ImageError for a frame, of those that so many evaluations make, that could not be written."""
        inputs = self._inputs(options)
        for number, frame in enumerate(self._frames(evaluations)):
            if number == 0 or os.path.lexists(frame):
                check_output(frame, inputs, clobber=self.clobber)

    def frame(self, evaluation: int) -> Path:
        """`picture.png` -> `picture.0010.png`, beside it."""
        output = Path(self.output or "")
        return output.with_name(f"{output.stem}.{evaluation:04}{output.suffix}")

    def _encoding(self, options: Options, icc: object) -> Encoding:
        """How the picture is to be stored, as far as a header tells."""
        own = cast(bytes, icc) if options.profile == "input" and can_be_written(icc) else None
        return Encoding(options.depth, options.dpi, own, alpha=True)

    def _pictures(self, options: Options) -> list[tuple[str, str]]:
        """Role and path of what is to be opened, the content last."""
        init = [] if options.start is None else [("init", options.start)]
        masks = [(role, path) for role in ("content_mask", "style_mask") for path in getattr(options, role)]
        return [
            *(("style", style) for style in self.styles),
            *init,
            *((role.replace("_", " "), path) for role, path in masks),
            *([("continued", self.source)] if self.source else []),
            *([("content", self.content)] if self.content else []),
        ]

    def _inputs(self, options: Options) -> list[str]:
        """What no output may be; weights may be a file, too."""
        return [*(path for _, path in self._pictures(options)), options.weights]

    def _frames(self, evaluations: int) -> Iterator[Path]:
        if self.save_every is not None:
            yield from map(self.frame, range(self.save_every, evaluations + 1, self.save_every))
