"""The folders below one, in which recordings are looked for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path


def list_folders(place: Path) -> list[Path]:
    """A folder and those below it at any depth, hidden ones left out, each once.

    Links to folders are followed, after the folders that are really there. A warning names those
    that lead nowhere, and folders that may not be read.
    """
    found: dict[str, Path] = {}
    links = [str(place)]
    while links:
        for folder, names, files in os.walk(links.pop(0), onerror=_warn_unread):
            if found.setdefault(os.path.realpath(folder), Path(folder)) != Path(folder):
                names.clear()
                continue
            names[:] = sorted(name for name in names if not name.startswith("."))
            below = [os.path.join(folder, name) for name in names]
            links += [path for path in below if os.path.islink(path)]
            for path in (Path(folder, name) for name in files if not name.startswith(".")):
                if not path.suffix and path.is_symlink() and not path.exists():
                    warnings.warn(
                        f"{path} is a link to {os.readlink(path)}, which is not there; it is"
                        " passed over.",
                        stacklevel=2,
                    )
    return list(found.values())


def _warn_unread(error: OSError) -> None:
    warnings.warn(
        f"Cannot read the folder {error.filename}: {error.strerror}; it is passed over.",
        stacklevel=2,
    )
