"""Files of 16 bits a sample, made by hand: what cameras, scanners and other programs write."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from corpus import chunk

Samples = npt.NDArray[np.uint16]

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels


def ramps(height: int, width: int, channels: int = 3) -> Samples:
    """Smooth and without two equal neighbours; opaque or half so where there is a channel of alpha."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    waves = [x, y, 0.5 + 0.5 * np.sin(9 * x + 5 * y)][: 1 if channels < 3 else 3]
    alpha = [0.5 + 0.5 * (x > 0.5)] * (channels in (2, 4))
    return np.round(65535 * np.stack([*waves, *alpha], -1)).astype(np.uint16)


def png16(samples: Samples, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG without filters, with chunks before and after its pixels."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


def tiff(samples: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    channels = samples.shape[2] if samples.ndim == 3 else 1
    known: dict[str, Any] = {"photometric": "rgb" if channels >= 3 else "minisblack", "metadata": None}
    if channels in (2, 4):
        known["extrasamples"] = ["unassalpha"]
    tifffile.imwrite(buffer, samples[..., 0] if samples.shape[2:] == (1,) else samples, **known | options)
    return buffer.getvalue()
