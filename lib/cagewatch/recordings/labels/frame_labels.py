"""Labels made to fit the decoded video: one for each frame, and which of them are near a change."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.annotations import OTHER

LabelsEnd = Literal["strict", "cut"]


def check_label_length(
    recording: Recording, n_frames: int, tolerance: int, end: LabelsEnd = "strict"
) -> np.ndarray | None:
    """Give the labels of a recording, exactly one for each decoded frame.

    A table of bouts (csv, tsv) may stop early by any number of frames, as frames in no bout are
    `OTHER` there. Labels from no file (a benchmark's training videos are normal throughout) fit any
    length.

    Parameters
    ----------
    recording : Recording
    n_frames : int
        Frames its video decodes to.
    tolerance : int
        Labels that differ by at most so many frames are made to fit at the end: surplus labels are
        dropped, missing ones repeat the last.
    end : {'strict', 'cut'}
        With 'cut', labels that run on past the video's end by more than `tolerance` are cut there,
        with a notice.

    Returns
    -------
    labels : ndarray of int16, shape (n_frames,), or None
        None for an unlabelled recording.

    Raises
    ------
    InputError
        If they differ by more; it names both counts, the label file and the parameter that allows
        it.
    """
    labels = recording.labels
    if labels is None:
        return None
    n_labels = len(labels)
    file = recording.label_source
    if file is None and n_labels and (labels == labels[0]).all():
        return np.full(n_frames, labels[0], labels.dtype)
    is_table = file is not None and file.suffix in (".csv", ".tsv")
    if is_table and not recording.labels_complete and n_labels < n_frames:
        other = recording.behaviours.index(OTHER)
        return np.pad(labels, (0, n_frames - n_labels), constant_values=other)
    if n_labels == 0:
        raise InputError(f"{file or recording.name} holds no label.")
    if end == "cut" and n_labels > n_frames + tolerance:
        warnings.warn(
            f"{file or recording.name} labels {n_labels} frames but {recording.source} has "
            f"{n_frames}: the last {n_labels - n_frames} labels are left out.",
            stacklevel=2,
        )
    elif abs(n_labels - n_frames) > tolerance:
        also = " or, if they are of frames that the video lacks, labels_end=cut"
        raise InputError(
            f"{file or recording.name} labels {n_labels} frames but "
            f"{recording.source} has {n_frames}; correct the file, or allow the difference of "
            f"{abs(n_labels - n_frames)} with label_tolerance (now {tolerance})"
            f"{also if n_labels > n_frames else ''}."
        )
    return np.pad(labels[:n_frames], (0, max(n_frames - n_labels, 0)), mode="edge")


def far_from_edges(target: np.ndarray, margin: int) -> np.ndarray:
    """Say which frames are not within `margin` of a start or end of the target's bouts.

    `target` and the result are (n_frames,) bool, of one recording, or a part of it without gaps.
    Annotators are off by some frames, and so scores close to an edge are counted against a detector
    that is right. With `margin` 8, the 8 frames before an edge and the 8 after it are left out:
    nothing is left of a bout of 16. The first and last frame of a recording are no edge.
    """
    target = np.asarray(target, bool)
    scored = np.ones(len(target), bool)
    for edge in np.flatnonzero(target[1:] != target[:-1]) + 1:
        scored[max(edge - margin, 0) : edge + margin] = False
    return scored
