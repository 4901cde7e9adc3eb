"""A first detector: how unlikely each cell's change between frames is among normal frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from cagewatch.detectors.video import Video
from cagewatch.params import Parameters

CELLS = 8  # a side


def fit(videos: Sequence[Video], parameters: Parameters) -> dict[str, np.ndarray]:
    """Mean and standard deviation of each cell's logarithmic change over normal frames."""
    total, squares, count = 0.0, 0.0, 0
    for video in videos:
        for run in video.runs():
            for change in measure_change(run):
                total, squares, count = total + change, squares + change**2, count + 1
    mean = total / count
    return {"mean": mean, "std": np.sqrt(np.maximum(squares / count - mean**2, 1e-6))}


def score(state: Mapping[str, np.ndarray], video: Video, parameters: Parameters) -> np.ndarray:
    """The largest deviation of any cell, in standard deviations."""
    return np.array(
        [
            np.abs((change - state["mean"]) / state["std"]).max()
            for run in video.runs()
            for change in measure_change(run)
        ]
    )


def measure_change(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield per frame the (CELLS, CELLS) logarithm of the mean change since the frame before."""
    before = None
    for frame in frames:
        change = cv2.absdiff(frame, frame if before is None else before)
        yield np.log1p(cv2.resize(change.astype(np.float32), (CELLS, CELLS), interpolation=3))
        before = frame
