"""Ten thousand damaged files for the loader: a picture comes out or an ImageError, soon, quietly, in bounds."""

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from corpus import photo, welcome
from memory import peak_since_asked

from impasto.errors import ImageError
from impasto.image import open_picture
from impasto.imagefile import naming, parse
from impasto.recipe import read_recipe

MUTANTS = 10_000
SEEDS = welcome(photo(9, 12))
EACH = -(-MUTANTS // len(SEEDS))
MOST_PIXELS = 100_000
MOST_MEMORY = 300 << 20  # bytes above what there was: a film of 100,000 pixels takes the most
PROMISED = 2.0  # seconds of a processor
HEADER = 100  # bytes, where half of the changes are made

Random = np.random.Generator
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _somewhere(random: Random, data: bytearray) -> int:
    reach = len(data) if random.random() < 0.5 else min(HEADER, len(data))
    return int(random.integers(reach))


def flip_bits(random: Random, data: bytearray) -> None:
    for _ in range(random.integers(1, 9)):
        data[_somewhere(random, data)] ^= 1 << random.integers(8)


def blot_out(random: Random, data: bytearray) -> None:
    at, length = _somewhere(random, data), int(random.integers(1, 40))
    data[at : at + length] = random.choice([b"\0", b"\xff", b"\x7f"]) * length


def cut_short(random: Random, data: bytearray) -> None:
    del data[_somewhere(random, data) + 1 :]


def cut_out(random: Random, data: bytearray) -> None:
    at = _somewhere(random, data)
    del data[at : at + int(random.integers(1, 40))]


def say_twice(random: Random, data: bytearray) -> None:
    at, length = _somewhere(random, data), int(random.integers(1, 200))
    data[at:at] = data[at : at + length]


def exchange(random: Random, data: bytearray) -> None:
    """Two parts of the same length change places."""
    length = int(random.integers(1, 2 + len(data) // 3))
    left, right = sorted(int(random.integers(len(data) - length + 1)) for _ in range(2))
    data[left : left + length], data[right : right + length] = (
        data[right : right + length],
        data[left : left + length],
    )


def write_an_extreme(random: Random, data: bytearray) -> None:
    """A number of 1, 2 or 4 bytes, as sizes, counts and offsets are, in either order."""
    at, format_ = _somewhere(random, data), random.choice(["<B", "<H", ">H", "<I", ">I"])
    value = int(random.choice(EXTREMES)) & (256 ** struct.calcsize(format_) - 1)
    packed = struct.pack(format_, value)
    data[at : at + len(packed)] = packed


def splice(random: Random, data: bytearray) -> None:
    """The end is another file's."""
    other = SEEDS[str(random.choice(list(SEEDS)))]
    data[_somewhere(random, data) + 1 :] = other[int(random.integers(len(other))) :]


def mend_sums(data: bytearray) -> None:
    """The sums of a PNG's chunks: where they are wrong the decoder looks no further."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4


WAYS: tuple[Callable[[Random, bytearray], None], ...] = (
    flip_bits, blot_out, cut_short, cut_out, say_twice, exchange, write_an_extreme, write_an_extreme, splice,
)  # fmt: skip


def mutants(name: str) -> Iterator[bytes]:
    """The same ones every time."""
    for number in range(EACH):
        random = np.random.default_rng([number, *name.encode()])
        data = bytearray(SEEDS[name])
        for _ in range(random.integers(1, 4)):
            if data:
                random.choice(WAYS)(random, data)  # type: ignore[arg-type]
        if random.random() < 0.7:
            mend_sums(data)
        yield bytes(data)


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.usefixtures("tolerant_of_warnings")
def test_only_image_errors_come_out(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mutant"
    refusals, pictures, slowest = [], 0, 0.0
    peak_since_asked()
    before = peak_since_asked()
    for number, mutant in enumerate(mutants(name)):
        path.write_bytes(mutant)
        began = time.process_time()
        try:
            picture = open_picture(path, longest=12, max_pixels=MOST_PIXELS, mask=number % 4 == 0)
            assert picture.at(9, 12).isfinite().all()
        except ImageError as error:
            refusals.append(str(error))
        else:
            pictures += 1
        with suppress(ImageError):
            read_recipe(path, max_pixels=MOST_PIXELS)
        slowest = max(slowest, time.process_time() - began)
    assert all(message.startswith(f"content image {str(path)!r} ") and message.isprintable() for message in refusals)
    assert len(refusals) > EACH // 10
    assert pictures > 0  # so that no mutant is refused for something else
    assert slowest < PROMISED
    assert peak_since_asked() - before < MOST_MEMORY
    assert capfd.readouterr() == ("", "")


def test_there_are_as_many_as_promised() -> None:
    assert sum(1 for name in SEEDS for _ in mutants(name)) >= MUTANTS
    assert len(set(mutants("png"))) > 0.9 * EACH
    assert list(mutants("gif")) == list(mutants("gif"))


def test_mended_files_reach_the_decoder() -> None:
    """A changed PNG is read once its sums are right."""
    data = bytearray(SEEDS["png"])
    data[24] = 16  # bits of a sample
    with pytest.raises(ImageError, match="checksum"), naming("mutant"):
        parse(bytes(data), MOST_PIXELS)
    mend_sums(data)
    with naming("mutant"):
        assert parse(bytes(data), MOST_PIXELS).size == (12, 9)
