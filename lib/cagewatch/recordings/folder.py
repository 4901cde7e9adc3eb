"""Any folder of videos: one's own recordings, with labels beside them where there are any.

::

    recordings/            or    recordings/train/a.mp4
        a.mp4                    recordings/test/b.mp4
        a.csv   (or a.txt)       recordings/test/b.csv
        b.avi

A folder of images counts as one recording. Labels are one file beside it, ``<name>.csv``,
``<name>.tsv``, ``<name>_labels.csv`` or ``<name>.txt``: a bout table or an MIT text (see
`cagewatch.recordings.labels.annotations`), a BORIS export or DeepEthogram's labels, told apart by
their first lines. A file of any other form is passed over.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.annotations import (
    CSV_COLUMNS,
    OTHER,
    Bout,
    is_mit,
    is_table,
    labels_from_bouts,
    read_csv_bouts,
    read_lines,
    read_mit_bouts,
)
from cagewatch.recordings.labels.boris import is_boris, read_boris_bouts
from cagewatch.recordings.labels.deepethogram import is_deepethogram, read_deepethogram_bouts
from cagewatch.recordings.labels.seconds import SECONDS_COLUMNS, read_seconds_bouts
from cagewatch.recordings.subfolders import list_folders
from cagewatch.video import FALLBACK_FPS, VIDEO_SUFFIXES, read_clock
from cagewatch.video.stills import IMAGE_SUFFIXES, natural_key, refuse_missing

SPLITS = ("train", "test")
LABEL_SUFFIXES = (".csv", ".tsv", "_labels.csv", ".txt")
Form = Literal["mit", "deepethogram", "boris", "frames", "seconds"]
NO_FORM = (
    "it has none of the forms of a label file: a first line with"
    f" {','.join(SECONDS_COLUMNS)} or {','.join(CSV_COLUMNS)}, an export of BORIS's events,"
    " DeepEthogram's labels, or, as .txt, 'frame: <first>-<last> <behaviour>'."
)


def read_recordings(data_dir: Path, image_fps: float = FALLBACK_FPS) -> list[Recording]:
    """Read the videos and image folders in `data_dir`, or in its ``train`` and ``test`` folders.

    They come in natural order; `split` is the folder's where there are such two, else None.
    `behaviours` are the same for all: every name any label file uses, in alphabetical order, and
    ``other`` for frames in no bout. `labels` of a bout table end with its last bout;
    `check_label_length` fills up the rest; seconds in it are frames at `image_fps` where a source
    carries no time. InputError if `data_dir` is no folder or holds no
    recording, two have the same name, one has two label files, or one of these is wrong.
    """
    if not data_dir.is_dir():
        raise InputError(
            f"data_dir {data_dir} is not a folder; set it to the folder with your recordings."
        )
    splits = [split for split in SPLITS if (data_dir / split).is_dir()]
    found = [
        (source, split)
        for split in splits or [None]
        for source in list_sources(data_dir / split if split else data_dir)
    ]
    if not found:
        raise InputError(
            f"{data_dir} holds no videos or folders of images; set data_dir to the folder with "
            "your recordings."
        )
    return read_sources(found, image_fps)


def read_sources(
    found: Sequence[tuple[Path, str | None]], image_fps: float = FALLBACK_FPS
) -> list[Recording]:
    """Read recordings (path, split) and the labels beside them; see `read_recordings`."""
    names: dict[str, Path] = {}
    for source, _ in found:
        name = recording_name(source)
        if name in names:
            raise InputError(
                f"{names[name]} and {source} would both be recording {name!r}; rename one."
            )
        names[name] = source
    files = {source: find_label_file(source) for source, _ in found}
    read = {
        source: read_label_file(path, source, image_fps) for source, path in files.items() if path
    }
    used = {bout.behaviour for bouts, _ in read.values() for bout in bouts}
    behaviours = (*sorted(used - {OTHER}), OTHER) if used else ()
    return [
        Recording(
            name=recording_name(source),
            source=source,
            split=split,
            labels=labels_from_bouts(read[source][0], behaviours) if source in read else None,
            behaviours=behaviours,
            label_source=files[source],
            labels_complete=source in read and read[source][1],
        )
        for source, split in found
    ]


def list_videos(
    folder: Path, volumes: bool = False, deep: bool = False, lost: bool = False
) -> list[Path]:
    """List the video files in a folder in natural order, hidden ones left out.

    With `volumes` also ``.mat`` files, with `deep` those in all of `list_folders`, with `lost`
    links to nothing, which raise otherwise: a recording must not go missing without a word.
    InputError too if the folder may not be read.
    """
    suffixes = VIDEO_SUFFIXES | ({".mat"} if volumes else frozenset())
    try:
        found = [
            path
            for place in (list_folders(folder) if deep else [folder])
            for path in place.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".")
        ]
    except OSError as error:
        raise InputError(f"Cannot read the folder {folder}: {error.strerror}.") from error
    missing = [path for path in found if not path.exists()]
    if missing and not lost:
        refuse_missing(missing[0])
    kept = [path for path in found if path.is_file()] + missing
    return sorted(kept, key=natural_key)


def list_sources(folder: Path, lost: bool = False) -> list[Path]:
    """Videos and folders of images in `folder`; `folder` itself if it holds nothing but images.

    Links to nothing are listed where `lost` asks for them.
    """
    image_folders = [
        path for path in folder.iterdir() if not path.name.startswith(".") and holds_images(path)
    ]
    sources = sorted([*list_videos(folder, lost=lost), *image_folders], key=natural_key)
    return sources or ([folder] if holds_images(folder) else [])


def holds_images(folder: Path) -> bool:
    """True if an image lies directly in `folder`."""
    return folder.is_dir() and any(
        path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        for path in folder.iterdir()
    )


def recording_name(source: Path) -> str:
    """Name of a recording: its file's without the suffix, or its folder's.

    InputError for a name that means a folder: what is written for it would lie elsewhere.
    """
    name = source.name if source.is_dir() else source.stem
    if name in ("", ".", ".."):
        raise InputError(f"{source} has no name that a folder could have; rename it.")
    return name


def find_label_file(source: Path) -> Path | None:
    """The one label file beside `source`; None if there is none.

    What has none of the forms of a label file, such as notes, is passed over with a warning.
    """
    beside = [source.with_name(recording_name(source) + suffix) for suffix in LABEL_SUFFIXES]
    found = [path for path in beside if path.is_file() and _has_labels(path)]
    if len(found) > 1:
        raise InputError(
            f"{source} has two label files, {found[0].name} and {found[1].name}; keep one."
        )
    return found[0] if found else None


def _has_labels(path: Path) -> bool:
    try:
        known, reason = label_form(path, read_lines(path)) is not None, NO_FORM
    except InputError as error:
        known, reason = False, str(error)
    if not known:
        warnings.warn(f"{path} is passed over: {reason}", stacklevel=2)
    return known


def label_form(path: Path, lines: Sequence[str]) -> Form | None:
    """Which of the forms of a label file the lines of one have; None if none."""
    if path.suffix.lower() == ".txt":
        return "mit" if is_mit(lines) else None
    if is_deepethogram(lines):
        return "deepethogram"
    if is_boris(lines):
        return "boris"
    if is_table(lines, CSV_COLUMNS):
        return "frames"
    return "seconds" if is_table(lines, SECONDS_COLUMNS) else None


def read_label_file(
    path: Path, source: Path, image_fps: float = FALLBACK_FPS
) -> tuple[list[Bout], bool]:
    """Bouts in a label file of any format read here, and whether they cover every frame.

    `image_fps` is the frame rate of a source that carries no time.
    """
    lines = read_lines(path)
    form = label_form(path, lines)
    if form == "mit":
        return read_mit_bouts(path, behaviours=None), False
    if form == "deepethogram":
        return read_deepethogram_bouts(path, lines), True
    if form == "boris":
        clock = read_clock(source, image_fps)
        return read_boris_bouts(path, lines, clock, recording_name(source)), False
    if form == "seconds":
        return read_seconds_bouts(path, read_clock(source, image_fps)), False
    if form == "frames":
        return read_csv_bouts(path), False
    raise InputError(f"{path}: {NO_FORM}")
