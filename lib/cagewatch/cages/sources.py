"""Recordings at the paths that a user gives: files, folders, and folders below them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import numpy as np

from cagewatch.errors import InputError
from cagewatch.names import safe_name
from cagewatch.recordings import Recording
from cagewatch.recordings.folder import (
    SPLITS,
    holds_images,
    list_sources,
    list_videos,
    read_recordings,
    read_sources,
    recording_name,
)
from cagewatch.recordings.labels.annotations import OTHER
from cagewatch.recordings.subfolders import list_folders
from cagewatch.video import FALLBACK_FPS, list_images
from cagewatch.video.stills import refuse_missing

REVIEW = Path("review.csv")  # where stretches confirmed as unusual come from
FIRST = 30  # coded pictures at its start by which a recording is known that has grown
OWN = ("folder", "report", "scored", "stores")  # folders that a cage writes into its own
PEEK = 1 << 20  # bytes at a file's start and end by which it is known again


def gather_sources(paths: Sequence[str | Path], without: Path | None = None) -> dict[str, Path]:
    """Find the recordings at `paths`, subfolders included, and links to some that are gone.

    Each is found by a name that is unique: that of its file without suffix, in its folders below
    the path given. What the cage `without` wrote, such as its films, is left out. InputError if a
    path does not exist, holds no recording, or two would have one name.
    """
    found: dict[str, Path] = {}
    for given in paths:
        place = Path(given).expanduser().absolute()
        for source, name in _sources_at(place):
            if not _is_own(source, without):
                take_name(found, name, source)
    if not found:
        raise InputError(f"{', '.join(map(str, paths))} holds no videos or folders of images.")
    return found


def name_below(source: Path, place: Path) -> str:
    """A recording's name: its file's without suffix, in its folders below a place, all safe."""
    folders = source.relative_to(place).parts[:-1]
    return "/".join(safe_name(part) for part in [*folders, recording_name(source)])


def take_name(taken: dict[str, Path], name: str, source: Path) -> None:
    """Add a source by its name; InputError if another has it."""
    if taken.setdefault(name, source) != source:
        raise InputError(
            f"{taken[name]} and {source} would both be recording {name!r}; rename one."
        )


def _is_own(path: Path, cage: Path | None) -> bool:
    """Whether a source, or a folder of some, is what a cage wrote, as films are."""
    if cage is None:
        return False
    place = Path(os.path.abspath(path))
    return any(place.is_relative_to(os.path.abspath(cage / name)) for name in OWN)


def _sources_at(place: Path) -> list[tuple[Path, str]]:
    if not place.exists() and not place.is_symlink():
        raise InputError(f"{place} does not exist; give a video or a folder of videos.")
    alone = [(place, safe_name(recording_name(place)))]
    if not place.is_dir():
        return alone
    videos = {path.parent for path in list_videos(place, deep=True, lost=True)}
    folders = videos | {path.parent for path in list_folders(place)[1:] if holds_images(path)}
    pairs = []
    for folder in sorted(folders | {place}):
        pairs += [
            (source, name_below(source, place))
            for source in list_sources(folder, lost=True)
            if source != folder and source not in videos  # a picture beside videos is none
        ]
    return pairs or (alone if holds_images(place) else [])


def read_videos(
    paths: Sequence[str | Path], image_fps: float = FALLBACK_FPS, without: Path | None = None
) -> list[Recording]:
    """Read the recordings at `paths`, with the labels beside them, subfolders included.

    Names are unique, those of a subfolder begin with its name, and all have the same behaviours.
    `image_fps` is the frame rate of those that carry no time. What the cage `without` wrote is left
    out. InputError if a path holds no recording, two have one name, or a label file is wrong.
    """
    found: dict[str, Recording] = {}
    taken: dict[str, Path] = {}
    for given in paths:
        place = Path(given).expanduser().absolute()
        for recording in _read_place(place, image_fps, without):
            take_name(taken, recording.name, recording.source)
            found.setdefault(recording.name, recording)
    used = {name for item in found.values() for name in item.behaviours} - {OTHER}
    behaviours = (*sorted(used), OTHER) if used else ()
    return [_with_behaviours(recording, behaviours) for recording in found.values()]


def _read_place(place: Path, image_fps: float, without: Path | None) -> list[Recording]:
    if os.path.lexists(place) and not place.is_dir():
        refuse_missing(place)
        return read_sources([(place, None)], image_fps)  # whatever lies beside it
    whole = not place.is_dir() or any((place / split).is_dir() for split in SPLITS)
    folders = set() if whole else {path.parent for path in list_videos(place, deep=True)}
    folders = {folder for folder in folders if not _is_own(folder, without)}
    if folders <= {place}:
        return read_recordings(place, image_fps)  # which says if there are none
    return [
        replace(item, name=safe_name("-".join([*folder.relative_to(place).parts, item.name])))
        for folder in sorted(folders)
        for item in read_recordings(folder, image_fps)
        if item.source not in folders  # a picture beside videos is none
    ]


def _with_behaviours(recording: Recording, behaviours: tuple[str, ...]) -> Recording:
    """The recording with its labels numbered as in `behaviours`, which has all of its own."""
    if recording.labels is None or recording.behaviours == behaviours:
        return replace(recording, behaviours=behaviours)
    number = np.array([behaviours.index(name) for name in recording.behaviours], np.int16)
    return replace(recording, labels=number[recording.labels], behaviours=behaviours)


def mark_unusual(
    recordings: Sequence[Recording], unusual: Mapping[Path, Sequence[tuple[int, int]]], target: str
) -> list[Recording]:
    """Label stretches of recordings as the target, which is not trained on.

    `unusual` has the first and last frame of each stretch by the recording's source.
    """
    behaviours = tuple(sorted({target, OTHER, *recordings[0].behaviours}))
    marked = []
    for item in (_with_behaviours(one, behaviours) for one in recordings):
        if stretches := unusual.get(item.source, ()):
            labels = np.array([] if item.labels is None else item.labels, np.int16)
            short = max(last + 1 for _, last in stretches) - len(labels)
            labels = np.pad(labels, (0, max(short, 0)), constant_values=behaviours.index(OTHER))
            for first, last in stretches:
                labels[first : last + 1] = behaviours.index(target)
            # As of a table: frames after its last row are `OTHER`.
            item = replace(item, labels=labels, label_source=item.label_source or REVIEW)
        marked.append(item)
    return marked


def describe_file(source: Path) -> dict[str, int]:
    """Size of a source, and a checksum of the starts and ends of its files.

    Enough to know a video again after it was copied, without reading all of it.
    """
    if not source.is_dir():
        refuse_missing(source)
    total, sum_of = 0, 0
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    try:
        for path in files:
            if not path.is_file():
                continue
            size = path.stat().st_size
            total += size
            with open(path, "rb") as file:
                sum_of = zlib.crc32(file.read(PEEK), sum_of)
                file.seek(max(0, size - PEEK))
                sum_of = zlib.crc32(file.read(PEEK), sum_of)
    except OSError as error:
        raise InputError(f"Cannot read {source}: {error.strerror}.") from error
    return {"bytes": total, "crc32": sum_of}


def describe_start(source: Path) -> int:
    """Checksum of a recording's first pictures as they are coded, or of its first image.

    It stays as it is while a file is written or copied on, and where its header is filled in.
    """
    if source.is_dir():
        source = list_images(source)[0]
    sum_of = 0
    try:
        with av.open(str(source)) as container:
            for packet in islice(container.demux(video=0), FIRST):
                sum_of = zlib.crc32(bytes(packet), sum_of)
        return sum_of
    except (av.FFmpegError, OSError, IndexError, ValueError):
        with open(source, "rb") as file:
            return zlib.crc32(file.read(PEEK))
