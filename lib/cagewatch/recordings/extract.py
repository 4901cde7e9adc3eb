"""Unpack a zip or tar archive from the internet without letting it do harm.

Every member is looked at before anything is written. Names that leave the folder, links, devices
and archives that swell beyond a bound are refused. The files are unpacked into a temporary folder
and renamed into place, so that a folder that is there is complete.
"""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import IO, NamedTuple

from cagewatch.errors import InputError

MAX_BYTES = 200 * 10**9
MAX_MEMBERS = 500_000
# Video and images hardly compress; a bomb expands a thousandfold.
MAX_RATIO = 100
CHUNK = 1 << 20

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,  # zipfile: an encrypted member
    *(IndexError, ValueError, OverflowError, struct.error),  # both: forged names, sizes and dates
)


class Member(NamedTuple):
    """One entry of an archive: its parts below the folder, bytes unpacked, and kind."""

    name: str
    size: int
    is_folder: bool
    is_file: bool
    entry: zipfile.ZipInfo | tarfile.TarInfo


def extract_archive(
    path: Path,
    folder: Path,
    holds: str,
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
) -> Path:
    """Unpack `path` (zip, tar, tar.gz ...) into `folder` and return ``folder/holds``.

    Parameters
    ----------
    holds : the folder that results: the archive's top-level folder of that name, else its only
        top-level folder, else everything in it.
    max_bytes, max_members : bounds on what is unpacked; besides, at most `MAX_RATIO` times the
        size of the archive.

    Raises
    ------
    InputError
        If the archive is damaged, unsafe or too large, or ``folder/holds`` is there already.
        Nothing is left behind.
    """
    target = folder / holds
    if target.exists():
        raise InputError(f"{target} is there already; move it away to unpack {path.name} again.")
    temporary = None
    try:
        max_bytes = min(max_bytes, MAX_RATIO * path.stat().st_size + CHUNK)
        with _open_archive(path) as archive:
            members = check_members(path, _list_members(archive), max_bytes, max_members)
            folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
            written = 0
            for member in members:
                destination = temporary / member.name
                if member.is_folder:
                    destination.mkdir(parents=True, exist_ok=True)
                    continue
                destination.parent.mkdir(parents=True, exist_ok=True)
                with _open_member(archive, member) as source, destination.open("wb") as file:
                    while chunk := source.read(CHUNK):
                        # The sizes in a zip's list are only claims.
                        written += len(chunk)
                        _refuse_too_large(path, written, max_bytes)
                        file.write(chunk)
        os.replace(_find_content(temporary, holds), target)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(
            f"{path} is damaged or of an unknown kind ({error}); remove it and download it again."
        ) from error
    except OSError as error:
        raise InputError(
            f"Cannot unpack {path} into {folder}: {error.strerror or error}."
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _find_content(temporary: Path, holds: str) -> Path:
    if (temporary / holds).is_dir():
        return temporary / holds
    entries = [p for p in temporary.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    if len(entries) == 1 and entries[0].is_dir():
        return entries[0]
    temporary.chmod(0o755)  # temporary folders are made for their owner only
    return temporary


def check_members(
    path: Path, members: Iterator[Member], max_bytes: int, max_members: int
) -> list[Member]:
    """Every member of an archive, or InputError if one of them could do harm."""
    checked, total = [], 0
    for member in members:
        name = member.name
        # A backslash or a drive letter leaves the folder on Windows.
        parts = PureWindowsPath(name).parts
        if (
            not name
            or name.startswith("/")
            or "\\" in name
            or "\0" in name
            or ".." in parts
            or PureWindowsPath(name).drive
        ):
            raise InputError(
                f"{path} is not safe to unpack: its member {name!r} would leave the folder."
            )
        if not (member.is_file or member.is_folder):
            raise InputError(
                f"{path} is not safe to unpack: its member {name!r} is a link or a device."
            )
        total += max(member.size, 0)
        _refuse_too_large(path, total, max_bytes)
        checked.append(member)
        if len(checked) > max_members:
            raise InputError(
                f"{path} is not safe to unpack: it has more than {max_members} members."
            )
    return checked


def _refuse_too_large(path: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise InputError(
            f"{path} is not safe to unpack: it expands to more than {max_bytes} bytes."
        )


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    is_zip = zipfile.is_zipfile(path)
    with zipfile.ZipFile(path) if is_zip else tarfile.open(path, "r:*") as archive:
        yield archive


def _list_members(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[Member]:
    if isinstance(archive, zipfile.ZipFile):
        for entry in archive.infolist():
            # Unix writers keep the file type here; others leave 0, a plain file.
            kind = stat.S_IFMT(entry.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            is_folder = entry.is_dir()
            yield Member(
                entry.filename, entry.file_size, plain and is_folder, plain and not is_folder, entry
            )
    else:
        for one in archive:
            yield Member(one.name, one.size, one.isdir(), one.isreg(), one)


def _open_member(archive: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes]:
    if isinstance(archive, zipfile.ZipFile):
        return archive.open(member.entry)
    return archive.extractfile(member.entry)
