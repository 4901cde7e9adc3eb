"""Fit a detector, score recordings with it, and keep what was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tqdm.auto import tqdm

from cagewatch.detectors import load_detector
from cagewatch.detectors.video import Video, limit_frames, normal_videos, whole_video
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.params import Parameters
from cagewatch.recordings import Recording
from cagewatch.store import Store

REFERENCE_FRAMES = 4096  # training frames behind the reference scores, evenly spread
STATE = "detector.npz"


def fit_detector(
    recordings: Sequence[Recording], stores: Mapping[str, Store], parameters: Parameters
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Fit the detector `parameters.model` to the normal frames of training recordings.

    Returns
    -------
    state : what the detector learnt, arrays by name.
    reference : (n,) float64, its scores of normal training frames.
    """
    detector = load_detector(parameters.model)
    videos = normal_videos(recordings, stores, parameters)
    state = detector.fit(videos, parameters)
    parts = [video for video in limit_frames(videos, REFERENCE_FRAMES) if len(video)]
    scores = [score_video(state, video, parameters) for video in parts]
    return state, np.concatenate(scores)


def score_video(
    state: Mapping[str, np.ndarray], video: Video, parameters: Parameters
) -> np.ndarray:
    """Score the kept frames of one video: (n_frames,) float64, higher is more anomalous."""
    score = load_detector(parameters.model).score(state, video, parameters)
    score = np.asarray(score, np.float64)
    if score.shape != (len(video),) or not np.isfinite(score).all():
        raise ValueError(f"{parameters.model} gave no finite score for each of {len(video)} frames")
    return score


def score_recordings(
    state: Mapping[str, np.ndarray],
    recordings: Sequence[Recording],
    stores: Mapping[str, Store],
    parameters: Parameters,
) -> dict[str, dict[str, np.ndarray]]:
    """Frame scores by recording and column ('score'), as `scoring.tabulate_frames` takes them."""
    return {
        recording.name: {
            "score": score_video(
                state, whole_video(recording, stores[recording.name], parameters), parameters
            )
        }
        for recording in tqdm(recordings, desc="score", unit="recording")
    }


def save_state(state: Mapping[str, np.ndarray], folder: Path) -> None:
    """Write ``detector.npz``, whole or not at all; it holds arrays of numbers or strings only."""
    objects = [name for name, value in state.items() if np.asarray(value).dtype.hasobject]
    if objects:
        raise TypeError(f"a detector's state must hold no objects: {objects[0]}")
    with whole_file(folder / STATE) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **state)


def load_state(folder: Path) -> dict[str, np.ndarray]:
    """Read what `save_state` wrote; InputError if it is missing or damaged."""
    path = folder / STATE
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{path} is missing or damaged; run the notebook detector again."
        ) from error
