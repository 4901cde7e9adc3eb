"""Files that appear whole or not at all, and what tells that one is damaged."""

from __future__ import annotations

import glob
import json
import os
import platform
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from cagewatch.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` when the block succeeds.

    The temporary name keeps the suffixes, since many writers choose the format by them.

    Raises
    ------
    InputError
        If the folder cannot be written or the disk is full; nothing is left behind.
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


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; InputError in one sentence if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
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
