"""Ways to spoil a file: what cables, disks, editors and malice do to bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

NASTY_INTEGERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1 << 20)
NASTY_WORDS = (
    *("-1", "0", "1e999", "nan", "inf", "1e-999", "9" * 30, "9" * 5000, "0x" + "f" * 4000, "1_0"),
    *("\0", "\ufeff", "\u2028", "\x0c", "\r", "'", '"', '"""', ",,,,", ";", "\t", "%", "../../x"),
    *("[" * 2000, "{" * 2000, "&a [*a]", "*a", "!!python/object/apply:os.system [id]", "<<: *a"),
    *("=1+1", "null", "true", "~", "\ud7ff", "é", "\u0660", "²", "x" * 200_000, "-", ":", "::"),
)


def flip_bits(data: bytes, generator: random.Random) -> bytes:
    """Flip 1 to 32 bits anywhere."""
    return _flip(data, generator, len(data))


def flip_header(data: bytes, generator: random.Random) -> bytes:
    """Flip 1 to 32 bits in the first 512 bytes."""
    return _flip(data, generator, min(len(data), 512))


def _flip(data: bytes, generator: random.Random, end: int) -> bytes:
    spoilt = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4, 8, 32))):
        spoilt[generator.randrange(end)] ^= 1 << generator.randrange(8)
    return bytes(spoilt)


def truncate(data: bytes, generator: random.Random) -> bytes:
    """Cut the file short, down to nothing."""
    return data[: generator.randrange(len(data))]


def empty(data: bytes, generator: random.Random) -> bytes:
    """Nothing left."""
    return b""


def zero_run(data: bytes, generator: random.Random) -> bytes:
    """A run of zeros, as after a power loss."""
    start, stop = _run(data, generator)
    return data[:start] + bytes(stop - start) + data[stop:]


def random_run(data: bytes, generator: random.Random) -> bytes:
    """A run of noise."""
    start, stop = _run(data, generator)
    return data[:start] + generator.randbytes(stop - start) + data[stop:]


def delete_run(data: bytes, generator: random.Random) -> bytes:
    """A run of bytes lost from the middle."""
    start, stop = _run(data, generator)
    return data[:start] + data[stop:]


def repeat_run(data: bytes, generator: random.Random) -> bytes:
    """A run of bytes written twice."""
    start, stop = _run(data, generator)
    return data[:stop] + data[start:stop] + data[stop:]


def append_noise(data: bytes, generator: random.Random) -> bytes:
    """Noise behind the end."""
    return data + generator.randbytes(generator.randrange(1, 4096))


def set_integer(data: bytes, generator: random.Random) -> bytes:
    """An extreme number where a size, a count or a dimension may stand; half in the header."""
    form = generator.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    value = generator.choice(NASTY_INTEGERS) & ((1 << 8 * struct.calcsize(form)) - 1)
    end = len(data) if generator.random() < 0.5 else min(len(data), 512)
    place = generator.randrange(end)
    packed = struct.pack(form, value)
    return data[:place] + packed + data[place + len(packed) :]


def edit_line(data: bytes, generator: random.Random) -> bytes:
    """Delete, repeat, swap or join lines."""
    lines = data.split(b"\n")
    one, other = generator.randrange(len(lines)), generator.randrange(len(lines))
    match generator.randrange(4):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case _:
            lines[one : one + 2] = [b"".join(lines[one : one + 2])]
    return b"\n".join(lines)


def edit_number(data: bytes, generator: random.Random) -> bytes:
    """Change, add or drop one digit."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return flip_bits(data, generator)
    place = generator.choice(places)
    new = generator.choice((b"", b"%d" % generator.randrange(10), b"00", b"9999999"))
    return data[:place] + new + data[place + 1 :]


def put_word(data: bytes, generator: random.Random) -> bytes:
    """A nasty word, in place of another one or between two."""
    start, stop = _run(data, generator, longest=12)
    word = generator.choice(NASTY_WORDS).encode("utf-8", "surrogatepass")
    return data[:start] + word + data[generator.choice((start, stop)) :]


def change_encoding(data: bytes, generator: random.Random) -> bytes:
    """Saved by another program: byte order mark, UTF-16, Latin-1 or other line ends."""
    match generator.randrange(4):
        case 0:
            return b"\xef\xbb\xbf" + data
        case 1:
            return data.decode("utf-8", "replace").encode("utf-16")
        case 2:
            return data.replace(b"\n", generator.choice((b"\r\n", b"\r", b"\n\n")))
        case _:
            return data.replace(b"e", b"\xe9", 1)


def _run(data: bytes, generator: random.Random, longest: int = 4096) -> tuple[int, int]:
    start = generator.randrange(len(data))
    return start, min(len(data), start + generator.randrange(1, min(longest, len(data)) + 1))


BINARY: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flip_bits, flip_header, truncate, zero_run, random_run, delete_run, repeat_run),
    *(append_noise, set_integer),
)
TEXT = (*BINARY, edit_line, edit_number, put_word, change_encoding, edit_line, edit_number)


def mutate(data: bytes, generator: random.Random, text: bool = False) -> tuple[str, bytes]:
    """Spoil `data` in one to three ways; names what was done."""
    if generator.random() < 0.005:
        return "empty", b""
    names = []
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        change = generator.choice(TEXT if text else BINARY)
        if data:
            data = change(data, generator)
            names.append(change.__name__)
    return "+".join(names), data
