"""Trivial baselines: what a detector must beat before it has found anything."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d

from cagewatch import runs, runtime
from cagewatch.metrics import compute_metrics
from cagewatch.params import Parameters, resolve
from cagewatch.recordings import Recording
from cagewatch.scoring.frames import tabulate_frames
from cagewatch.store import Store
from cagewatch.store.preprocess import Preprocessing, compute_flow, preprocessing_of
from cagewatch.video import read_frames

BASELINES = ("frame_index", "frame_difference", "flow_magnitude")
CELL = 12  # pixels at half resolution
SMOOTHING = 5  # frames


def score_baselines(recording: Recording, settings: Preprocessing) -> dict[str, np.ndarray]:
    """Score a recording's frames, in one pass over it, by each trivial baseline.

    Returns
    -------
    (n_frames,) float64 by name, higher is more anomalous, all at half the source's resolution:

    - ``frame_index``: the frame's number;
    - ``frame_difference``: mean absolute difference to the frame before, gray levels;
    - ``flow_magnitude``: largest mean flow magnitude over cells of 12x12 pixels, pixels per frame,
      averaged over 5 frames.

    The first frame, which has none before it, gets the second's score.
    """
    cv2.setNumThreads(1)
    differences, flows = [0.0], [0.0]
    previous: np.ndarray | None = None
    for _, frame in read_frames(recording.source):
        half = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = cv2.resize(frame, half, interpolation=cv2.INTER_AREA)
        if previous is not None:
            differences.append(float(cv2.absdiff(frame, previous).mean()))
            flow = compute_flow(previous, frame, settings)
            flows.append(_largest_cell(np.hypot(flow[..., 0], flow[..., 1])))
        previous = frame
    difference, flow = np.array(differences), np.array(flows)
    if len(flow) > 1:
        difference[0], flow[0] = difference[1], flow[1]
    return {
        "frame_index": np.arange(len(flow), dtype=np.float64),
        "frame_difference": difference,
        "flow_magnitude": uniform_filter1d(flow, SMOOTHING, mode="nearest"),
    }


def _largest_cell(speed: np.ndarray) -> float:
    rows, columns = (size // CELL for size in speed.shape)
    cells = speed[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return float(cells.mean(axis=(1, 3)).max())


def run_baselines(
    recordings: Sequence[Recording],
    stores: Mapping[str, Store],
    parameters: Parameters,
    cores: int = 1,
) -> dict[str, tuple[pd.DataFrame, dict[str, Any]]]:
    """Score test recordings by every baseline and leave a run's folder for each.

    Returns
    -------
    By baseline: the table of frames (`scoring.frames.tabulate_frames`) and metrics.
    """
    started = time.time()
    settings = preprocessing_of(parameters)
    with ThreadPoolExecutor(cores) as pool:  # OpenCV and the decoder let go of the interpreter
        scored = list(pool.map(lambda recording: score_baselines(recording, settings), recordings))
    results = {}
    for name in BASELINES:
        given = parameters.model_dump() | {"model": name}
        mine = resolve(given)
        frame_scores = {
            recording.name: {"score": scores[name]}
            for recording, scores in zip(recordings, scored, strict=True)
        }
        frames = tabulate_frames(recordings, stores, frame_scores, mine)
        metrics = compute_metrics(frames, mine)
        folder = runs.start_run(mine)
        runs.save_scores(frames, folder)
        runs.finish_run(folder, metrics, runtime.describe(), stores, started)
        results[name] = (frames, metrics)
    return results
