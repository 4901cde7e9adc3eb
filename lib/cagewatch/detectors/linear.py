"""Linear detectors: what the mean picture, or a few principal components, leave of a clip.

- ``mean_image``: distance of each frame to the mean of the training frames;
- ``pca_frames``: what `components` principal components of single gray frames leave out;
- ``pca_clips``: what `components` principal components of whole clips leave out.

Principal components are the best linear autoencoder (Baldi and Hornik 1989), so that a network
that is not ahead of them has not shown that it needs to be one. They see what a network's image
stream sees: gray frames in [0, 1] at its size, in the same clips, and their error is scored like a
network's, by the l2 norm over the clip. `picture` takes off what real cameras add: each recording's
own background, or what makes one frame brighter than another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from sklearn.decomposition import PCA

from cagewatch.clips.windows import Windows, clip_windows, score_clips, spread_over_frames
from cagewatch.detectors.footage import Chunk, Footage
from cagewatch.detectors.looks.measures import find_background
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters

if TYPE_CHECKING:
    from cagewatch.detectors.detector import Detector

MOST_FRAMES = 20_000  # training frames behind the components, evenly spread
MOST_CLIPS = 4_000
NOTHING = np.zeros((1, 1), np.float32)  # taken off each picture
SIZE = 512  # frames taken together


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Learn the mean and the components of training frames or clips.

    Returns
    -------
    dict of str to ndarray of float32
        'mean', shape (d,), and 'components', shape (k, d) with k = 0 for ``mean_image``; d is
        rows x columns, times the clip's length for ``pca_clips``. 'background', shape (rows,
        columns), in [0, 1]: the mean of what was taken off, if anything was.

    Raises
    ------
    InputError
        If there are fewer frames or clips than components.
    """
    parameters = training.parameters
    whole_clips = parameters.model == "pca_clips"
    backgrounds = {}
    if parameters.picture == "less_background":
        backgrounds = {one.name: background_of(one, parameters) for one in training.footage}
    values = gather(training, whole_clips, backgrounds)
    state = {"background": np.mean(list(backgrounds.values()), axis=0)} if backgrounds else {}
    if parameters.model == "mean_image":
        mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
        return state | {"mean": mean, "components": np.zeros((0, values.shape[1]), np.float32)}
    count = parameters.components
    if len(values) <= count:
        raise InputError(
            f"{len(values)} training {'clips' if whole_clips else 'frames'} are too few for "
            f"{count} components: use more video or fewer components."
        )
    solver = "randomized" if whole_clips else "covariance_eigh"
    found = PCA(min(count, values.shape[1]), svd_solver=solver, random_state=parameters.seed)
    found.fit(values)
    return state | {
        "mean": found.mean_.astype(np.float32),
        "components": found.components_.astype(np.float32),
    }


def background_of(footage: Footage, parameters: Parameters) -> np.ndarray:
    """What is taken off a recording's pictures: (rows, columns) float32 in [0, 1], or 0 if nothing.

    A recording without a store is read once more for it.
    """
    if parameters.picture != "less_background":
        return NOTHING
    return (find_background(footage, parameters.animals != "many") / 255).astype(np.float32)


def as_seen(gray: np.ndarray, background: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Pictures, (n, rows, columns) uint8, as the components see them: float32 of the same shape.

    In [0, 1]; in [-1, 1] less a background; of mean 0.5 each with the same exposure.
    """
    values = gray.astype(np.float32) / 255
    if parameters.picture == "same_exposure":
        values *= 0.5 / np.maximum(values.mean(axis=(-2, -1), keepdims=True), 1 / 255)
    return values - background


def gather(
    training: TrainingSet, whole_clips: bool, backgrounds: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Pictures of training frames, or of whole clips, as they are seen: (n, d) float32."""
    index = training.index
    most = MOST_CLIPS if whole_clips else -(-MOST_FRAMES // training.parameters.clip_length)
    chosen = np.unique(np.linspace(0, len(index) - 1, min(len(index), most)).round().astype(int))
    taken = index.take(chosen)
    parts = []
    for number, name in enumerate(taken.names):
        frames = taken.frames[taken.recording == number]
        if not len(frames):
            continue
        if not whole_clips:
            frames = np.unique(frames)
        gray = training.stores[name].gray
        values = as_seen(gray[frames], backgrounds.get(name, NOTHING), training.parameters)
        parts.append(values.reshape(len(frames), -1))
    return np.concatenate(parts)


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """What is left of each clip, spread over its frames: 'score', (n_frames,) float64."""
    parts = []
    whole_clips = parameters.model == "pca_clips"
    background = background_of(footage, parameters)
    for run in footage.chunks(SIZE, parameters.clip_length - 1 if whole_clips else 0):
        if whole_clips:
            found = [clip_errors(state, chunk, background, parameters) for chunk in run]
            windows = Windows.join([windows for windows, _ in found])
            values = np.concatenate([errors for _, errors in found])
        else:
            errors = np.concatenate(
                [frame_errors(state, chunk, background, parameters) for chunk in run]
            )
            windows = Windows.of(len(errors), parameters.clip_length, parameters.test_clip_step)
            values = score_clips(errors[windows.frames], len(state["mean"]), "norm")
        parts.append(spread_over_frames(values, windows, parameters.clip_alignment))
    return {"score": np.concatenate(parts)}


def frame_errors(
    state: Mapping[str, np.ndarray], chunk: Chunk, background: np.ndarray, parameters: Parameters
) -> np.ndarray:
    """Mean squared error of each new frame of a chunk: (n_new,) float32."""
    values = as_seen(chunk.gray()[chunk.count - chunk.new :], background, parameters)
    return squared_residual(values.reshape(len(values), -1), state) / len(state["mean"])


def clip_errors(
    state: Mapping[str, np.ndarray], chunk: Chunk, background: np.ndarray, parameters: Parameters
) -> tuple[Windows, np.ndarray]:
    """Clips that end in a chunk's new frames, and the norm of what is left of each."""
    windows = clip_windows(chunk, parameters.clip_length, parameters.test_clip_step)
    values = as_seen(chunk.gray(), background, parameters)[windows.frames - chunk.first]
    return windows, np.sqrt(squared_residual(values.reshape(len(values), -1), state))


def squared_residual(values: np.ndarray, state: Mapping[str, np.ndarray]) -> np.ndarray:
    """Squared distance of (n, d) values to the plane of the components: (n,) float32, >= 0."""
    centred = values - state["mean"]
    inside = centred @ state["components"].T
    return np.maximum(np.square(centred).sum(axis=1) - np.square(inside).sum(axis=1), 0)


def rebuild_clip(
    detector: Detector, gray: np.ndarray, flow: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One clip as the detector saw it, and what the components give back, by stream: 'image' alone.

    Both are (clip_length, rows, columns, 1) float32 in [0, 1].
    """
    state = detector.state
    background = state.get("background", NOTHING)
    seen = as_seen(gray, background, detector.parameters)
    whole = detector.parameters.model == "pca_clips"
    centred = seen.reshape(1 if whole else len(seen), -1) - state["mean"]
    given = centred @ state["components"].T @ state["components"] + state["mean"]
    outputs = given.reshape(seen.shape) + background
    return {"image": (seen + background)[..., None]}, {"image": outputs[..., None]}
