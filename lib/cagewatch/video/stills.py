"""Frames of what is no video file: a folder of images, or a MATLAB ``.mat`` volume.

Neither carries time, so frames are numbered and the reader says how many there are in a second.
What refuses a source before anything is decoded is here too, for `cagewatch.video` as well.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from cagewatch.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
# Larger frames are refused: a forged header must not claim the memory of the machine.
MAX_PIXELS = 1 << 26
# A .mat volume is loaded whole, its format being one compressed block.
MAX_VOLUME_BYTES = 1 << 32


def list_images(folder: Path) -> list[Path]:
    """Images directly in `folder` in natural order, hidden files left out; InputError if none."""
    images = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        if path.is_file()
    ]
    if not images:
        raise InputError(f"{folder} holds no images (jpg, png, tif or bmp); check the folder.")
    return sorted(images, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by name that takes runs of digits as numbers."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"([0-9]+)", path.name.lower())
        if part
    ]


def read_images(folder: Path, fps: float) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the seconds and (height, width) uint8 gray of every image, one held at a time."""
    for index, path in enumerate(list_images(folder)):
        yield index / fps, read_image(path)


def read_image(path: Path) -> np.ndarray:
    """(height, width) uint8 gray; the bytes are read here as OpenCV fails on some path names."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    if has_more_pages(data.tobytes()):
        raise InputError(
            f"{path} has more than one page, and only the first would be read; save each page as an"
            " image of its own, or all of them as a video."
        )
    # As with videos, pixels are taken as stored: the orientation tag is not applied.
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        frame = cv2.imdecode(data, flags) if data.size else None
    except (cv2.error, MemoryError):
        frame = None
    if frame is None:
        raise InputError(
            f"{path} is not an image that can be read, or has more than {MAX_PIXELS} pixels; "
            "replace or remove it."
        )
    refuse_giant(path, frame.shape[1], frame.shape[0])
    return frame


def has_more_pages(data: bytes) -> bool:
    """Whether an image is a TIFF of several pages, by its first directory's link to the next.

    Source: TIFF revision 6.0, section 2; offsets and counts are longer in a BigTIFF.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or data[2:4] not in (struct.pack(f"{order}H", kind) for kind in (42, 43)):
        return False
    big = struct.pack(f"{order}H", 43) == data[2:4]
    at, count, entry, link = (8, "Q", 20, "Q") if big else (4, "H", 12, "I")
    try:
        (start,) = struct.unpack_from(order + link, data, at)
        (entries,) = struct.unpack_from(order + count, data, start)
        after = start + struct.calcsize(order + count) + entry * entries
        return bool(struct.unpack_from(order + link, data, after)[0])
    except struct.error:  # cut short, which the decoder tells
        return False


def volume_shape(source: Path) -> tuple[str, tuple[int, ...]]:
    """Name and shape (rows, columns[, rgb], time) of a .mat file's one volume, else InputError."""
    refuse_missing(source)
    try:
        # Of two variables of one name loadmat reads the first, so that is the one to look at.
        found = reversed(scipy.io.whosmat(source))
        variables = {name: (shape, kind) for name, shape, kind in found}
    except NotImplementedError as error:
        raise InputError(
            f"{source} is a MATLAB 7.3 file, which is not read; save it with -v7."
        ) from error
    except Exception as error:  # scipy raises whatever its parser trips over
        raise InputError(
            f"{source} is not a complete MATLAB file; copy or download it again."
        ) from error
    name = next((name for name in ("vol", "I") if name in variables), None)
    if name is None:
        raise InputError(
            f"{source} has no variable vol or I with frames; it holds "
            f"{', '.join(variables) or 'nothing'}."
        )
    shape, kind = variables[name]
    if kind != "uint8" or len(shape) not in (3, 4) or (len(shape) == 4 and shape[2] != 3):
        raise InputError(
            f"{source}: {name} must be uint8 of rows x columns [x 3] x frames, "
            f"not {kind} of {' x '.join(map(str, shape))}."
        )
    if 0 in shape:
        raise InputError(f"{source}: {name} holds no frames; replace the file.")
    refuse_giant(source, shape[1], shape[0])
    if np.prod(shape, dtype=object) > MAX_VOLUME_BYTES:
        raise InputError(f"{source}: {name} is larger than 4 GiB; save it as a video instead.")
    return name, shape


def read_volume(source: Path, fps: float) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the seconds and (height, width) uint8 gray of every frame of a .mat file."""
    name, shape = volume_shape(source)
    try:
        volume = scipy.io.loadmat(source, variable_names=[name])[name]
    except Exception as error:
        raise InputError(
            f"{source} is not a complete MATLAB file; copy or download it again."
        ) from error
    for index in range(shape[-1]):
        frame = np.ascontiguousarray(volume[..., index])
        yield index / fps, frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def refuse_missing(source: Path) -> None:
    """InputError unless `source` is a file with something in it that may be read."""
    if source.is_symlink() and not source.exists():
        raise InputError(
            f"{source} is a link to {os.readlink(source)}, which is not there; bring it back,"
            " or remove the link."
        )
    if not source.is_file():
        raise InputError(f"{source} does not exist; check the name and the data folder.")
    if source.stat().st_size == 0:
        raise InputError(f"{source} is empty (0 bytes); copy or download it again.")
    if not os.access(source, os.R_OK):
        raise InputError(f"{source} may not be read; change its permissions.")


def refuse_giant(source: Path, width: int, height: int) -> None:
    """InputError for frames of more than `MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{source} has frames of {width}x{height} pixels, more than the {MAX_PIXELS} allowed; "
            "scale it down first."
        )
