"""UCSD Ped1 and Ped2 (Mahadevan et al., CVPR 2010): pedestrians; carts and cyclists are anomalous.

::

    UCSD_Anomaly_Dataset.v1p2/UCSDped2/Train/Train001/001.tif ...
                                       Test/Test001/001.tif ...
                                       Test/Test001_gt/001.bmp ...   (pixel masks)
                                       Test/UCSDped2.m               (anomalous frames)

Frames may be tif, as published, or jpg. In the ``.m`` file frames count from 1 and both ends of a
range are anomalous.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.video.stills import list_images, natural_key

BEHAVIOURS = ("normal", "anomaly")


def read_recordings(data_dir: Path, subset: str = "ped2") -> list[Recording]:
    """Read the training and test clips of Ped1 or Ped2 that are there.

    `data_dir` is ``UCSD_Anomaly_Dataset.v1p2``, holds it, or is ``UCSDped2`` itself. ``Train001``
    ... come before ``Test001`` ..., one label per frame, 0 normal or 1 anomaly, from the ``.m``
    file or, without it, from pixel masks. InputError if the folder is not found, a test clip has
    neither, or they do not fit its number of frames.
    """
    root = find_subset(data_dir, subset)
    ranges_file = root / "Test" / f"UCSD{subset}.m"
    ranges = read_ranges(ranges_file) if ranges_file.is_file() else None
    recordings = []
    for folder in _clip_folders(root / "Train"):
        labels = np.zeros(len(list_images(folder)), np.int16)
        recordings.append(Recording(folder.name, folder, "train", labels, BEHAVIOURS))
    for folder in _clip_folders(root / "Test"):
        masks = folder.with_name(f"{folder.name}_gt")
        if ranges is not None:
            labels = _labels_from_ranges(folder, ranges, ranges_file)
            label_source = ranges_file
        elif masks.is_dir():
            labels, label_source = read_masks(masks).astype(np.int16), masks
        else:
            raise InputError(f"{folder} has no labels: neither {ranges_file} nor {masks} is there.")
        recordings.append(Recording(folder.name, folder, "test", labels, BEHAVIOURS, label_source))
    if not recordings:
        raise InputError(f"{root} has no clips in Train or Test; unpack the archive again.")
    return recordings


def find_subset(data_dir: Path, subset: str) -> Path:
    """The folder ``UCSDped1`` or ``UCSDped2`` at or below `data_dir`; InputError if not there."""
    name = f"UCSD{subset}"
    for folder in (data_dir / "UCSD_Anomaly_Dataset.v1p2" / name, data_dir / name):
        if folder.is_dir():
            return folder
    if data_dir.name == name:
        return data_dir
    raise InputError(
        f"{data_dir} has no {name} folder; get it with 'cagewatch download {subset} <folder>'."
    )


def read_ranges(path: Path) -> list[list[tuple[int, int]]]:
    """Anomalous ranges per test clip from a ``UCSDped*.m`` file, 1-based and inclusive."""
    text = path.read_text(encoding="utf-8", errors="replace")
    clips = re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", re.sub(r"%.*", "", text))
    if not clips:
        raise InputError(f"{path} holds no 'gt_frame = [first:last]' line; unpack it again.")
    ranges = []
    for number, clip in enumerate(clips, start=1):
        ranges.append([])
        for part in re.split(r"[\s,;]+", re.sub(r"\s*:\s*", ":", clip.strip())):
            match = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", part)
            if not match:
                raise InputError(
                    f"{path}: clip {number} has the range {part!r}, expected first:last."
                )
            ranges[-1].append((int(match[1]), int(match[2] or match[1])))
    return ranges


def read_masks(folder: Path) -> np.ndarray:
    """(n_frames,) bool, True where any pixel of a ``_gt`` mask image is set."""
    anomalous = []
    for path in list_images(folder):
        mask = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise InputError(f"{path} is not an image that can be read; unpack it again.")
        anomalous.append(bool(mask.any()))
    return np.array(anomalous)


def _clip_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    clips = [p for p in folder.iterdir() if p.is_dir() and re.fullmatch(r"T\w+?[0-9]+", p.name)]
    return sorted(clips, key=natural_key)


def _labels_from_ranges(
    folder: Path, ranges: list[list[tuple[int, int]]], path: Path
) -> np.ndarray:
    """(n_frames,) int16 of test clip ``Test<number>``, the file's number-th entry."""
    number = int(re.search(r"[0-9]+$", folder.name)[0])
    n_frames = len(list_images(folder))
    if not 1 <= number <= len(ranges):
        raise InputError(f"{path} has {len(ranges)} entries, none for {folder.name}.")
    labels = np.zeros(n_frames, np.int16)
    for first, last in ranges[number - 1]:
        if not 1 <= first <= last <= n_frames:
            raise InputError(
                f"{path}: range {first}:{last} does not fit the {n_frames} frames of {folder}."
            )
        labels[first - 1 : last] = 1
    return labels
