"""A store's manifest: what the store was made of and with, and whether that still holds.

It names the preprocessing settings, the source's size, time stamps and SHA-256, the size and CRC-32
of every array, and the versions of what made them; and it carries its own checksum.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cagewatch.errors import InputError
from cagewatch.files import checksum, read_json, write_json
from cagewatch.store.preprocess import Preprocessing

FORMAT = 1
ARRAYS = ("gray", "flow", "times")


def is_current(folder: Path, source: Path, settings: Preprocessing) -> bool:
    """Whether ``folder`` holds an undamaged store of `source` as it is, made with `settings`."""
    try:
        manifest = read_json(folder / "manifest.json")
    except InputError:
        return False
    try:
        if manifest["format"] != FORMAT or manifest["preprocessing"] != settings.as_dict():
            return False
        if not _is_undamaged(folder, manifest):
            return False
        seen = manifest["source"]
        if not is_unchanged(source, seen):
            # A copy or a touch changes the time stamp but not the recording.
            found = describe_source(source)
            if found["sha256"] != seen["sha256"]:
                return False
            _remember(folder, {**manifest, "source": found})
        return True
    except (KeyError, TypeError):
        return False


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the store in `folder`; InputError if the bytes are not those it names."""
    manifest = read_json(folder / "manifest.json")
    if not _is_undamaged(folder, manifest):
        raise InputError(f"The store {folder} is damaged; delete that folder and run again.")
    return manifest


def write_manifest(
    folder: Path, name: str, source: dict[str, Any], settings: Preprocessing, n_frames: int
) -> None:
    """Write the manifest of the arrays in `folder`, made of what `describe_source` told before."""
    manifest = {
        "format": FORMAT,
        "recording": name,
        "n_frames": n_frames,
        "preprocessing": settings.as_dict(),
        "source": source,
        "files": {
            array: {
                "bytes": (folder / f"{array}.npy").stat().st_size,
                "crc32": checksum(folder / f"{array}.npy"),
            }
            for array in ARRAYS
        },
        "versions": {name: version(name) for name in ("av", "numpy", "opencv-python-headless")},
    }
    _write(folder, manifest)


def _remember(folder: Path, manifest: dict[str, Any]) -> None:
    """Note a source's new time stamps, so that it need not be read for its digest every time."""
    try:
        _write(folder, manifest)
    except InputError:
        pass  # a folder that is only read, or that another process is replacing


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    write_json(folder / "manifest.json", {**manifest, "checksum": _sum_of(manifest)})


def _sum_of(manifest: dict[str, Any]) -> int:
    """CRC-32 of a manifest without its own checksum."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return zlib.crc32(json.dumps(rest, sort_keys=True).encode())


def _is_undamaged(folder: Path, manifest: dict[str, Any]) -> bool:
    try:
        if manifest["checksum"] != _sum_of(manifest):
            return False
        for name in ARRAYS:
            path = folder / f"{name}.npy"
            written = manifest["files"][name]
            if path.stat().st_size != written["bytes"] or checksum(path) != written["crc32"]:
                return False
    except (OSError, KeyError, TypeError, AttributeError):
        return False
    return True


def describe_source(source: Path) -> dict[str, Any]:
    """Size, time stamp and SHA-256 of a source; a folder counts as its files in order of name."""
    digest = hashlib.sha256()
    stat = _stat_of(source)  # first: a change while reading must differ from it afterwards
    try:
        for path in _source_files(source):
            if path != source:
                digest.update(path.name.encode() + b"\0")
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise InputError(f"Cannot read {source}: {error.strerror}.") from error
    return {"name": source.name, **stat, "sha256": digest.hexdigest()}


def is_unchanged(source: Path, before: dict[str, Any]) -> bool:
    """Whether size and time stamps of `source` are still those that `describe_source` told."""
    return _stat_of(source) == {key: before[key] for key in ("bytes", "state")}


def _stat_of(source: Path) -> dict[str, int]:
    """Size and a sum over all that changes when a file of the source is written or replaced.

    Of each file its name, size and both time stamps: tools that copy or edit may set the time of
    modification back, but no program sets that of the inode's change.
    """
    try:
        files = [(path.name, path.stat()) for path in _source_files(source)]
    except OSError as error:
        raise InputError(f"Cannot read {source}: {error.strerror}.") from error
    facts = [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in files]
    return {
        "bytes": sum(stat.st_size for _, stat in files),
        "state": zlib.crc32(json.dumps(facts).encode()),
    }


def _source_files(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.is_file())
    return [source]
