"""Linear detectors: what the mean picture, or a few principal components, leave of a clip.

- ``mean_image``: distance of each frame to the mean of the training frames;
- ``pca_frames``: what `components` principal components of single gray frames leave out;
- ``pca_clips``: what `components` principal components of whole clips leave out.

Principal components are the best linear autoencoder (Baldi and Hornik 1989), so that a network
that is not ahead of them has not shown that it needs to be one. They see what a network's image
stream sees: gray frames in [0, 1] at its size, in the same clips, and their error is scored like a
network's, by the l2 norm over the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from sklearn.decomposition import PCA

from cagewatch.clips import ClipIndex
from cagewatch.clips.windows import Windows, clip_windows, score_clips, spread_over_frames
from cagewatch.detectors.footage import Chunk, Footage
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters

if TYPE_CHECKING:
    from cagewatch.detectors.detector import Detector

MOST_FRAMES = 20_000  # training frames behind the components, evenly spread
MOST_CLIPS = 4_000
SIZE = 512  # frames taken together


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Learn the mean and the components of training frames or clips.

    Returns
    -------
    dict of str to ndarray of float32
        'mean', shape (d,), and 'components', shape (k, d) with k = 0 for ``mean_image``; d is
        rows x columns, times the clip's length for ``pca_clips``.

    Raises
    ------
    InputError
        If there are fewer frames or clips than components.
    """
    parameters = training.parameters
    whole_clips = parameters.model == "pca_clips"
    values = gather(training, whole_clips)
    if parameters.model == "mean_image":
        mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
        return {"mean": mean, "components": np.zeros((0, values.shape[1]), np.float32)}
    count = parameters.components
    if len(values) <= count:
        raise InputError(
            f"{len(values)} training {'clips' if whole_clips else 'frames'} are too few for "
            f"{count} components: use more video or fewer components."
        )
    solver = "randomized" if whole_clips else "covariance_eigh"
    found = PCA(min(count, values.shape[1]), svd_solver=solver, random_state=parameters.seed)
    found.fit(values)
    return {
        "mean": found.mean_.astype(np.float32),
        "components": found.components_.astype(np.float32),
    }


def gather(training: TrainingSet, whole_clips: bool) -> np.ndarray:
    """Gray values in [0, 1] of training frames, or of whole clips: (n, d) float32."""
    index = training.index
    most = MOST_CLIPS if whole_clips else -(-MOST_FRAMES // training.parameters.clip_length)
    chosen = np.unique(np.linspace(0, len(index) - 1, min(len(index), most)).round().astype(int))
    taken = index.take(chosen)
    numbers = range(len(index.names))
    return np.concatenate([_read(training, taken, number, whole_clips) for number in numbers])


def _read(training: TrainingSet, index: ClipIndex, number: int, whole_clips: bool) -> np.ndarray:
    frames = index.frames[index.recording == number]
    if not whole_clips:
        frames = np.unique(frames)
    gray = training.stores[index.names[number]].gray
    values = gray[frames].astype(np.float32) / 255
    return values.reshape(len(frames), int(np.prod(values.shape[1:])))


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """What is left of each clip, spread over its frames: 'score', (n_frames,) float64."""
    parts = []
    whole_clips = parameters.model == "pca_clips"
    for run in footage.chunks(SIZE, parameters.clip_length - 1 if whole_clips else 0):
        if whole_clips:
            found = [clip_errors(state, chunk, parameters) for chunk in run]
            windows = Windows.join([windows for windows, _ in found])
            values = np.concatenate([errors for _, errors in found])
        else:
            errors = np.concatenate([frame_errors(state, chunk) for chunk in run])
            windows = Windows.of(len(errors), parameters.clip_length, parameters.test_clip_step)
            values = score_clips(errors[windows.frames], len(state["mean"]), "norm")
        parts.append(spread_over_frames(values, windows, parameters.clip_alignment))
    return {"score": np.concatenate(parts)}


def frame_errors(state: Mapping[str, np.ndarray], chunk: Chunk) -> np.ndarray:
    """Mean squared error of each new frame of a chunk: (n_new,) float32."""
    values = chunk.gray()[chunk.count - chunk.new :].astype(np.float32) / 255
    return squared_residual(values.reshape(len(values), -1), state) / len(state["mean"])


def clip_errors(
    state: Mapping[str, np.ndarray], chunk: Chunk, parameters: Parameters
) -> tuple[Windows, np.ndarray]:
    """Clips that end in a chunk's new frames, and the norm of what is left of each."""
    windows = clip_windows(chunk, parameters.clip_length, parameters.test_clip_step)
    values = chunk.gray().astype(np.float32)[windows.frames - chunk.first] / 255
    return windows, np.sqrt(squared_residual(values.reshape(len(values), -1), state))


def squared_residual(values: np.ndarray, state: Mapping[str, np.ndarray]) -> np.ndarray:
    """Squared distance of (n, d) values to the plane of the components: (n,) float32, >= 0."""
    centred = values - state["mean"]
    inside = centred @ state["components"].T
    return np.maximum(np.square(centred).sum(axis=1) - np.square(inside).sum(axis=1), 0)


def rebuild_clip(
    detector: Detector, gray: np.ndarray, flow: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One clip as the detector saw it, and what the components give back.

    Returns
    -------
    inputs, outputs : dict of str to ndarray of float32, shape (clip_length, rows, columns, 1)
        In [0, 1], for the stream 'image'.
    """
    state = detector.state
    seen = gray.astype(np.float32) / 255
    whole = detector.parameters.model == "pca_clips"
    centred = seen.reshape(1 if whole else len(seen), -1) - state["mean"]
    given = centred @ state["components"].T @ state["components"] + state["mean"]
    return {"image": seen[..., None]}, {"image": given.reshape(*seen.shape, 1)}
