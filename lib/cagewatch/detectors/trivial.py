"""Trivial looks: what a detector must beat before it has found anything. They learn nothing.

- ``frame_index``: the frame's number;
- ``frame_difference``: mean absolute difference to the frame before, gray levels;
- ``flow_magnitude``: largest mean flow magnitude over cells of 12x12 pixels, pixels per frame,
  averaged over 5 frames;
- ``mean_flow``: mean flow magnitude over the whole picture, pixels per frame.

All but the first look at half the source's resolution. The first frame of a run, which has none
before it, gets the second's score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np
from scipy.ndimage import uniform_filter1d

from cagewatch.detectors.footage import Footage
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.params import Parameters
from cagewatch.store import Preprocessing
from cagewatch.store.preprocess import compute_flow, halve

CELL = 12  # pixels at half resolution
SMOOTHING = 5  # frames


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Nothing is learnt; the state says so, since a detector's file is never empty."""
    return {"learnt": np.zeros(0)}


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """Scores by the look that `parameters.model` names: 'score', (n_frames,) float64."""
    if parameters.model == "frame_index":
        return {"score": np.flatnonzero(footage.counted().kept).astype(np.float64)}
    cv2.setNumThreads(1)
    parts = [look(run, parameters.model, footage.settings) for run in footage.runs()]
    return {"score": np.concatenate(parts)}


def look(frames: Iterable[np.ndarray], name: str, settings: Preprocessing) -> np.ndarray:
    """One value for each of successive (height, width) uint8 frames: (n_frames,) float64."""
    values, previous = [], None
    for frame in frames:
        frame = halve(frame)
        if previous is None:
            values.append(0.0)
        elif name == "frame_difference":
            values.append(float(cv2.absdiff(frame, previous).mean()))
        else:
            flow = compute_flow(previous, frame, settings)
            speed = np.hypot(flow[..., 0], flow[..., 1])
            values.append(_largest_cell(speed) if name == "flow_magnitude" else float(speed.mean()))
        previous = frame
    found = np.array(values, np.float64)
    if len(found) > 1:
        found[0] = found[1]
    return uniform_filter1d(found, SMOOTHING, mode="nearest") if name == "flow_magnitude" else found


def _largest_cell(speed: np.ndarray) -> float:
    rows, columns = (size // CELL for size in speed.shape)
    if not rows * columns:  # a picture smaller than a cell is one cell
        return float(speed.mean())
    cells = speed[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return float(cells.mean(axis=(1, 3)).max())
