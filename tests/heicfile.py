"""A HEIC file made by hand: one block of HEVC whose samples are stored as they are (PCM), so nothing is encoded."""

import struct

SIDE = 16  # pixels


class _Bits:
    """A bit stream with the codes of H.265, section 9.2."""

    def __init__(self) -> None:
        self.text = ""

    def fixed(self, value: int, width: int) -> "_Bits":
        self.text += f"{value:0{width}b}"
        return self

    def golomb(self, *values: int) -> "_Bits":
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def ended(self) -> "_Bits":
        """The stop bit, and zeros up to a whole byte."""
        self.text += "1"
        return self.aligned()

    def aligned(self) -> "_Bits":
        self.text += "0" * (-len(self.text) % 8)
        return self

    def data(self) -> bytes:
        return int(self.text, 2).to_bytes(len(self.text) // 8, "big")


def _unit(kind: int, payload: bytes) -> bytes:
    """A NAL unit: no three bytes in it look like the start of one."""
    found = bytearray()
    for byte in payload:
        if byte <= 3 and found[-2:] == b"\0\0":
            found.append(3)
        found.append(byte)
    return bytes([kind << 1, 1]) + bytes(found)


def _profile(bits: _Bits) -> _Bits:
    """Main, level 1."""
    return bits.fixed(1, 8).fixed(0b0110 << 28, 32).fixed(0b1001, 4).fixed(0, 44).fixed(30, 8)


def _parameter_sets() -> list[tuple[int, bytes]]:
    video = _profile(_Bits().fixed(0b0000_11_000000_000_1, 16).fixed(0xFFFF, 16))
    video.fixed(1, 1).golomb(0, 0, 0).fixed(0, 6).golomb(0).fixed(0, 2).ended()
    sequence = _profile(_Bits().fixed(0b0000_000_1, 8))
    sequence.golomb(0, 1, SIDE, SIDE).fixed(0, 1).golomb(0, 0, 0).fixed(1, 1).golomb(0, 0, 0)
    sequence.golomb(1, 0, 0, 2, 0, 0)  # coding blocks of 16, transforms of 4 to 16
    sequence.fixed(0b000_1, 4).fixed(0x77, 8).golomb(1, 0).fixed(1, 1)  # PCM of 8 bits, in blocks of 16
    sequence.golomb(0).fixed(0, 5).ended()
    picture = _Bits().golomb(0, 0).fixed(0, 7).golomb(0, 0, 0).fixed(0, 3).golomb(0, 0)
    picture.fixed(0, 7).fixed(0b1_0_1, 3).fixed(0, 2).golomb(0).fixed(0, 2).ended()  # no deblocking
    return [(kind, _unit(kind, bits.data())) for kind, bits in ((32, video), (33, sequence), (34, picture))]


def _flushed(low: int) -> str:
    """The bits of a fresh coder's low end (10 bits, of which the first is none) at its flush."""
    shifted = low << 7  # the interval of 2 is widened to 256
    return f"{shifted >> 8 & 0xFF:08b}{(shifted >> 7 & 1) | 1:b}"


def _slice(luma: bytes, blue: bytes, red: bytes) -> bytes:
    bits = _Bits().fixed(0b10, 2).golomb(0, 2, 0).ended()
    bits.text += _flushed(510 - 240 - 2)  # part_mode 2Nx2N, the likelier bin; pcm_flag
    bits.aligned()
    bits.text += "".join(f"{byte:08b}" for byte in luma + blue + red)
    bits.text += _flushed(510 - 2)  # end_of_slice_segment_flag
    return _unit(20, bits.aligned().data())


def _box(name: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def heic(
    luma: bytes, blue: bytes, red: bytes, *, major: bytes = b"heic", brands: bytes = b"mif1heic", turns: int = 0
) -> bytes:
    """16 x 16 luma, 8 x 8 of each chroma; turned by so many quarters against the clock."""
    sets = _parameter_sets()
    arrays = b"".join(struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit for kind, unit in sets)
    record = struct.pack(">BBIHIB", 1, 1, 0x6000_0000, 0x9000, 0, 30) + bytes.fromhex("f000fcfdf8f8")
    record += struct.pack(">HBB", 0, 0x0F, len(sets)) + arrays
    properties = _box(
        b"ipco",
        _box(b"hvcC", record),
        _box(b"ispe", struct.pack(">III", 0, SIDE, SIDE)),
        _box(b"irot", bytes([turns])),
    )
    association = _box(b"ipma", struct.pack(">IIHBBBB", 0, 1, 1, 3, 0x81, 2, 0x83))
    coded = _slice(luma, blue, red)
    coded = struct.pack(">I", len(coded)) + coded

    def meta(place: int) -> bytes:
        entry = _box(b"infe", struct.pack(">IHH4sB", 2 << 24, 1, 0, b"hvc1", 0))
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", struct.pack(">II4s12xB", 0, 0, b"pict", 0)),
            _box(b"pitm", struct.pack(">IH", 0, 1)),
            _box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, place, len(coded))),
            _box(b"iinf", struct.pack(">IH", 0, 1), entry),
            _box(b"iprp", properties, association),
        )

    start = _box(b"ftyp", major, bytes(4), brands)
    return start + meta(len(start) + len(meta(0)) + 8) + _box(b"mdat", coded)
