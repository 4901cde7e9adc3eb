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
from pathlib import Path, PureWindowsPath

from cagewatch.errors import InputError

MAX_BYTES = 200 * 10**9
MAX_MEMBERS = 500_000
# Video and images hardly compress; a bomb expands a thousandfold.
MAX_RATIO = 100

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


def extract_archive(
    path: Path, folder: Path, holds: str, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS
) -> Path:
    """Unpack `path` (zip, tar, tar.gz ...) into `folder` and return ``folder/holds``.

    ``holds`` becomes the archive's top-level folder of that name, else its only top-level folder,
    else everything in it. Besides the bounds given, at most `MAX_RATIO` times the archive's own
    size is unpacked. InputError if the archive is damaged, unsafe or too large, or ``folder/holds``
    is there already. Nothing is left behind.
    """
    target = folder / holds
    if target.exists():
        raise InputError(f"{target} is there already; move it away to unpack {path.name} again.")
    temporary = None
    try:
        max_bytes = min(max_bytes, MAX_RATIO * path.stat().st_size + (1 << 20))
        is_zip = zipfile.is_zipfile(path)
        with zipfile.ZipFile(path) if is_zip else tarfile.open(path, "r:*") as archive:
            for reason in _dangers(archive, max_bytes, max_members):
                raise InputError(f"{path} is not safe to unpack: it {reason}.")
            folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
            content = temporary / "content"
            content.mkdir()
            # No more comes out of a member than its size says, which was counted above. Python has
            # a guard of its own since 3.11.4.
            guarded = not is_zip and hasattr(tarfile, "data_filter")
            archive.extractall(content, **({"filter": "data"} if guarded else {}))
        entries = [p for p in content.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if (content / holds).is_dir():
            content = content / holds
        elif len(entries) == 1 and entries[0].is_dir():
            content = entries[0]
        os.replace(content, target)
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


def _dangers(
    archive: zipfile.ZipFile | tarfile.TarFile, max_bytes: int, max_members: int
) -> Iterator[str]:
    """What speaks against unpacking an archive, found as its members are read."""
    total = 0
    for count, (name, size, is_plain) in enumerate(_list_members(archive), start=1):
        # A backslash or a drive letter leaves the folder on Windows.
        windows = PureWindowsPath(name)
        leaves = name.startswith("/") or windows.drive or ".." in windows.parts
        if not name or leaves or set(name) & {"\\", "\0"}:
            yield f"has the member {name!r}, which would leave the folder"
        if not is_plain:
            yield f"has the member {name!r}, a link or a device"
        total += max(size, 0)
        if total > max_bytes:
            yield f"expands to more than {max_bytes} bytes"
        if count > max_members:
            yield f"has more than {max_members} members"


def _list_members(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, bool]]:
    """Name, bytes unpacked and whether it is a plain file or folder, of each member."""
    if isinstance(archive, zipfile.ZipFile):
        for entry in archive.infolist():
            # Unix writers keep the file type here; others leave 0, a plain file.
            kind = stat.S_IFMT(entry.external_attr >> 16)
            yield entry.filename, entry.file_size, kind in (0, stat.S_IFREG, stat.S_IFDIR)
    else:
        for one in archive:
            yield one.name, one.size, one.isreg() or one.isdir()
