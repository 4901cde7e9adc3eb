"""MATLAB cell arrays of masks, read one cell at a time.

`scipy.io.loadmat` reads whole files, and cells within cells by recursion in C: a forged file of
1 MB ends the process without a word. Here memory stays at one mask, and a cell within a cell is
refused. Source: "MAT-File Format", The MathWorks, version 5; both byte orders, packed or not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cagewatch.errors import InputError

COMPRESSED, MATRIX, CELL = 15, 14, 1
NUMERIC = range(6, 16)  # double, single and the eight integers; logical is one of these with a flag
# By MAT-file data type: what the numbers of a matrix are stored as.
STORED = dict(enumerate("i1 u1 i2 u2 i4 u4 f4".split(), start=1)) | {9: "f8", 12: "i8", 13: "u8"}
MAX_MASK_BYTES = 1 << 29
MAX_CELLS = 1_000_000
_BLOCK = 1 << 20


def any_set(path: Path, variable: str) -> np.ndarray:
    """(n_cells,) bool, True where a cell of the cell array `variable` holds a number but 0.

    InputError if `path` is no whole MATLAB file of version 5, or `variable` is missing or anything
    but a cell array of numeric arrays.
    """
    try:
        with open(path, "rb") as file:
            return np.fromiter(_read_cells(path, file, variable), bool)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    except (EOFError, struct.error, zlib.error, MemoryError) as error:
        raise InputError(
            f"{path} is not a MATLAB file with a complete {variable}; download it again."
        ) from error


def _read_cells(path: Path, file: BinaryIO, variable: str) -> Iterator[bool]:
    header = file.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:])
    if order is None:
        raise EOFError
    while True:
        kind, size = struct.unpack(f"{order}II", _exactly(file.read(8), 8))
        after = file.tell() + size
        stream = _Stream(
            _inflated(file, size) if kind == COMPRESSED else _blocks(file, size), order
        )
        if kind == COMPRESSED:
            kind, size = struct.unpack(f"{order}II", stream.read(8))
        if kind == MATRIX:
            matrix_class, shape, name = stream.read_array_header()
            if name == variable.encode():
                break
        file.seek(after)
    if matrix_class != CELL or not 0 < (n_cells := int(np.prod(shape, dtype=object))) <= MAX_CELLS:
        raise InputError(f"{path}: {variable} must be a cell array with one mask per frame.")
    for _ in range(n_cells):
        kind, size = struct.unpack(f"{order}II", stream.read(8))
        begun = stream.position
        matrix_class, shape, _ = stream.read_array_header() if size else (6, (0,), b"")
        if kind != MATRIX or matrix_class not in NUMERIC:
            raise InputError(f"{path}: {variable} must hold arrays of numbers and nothing else.")
        if size:
            stored, data = stream.read_element()
            count = int(np.prod(shape, dtype=object))
            if stored not in STORED or len(data) != count * np.dtype(STORED[stored]).itemsize:
                raise EOFError
            yield bool(np.frombuffer(data, np.dtype(order + STORED[stored])).any())
            stream.skip(begun + size - stream.position)
        else:
            yield False


class _Stream:
    """Reads exact numbers of bytes from blocks, counting them."""

    def __init__(self, blocks: Iterator[bytes], order: str) -> None:
        self.blocks, self.order = blocks, order
        self.held, self.position = bytearray(), 0

    def read(self, size: int) -> bytes:
        if size > MAX_MASK_BYTES:
            raise EOFError
        while len(self.held) < size:
            block = next(self.blocks, None)
            if block is None:
                raise EOFError
            self.held += block
        data = bytes(self.held[:size])
        del self.held[:size]
        self.position += size
        return data

    def skip(self, size: int) -> None:
        if size < 0:
            raise EOFError
        while size:
            size -= len(self.read(min(size, _BLOCK)))

    def read_element(self) -> tuple[int, bytes]:
        """Type and data of one element; those of at most 4 bytes share the tag's 8."""
        head = self.read(8)
        kind, size = struct.unpack(f"{self.order}II", head)
        if kind >> 16:
            return kind & 0xFFFF, _exactly(head[4 : 4 + (kind >> 16)], kind >> 16)
        data = self.read(size)
        self.read(-size % 8)
        return kind, data

    def read_array_header(self) -> tuple[int, tuple[int, ...], bytes]:
        """Class, shape and name of the matrix whose tag was just read."""
        (flags,) = struct.unpack(f"{self.order}I", _exactly(self.read_element()[1][:4], 4))
        _, dimensions = self.read_element()
        shape = struct.unpack(f"{self.order}{len(dimensions) // 4}i", dimensions)
        if not shape or len(shape) > 32 or min(shape) < 0:
            raise EOFError
        return flags & 0xFF, shape, self.read_element()[1]


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise EOFError
    return data


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (block := file.read(min(size, _BLOCK))):
        size -= len(block)
        yield block


def _inflated(file: BinaryIO, size: int) -> Iterator[bytes]:
    packed = zlib.decompressobj()
    for block in _blocks(file, size):
        while block:
            yield packed.decompress(block, _BLOCK)
            block = packed.unconsumed_tail
