"""Files that appear whole or not at all, are read within bounds, and tell if they are damaged."""

from __future__ import annotations

import fcntl
import glob
import json
import lzma
import math
import os
import platform
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil

from cagewatch.errors import InputError

MAX_JSON_BYTES = 1 << 26
# What reading a damaged archive of arrays can raise.
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, OverflowError)
DAMAGED += (AttributeError, NotImplementedError, RuntimeError, MemoryError, SyntaxError)
DAMAGED += (tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` when the block succeeds.

    The temporary name keeps the suffixes, since many writers choose the format by them. InputError
    if the folder cannot be written or the disk is full; nothing is left behind.
    """
    host = platform.node() or "here"
    partial = path.with_name(f".partial-{host}-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path, host)
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())  # a power loss must not leave the name without the bytes
        os.replace(partial, path)
    except OSError as error:
        if error.errno is None:
            raise
        raise InputError(
            f"Cannot write {path}: {os.strerror(error.errno)}; check the folder's permissions and"
            " the free space, then run again."
        ) from error
    finally:
        with suppress(OSError):  # the folder may be gone, or read-only by now
            partial.unlink()


def _remove_leftovers(path: Path, host: str) -> None:
    """Delete what processes of this machine that were killed while writing `path` left behind."""
    for leftover in path.parent.glob(f".partial-{glob.escape(host)}-*-{glob.escape(path.name)}"):
        process = leftover.name.removeprefix(f".partial-{host}-").partition("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            leftover.unlink(missing_ok=True)


def lock_file(path: Path, taken: str | None = None) -> TextIO:
    """Take the system's lock on a file, which goes when the file is closed or the process ends.

    The file is made if it is missing. InputError if it cannot be written, or, in the words of
    `taken`, if another process holds the lock; without such words, wait.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+")
    except OSError as error:
        raise InputError(
            f"Cannot write to {path.parent}: {error.strerror}; choose another folder (that of runs"
            " and stores is results_dir)."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if taken else 0))
    except OSError as error:
        file.close()
        raise InputError(taken or f"Cannot lock {path}: {error.strerror}.") from error
    return file


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def json_ready(value: Any) -> Any:
    """Replace NaN, which JSON lacks, by None, and numpy numbers by plain ones, at any depth."""
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_ready(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """Read a JSON file; InputError in one sentence if it is missing, damaged or huge."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise InputError(
                f"{path} is larger than {MAX_JSON_BYTES >> 20} MiB; it is none of ours."
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged (not JSON); delete it and run again.") from error


def checksum(path: Path) -> int:
    """CRC-32 of a file: finds damage, at the speed of memory."""
    value = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def read_arrays(path: Path, most: int) -> dict[str, np.ndarray]:
    """Read an ``.npz`` archive of plain arrays of at most `most` bytes, checked before unpacking.

    InputError if the file is missing, damaged, holds objects, or claims more.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            claimed = sum(max(item.file_size, _array_bytes(archive, item)) for item in members)
        if claimed > most:
            raise InputError(f"{path} claims {claimed} bytes, more than {most}; replace it.")
        with np.load(path, allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is missing or damaged; make it again.") from error


def _array_bytes(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> int:
    """Bytes of the array that the header of an archive's member announces."""
    with archive.open(item) as file:
        form = np.lib.format
        first = form.read_magic(file) == (1, 0)
        read = form.read_array_header_1_0 if first else form.read_array_header_2_0
        shape, _, dtype = read(file)
    return math.prod(shape) * dtype.itemsize
