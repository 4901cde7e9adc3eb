"""100 seconds of the home-cage database of Jhuang et al. 2010 with human labels.

::

    <data_dir>/predicted_new.avi    2,992 frames, 360x240, 30 per second
    <data_dir>/mice2.txt            labels of one recording of the database, in its own format

The two come from two public repositories (addresses in `cagewatch.recordings.download`), and that
they belong together is inferred, not stated by either: tall silhouettes in the video line up with
the bouts of rear, and events in the video come 4 to 8 frames after their labels. Another program's
caption is burned into rows 0 to 43, which `region` leaves out. The labels run on past the video's
end and are cut there (`labels_end`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.annotations import MIT_BEHAVIOURS, read_labels

VIDEO, LABELS = "predicted_new.avi", "mice2.txt"
VIDEO_SHA256 = "526cbb9b2a1f1370a0aba37ef8cf3db23233359024dcd7d9b47b53e42590a534"
VIDEO_BYTES = 3_592_312
# Frames of each behaviour among the first 3,001, where the last bout that the video shows ends.
COUNTED = 3001
COUNTS = {"groom": 112, "micromovement": 1266, "rear": 332, "rest": 448, "walk": 843}
_GET = "get it with 'cagewatch download mit_sample <folder>'"


def read_recordings(data_dir: Path) -> list[Recording]:
    """Read the one recording, ``predicted_new``, once both files are known to be the right ones.

    It is labelled with `MIT_BEHAVIOURS`, more labels than frames, without a split. InputError if a
    file is missing, cut short or another one.
    """
    video, labels = data_dir / VIDEO, data_dir / LABELS
    check_video(video)
    return [
        Recording(
            name=video.stem,
            source=video,
            labels=check_labels(labels),
            behaviours=MIT_BEHAVIOURS,
            label_source=labels,
        )
    ]


def check_video(path: Path) -> None:
    """Raise InputError unless the file is the video that this dataset is about, to the last bit."""
    _refuse_missing(path)
    size = path.stat().st_size
    if size < VIDEO_BYTES:
        raise InputError(f"{path} is cut short ({size} of {VIDEO_BYTES} bytes); {_GET}.")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != VIDEO_SHA256:
        raise InputError(
            f"{path} is another video than this dataset's (SHA-256 {digest[:12]}..., not "
            f"{VIDEO_SHA256[:12]}...); {_GET}, or read your own videos with dataset=folder."
        )


def check_labels(path: Path) -> np.ndarray:
    """Read the labels, indexes into `MIT_BEHAVIOURS`, if they are those that belong to the video.

    InputError if the file is missing, has a gap or overlap, or other bouts.
    """
    _refuse_missing(path)
    labels = read_labels(path)
    counts = np.bincount(labels[:COUNTED], minlength=len(MIT_BEHAVIOURS))
    found = {name: int(n) for name, n in zip(MIT_BEHAVIOURS, counts, strict=True) if n}
    if found != COUNTS:
        raise InputError(
            f"{path} holds other labels than this dataset's (in the first {COUNTED} frames: "
            f"{found}, not {COUNTS}); {_GET}."
        )
    return labels


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is not there; {_GET}, or set data_dir to the folder with it.")
