"""CUHK Avenue (Lu et al., ICCV 2013): people who run, throw or walk the wrong way are anomalous.

::

    Avenue Dataset/training_videos/01.avi ... 16.avi     training_vol/vol01.mat ...
                   testing_videos/01.avi ... 21.avi      testing_vol/vol01.mat ...
    ground_truth_demo/testing_label_mask/1_label.mat ... 21_label.mat

The videos are 640x360 at 25 fps; ``vol`` is the same frames as 120x160 uint8 luminance, time last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.cells import any_set
from cagewatch.video import count_frames, probe
from cagewatch.video.stills import natural_key

BEHAVIOURS = ("normal", "anomaly")


def read_recordings(data_dir: Path, source: Literal["avi", "vol"] = "avi") -> list[Recording]:
    """Read the Avenue videos that are there; a partial download is welcome.

    `data_dir` holds ``Avenue Dataset`` and ``ground_truth_demo``, or has them in ``avenue``; the
    source is the videos ('avi') or the small volumes published beside them ('vol'). ``train-01``
    ... come before ``test-01`` ..., labelled 0 normal or 1 anomaly: a test frame is an anomaly if
    any pixel of its mask is set. InputError if no video is there, or a test video's mask file is
    missing or broken.
    """
    root = find_avenue(data_dir)
    recordings = []
    for split, stem in (("train", "training"), ("test", "testing")):
        pattern = (f"{stem}_videos", "*.avi") if source == "avi" else (f"{stem}_vol", "vol*.mat")
        for path in sorted(
            (root / "Avenue Dataset" / pattern[0]).glob(pattern[1]), key=natural_key
        ):
            digits = path.stem.removeprefix("vol")
            if not digits.isdecimal():
                continue
            number = int(digits)
            if split == "test":
                masks = root / "ground_truth_demo" / "testing_label_mask" / f"{number}_label.mat"
                labels, label_source = read_masks(masks).astype(np.int16), masks
            else:
                # As its header says; `check_label_length` sets it right later.
                length = probe(path).frames or count_frames(path)
                labels, label_source = np.zeros(length, np.int16), None
            recordings.append(
                Recording(f"{split}-{number:02d}", path, split, labels, BEHAVIOURS, label_source)
            )
    if not recordings:
        raise InputError(f"{root} has no {source} recordings of Avenue; check data_dir.")
    return recordings


def find_avenue(data_dir: Path) -> Path:
    """The folder with ``Avenue Dataset`` at or below `data_dir`; InputError if not there."""
    for folder in (data_dir, data_dir / "avenue"):
        if (folder / "Avenue Dataset").is_dir():
            return folder
    raise InputError(
        f"{data_dir} has no folder 'Avenue Dataset'; "
        "get it with 'cagewatch download avenue <folder>'."
    )


def read_masks(path: Path) -> np.ndarray:
    """(n_frames,) bool, True where any pixel of the frame's ``volLabel`` mask is set."""
    if not path.is_file():
        raise InputError(
            f"{path} is missing; get the masks with 'cagewatch download avenue <folder>'."
        )
    return any_set(path, "volLabel")
