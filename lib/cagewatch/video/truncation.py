"""Whether a video file ends before its own container says it does.

Decoders stop at the end of a file without a complaint, so a half-copied AVI or MPEG looks like a
shorter recording. The containers know better: each writes the size of what should follow.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

# Some writers count the RIFF header into its size; nothing that small can hold a frame.
RIFF_SLACK = 64
MPEG_TAIL = 1 << 18
_PACK = b"\0\0\1\xba"
_END = 0xB9


def missing_bytes(path: Path) -> int:
    """How many bytes the container says should follow the end of `path`; 0 if it looks whole.

    Understands AVI (RIFF), MP4 and MOV (boxes), Matroska and WebM (segment size), MPEG program
    streams (last packet) and GIF (trailer). Any other container, and one that leaves its sizes
    open, counts as whole. A cut exactly between two MPEG packets cannot be seen.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF" and head[8:11] == b"AVI":
            return _missing_in_riff(file, size)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return _missing_in_boxes(file, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _missing_in_matroska(file, size)
        if head[:4] == _PACK:
            return _missing_in_program_stream(file, size)
        if head[:3] == b"GIF":
            # A whole one ends with an empty block and the trailer; some writers pad it.
            file.seek(-min(size, 64), os.SEEK_END)
            return 0 if file.read().rstrip(b"\0").endswith(b"\0;") else 1
    return 0


def _missing_in_riff(file: BinaryIO, size: int) -> int:
    """AVI: one RIFF chunk, or several beyond 1 GiB; a size of 0 was never filled in."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length == 0:
            break
        position += 8 + length + length % 2
    return position - size if position - size > RIFF_SLACK else 0


def _missing_in_boxes(file: BinaryIO, size: int) -> int:
    """MP4 and MOV: a chain of boxes; size 1 announces a 64-bit size, 0 means up to the end."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            break
        position += length
    return max(position - size, 0)


def _missing_in_matroska(file: BinaryIO, size: int) -> int:
    """Matroska and WebM: the EBML header, then one segment whose size may be left unknown."""
    file.seek(4)
    length, _ = _read_ebml_size(file)
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length, unknown = _read_ebml_size(file)
    return 0 if unknown else max(file.tell() + length - size, 0)


def _read_ebml_size(file: BinaryIO) -> tuple[int, bool]:
    """An EBML variable-length size, and whether it is the reserved 'unknown' (all ones)."""
    first = file.read(1)
    if not first or first[0] == 0:
        return 0, True
    extra = 8 - first[0].bit_length()
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + file.read(extra), "big") & ((1 << bits) - 1)
    return value, value == (1 << bits) - 1


def _missing_in_program_stream(file: BinaryIO, size: int) -> int:
    """MPEG program stream: a chain of packs and packets, followed over the file's last part.

    Sound may hold the bytes of a pack header by chance, so a chain that breaks is tried again from
    the next one.
    """
    file.seek(max(size - MPEG_TAIL, 0))
    tail = file.read()
    position = -1
    while (position := tail.find(_PACK, position + 1)) >= 0:
        missing = _follow_packets(tail, position)
        if missing is not None:
            return missing
    return 0


def _follow_packets(tail: bytes, position: int) -> int | None:
    """Bytes missing after the chain of packets that starts at `position`; None if it breaks."""
    while position < len(tail):
        head = tail[position : position + 14]
        if head[:3] != b"\0\0\1":
            return None if any(tail[position:]) else 0  # zeros fill up the last sector
        if len(head) < 6 and head[3:4] != bytes([_END]):
            return 6 - len(head)
        if head[3] == _PACK[3]:
            # MPEG-1 has 12 bytes; MPEG-2 has 14 and says how many stuffing bytes follow.
            position += 12 if head[4] >> 4 == 2 else 14 + (head[13:][:1] or b"\0")[0] % 8
        elif head[3] > _PACK[3]:
            position += 6 + int.from_bytes(head[4:6], "big")
        elif head[3] == _END:
            position += 4
        else:
            return None
    return position - len(tail)
