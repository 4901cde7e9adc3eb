"""What every reader gives: a recording, its frames' source and one label per frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Recording:
    """One recording of a dataset.

    Attributes
    ----------
    name : unique within the dataset; also its folder name in the store.
    source : a video file, a folder of images, or an Avenue ``vol`` .mat file.
    split : 'train', 'test' or None where the dataset does not split (the parameters then do).
    labels : (n_frames,) int16 index into `behaviours`, or None if unlabelled.
    behaviours : names the labels index.
    label_source : the file the labels came from, for messages; None if unlabelled.
    labels_complete : True if a table has a row for every frame, so that its length must fit.
    """

    name: str
    source: Path
    split: str | None = None
    labels: np.ndarray | None = None
    behaviours: tuple[str, ...] = ()
    label_source: Path | None = None
    labels_complete: bool = False

    @property
    def labels_digest(self) -> str | None:
        """SHA-256 of the labels and of what they are called, hex; None if unlabelled."""
        if self.labels is None:
            return None
        digest = hashlib.sha256("\n".join(self.behaviours).encode())
        digest.update(np.ascontiguousarray(self.labels, "<i2").tobytes())
        return digest.hexdigest()

    def is_target(self, target: str) -> np.ndarray | None:
        """(n_frames,) bool, True where the label is `target`; None if unlabelled."""
        if self.labels is None:
            return None
        if target not in self.behaviours:
            return np.zeros(len(self.labels), bool)
        return self.labels == self.behaviours.index(target)
