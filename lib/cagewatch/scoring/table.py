"""The table of frame scores, as ``scores.csv.gz`` holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cagewatch.clips import labels_of, tested_frames
from cagewatch.detectors import Detector, footage_of
from cagewatch.metrics import SCORE_COLUMNS
from cagewatch.recordings import Recording
from cagewatch.store import Store, preprocessing_of


def score_recordings(
    detector: Detector, recordings: Sequence[Recording], stores: Mapping[str, Store]
) -> pd.DataFrame:
    """Score the tested part of each recording: one row per frame.

    Parameters
    ----------
    detector : Detector
    recordings : sequence of Recording
        Those of the test.
    stores : mapping of str to Store
        By name of the recording.

    Returns
    -------
    DataFrame
        With recording, frame (0-based), time_s, label ('' if unlabelled), anomalous (empty if
        unlabelled), score_image, score_flow (NaN where the detector lacks the stream), score, and
        score_<part> of further parts.
    """
    tables = []
    for recording in tqdm(recordings, desc="score", unit="recording"):
        store, parameters = stores[recording.name], detector.parameters
        frames = tested_frames(recording, store, parameters)
        kept = np.zeros(len(store), bool)
        kept[frames] = True
        footage = footage_of(recording, preprocessing_of(parameters), store, kept)
        table = tabulate(recording.name, frames, store.times[frames], detector.score(footage))
        labelled = labels_of(recording, len(store), parameters)
        if labelled is not None:
            table["label"] = np.array(labelled.behaviours)[labelled.labels[frames]]
            target = labelled.is_target(parameters.target)[frames]
            table["anomalous"] = pd.array(target, dtype="boolean")
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def tabulate(
    name: str, frames: np.ndarray, times: np.ndarray, scores: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """The columns of ``scores.csv.gz`` for one recording, without labels.

    Parameters
    ----------
    name : str
        The recording's.
    frames : ndarray of int, shape (n,)
        Frame numbers in the source, 0-based.
    times : ndarray of float, shape (n,)
        Seconds.
    scores : mapping of str to ndarray of float, shape (n,)
        By column.
    """
    table = {
        "recording": name,
        "frame": np.asarray(frames, np.int64),
        "time_s": np.asarray(times, float),
        "label": "",
        "anomalous": pd.array([None] * len(frames), dtype="boolean"),
    }
    for column in ("score_image", "score_flow"):
        table[column] = scores.get(column, np.full(len(frames), np.nan))
    table |= scores
    extra = [column for column in scores if column not in SCORE_COLUMNS]
    # Nothing is copied: a table of hours is held once.
    return pd.DataFrame({column: table[column] for column in [*SCORE_COLUMNS, *extra]}, copy=False)
