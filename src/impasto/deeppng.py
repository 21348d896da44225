"""PNG files of 16 bits a sample, which Pillow cannot write and libvips not without a camera's metadata."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_ROWS = 64  # filtered and compressed at a time
_INCH = 0.0254  # metres
_PAETH = 4  # the filter that predicts a byte from those on the left, above, and above on the left


def write_png(
    path: Path, levels: npt.NDArray[np.unsignedinteger], *, icc: bytes, dpi: int | None, text: Mapping[str, str]
) -> None:
    """Levels [H, W, 3 or 4] of 16 bits; a profile, a resolution if one is given, and texts in ASCII by their keys."""
    height, width, channels = levels.shape
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0))
        _write_chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
        if dpi is not None:
            dots = round(dpi / _INCH)
            _write_chunk(file, b"pHYs", struct.pack(">IIB", dots, dots, 1))
        for key, value in text.items():
            _write_chunk(file, b"iTXt", key.encode() + b"\0\0\0\0\0" + value.encode())
        for data in _compressed(levels):
            _write_chunk(file, b"IDAT", data)
        _write_chunk(file, b"IEND", b"")


def _write_chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + name)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))


def _compressed(levels: npt.NDArray[np.unsignedinteger]) -> Iterator[bytes]:
    height, width, channels = levels.shape
    compressor = zlib.compressobj()
    above = np.zeros((1, 2 * width * channels), np.uint8)
    for start in range(0, height, _ROWS):
        block = levels[start : start + _ROWS].astype(">u2")
        rows = block.view(np.uint8).reshape(len(block), -1)
        if data := compressor.compress(_filtered(rows, above, 2 * channels)):
            yield data
        above = rows[-1:]
    yield compressor.flush()


def _filtered(rows: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], pixel: int) -> bytes:
    """Rows of bytes less what is predicted of them, each behind the number of the filter; `pixel` bytes are one."""
    present = rows.astype(np.int16)
    up = np.concatenate([above, rows[:-1]]).astype(np.int16)
    left, corner = np.zeros_like(present), np.zeros_like(present)
    left[:, pixel:], corner[:, pixel:] = present[:, :-pixel], up[:, :-pixel]
    from_left, from_up = abs(up - corner), abs(left - corner)
    from_corner = abs(left + up - 2 * corner)
    nearer = np.where(from_up <= from_corner, up, corner)
    predicted = np.where((from_left <= from_up) & (from_left <= from_corner), left, nearer)
    filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    filtered[:, 0], filtered[:, 1:] = _PAETH, present - predicted  # modulo 256
    return filtered.tobytes()
