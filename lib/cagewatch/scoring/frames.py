"""From a trained model to one score per frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cagewatch.clips import ClipIndex, labels_of, tested_frames
from cagewatch.params import Parameters
from cagewatch.recordings import Recording
from cagewatch.store import Store

if TYPE_CHECKING:
    import keras

    from cagewatch.clips.batches import ClipBatches

REFERENCE_CLIPS = 2000  # training clips behind the reference scores, evenly spread
STREAMS = ("image", "flow")


def add_error_heads(model: keras.Model) -> keras.Model:
    """A model that gives the mean squared error of each frame instead of the reconstruction.

    Returns
    -------
    keras.Model
        Same inputs; outputs (batch, clip_length) float32 >= 0 by stream name.
    """
    import keras  # here, so that the baselines can use this module without loading a backend

    errors = {
        stream: keras.ops.mean(
            keras.ops.square(
                keras.ops.cast(model.input[stream], "float32")
                - keras.ops.cast(model.output[stream], "float32")
            ),
            axis=(2, 3, 4),
        )
        for stream in model.output
    }
    return keras.Model(model.input, errors)


def is_per_frame(model: keras.Model) -> bool:
    """Whether a model treats each frame on its own, so that its error is the same in every clip.

    That is so where time is folded into the batch right after every input, and unfolded again by
    the last layer of the reconstruction: in between, batch normalisation with its running
    statistics, and every other layer, sees one frame at a time.
    """
    import keras

    # Told by their names: this module also serves the baselines, which depend on no model.
    kinds = {layer: type(layer).__name__ for layer in model.operations}
    folds = [layer for layer in model.layers if kinds[layer] == "FoldTime"]
    unfolds = [layer for layer in model.layers if kinds[layer] == "UnfoldTime"]
    inputs = {id(tensor) for tensor in model.inputs}
    read = {
        id(tensor)
        for operation in model.operations
        if kinds[operation] not in ("FoldTime", "InputLayer")
        for tensor in keras.tree.flatten(operation.input)
    }
    first = len(folds) == len(inputs) and not inputs & read
    return first and {id(x.output) for x in unfolds} == {id(tensor) for tensor in model.outputs}


def compute_frame_errors(model: keras.Model, batches: ClipBatches) -> dict[str, np.ndarray]:
    """Mean squared error of every frame of every clip: (n_clips, clip_length) float32 by stream.

    Where clips overlap and the model treats each frame on its own, each is computed once.
    """
    index, heads = batches.index, add_error_heads(model)
    packed, places = pack_frames(index)
    if batches.shuffle or len(packed) >= len(index) or not is_per_frame(model):
        errors = heads.predict(batches, verbose=0)
        return {stream: np.asarray(value) for stream, value in errors.items()}
    errors = heads.predict(batches.of(packed), verbose=0)
    return {stream: np.asarray(value).reshape(-1)[places] for stream, value in errors.items()}


def pack_frames(index: ClipIndex) -> tuple[ClipIndex, np.ndarray]:
    """Clips that hold every frame of `index` once, and where in them its frames are.

    Returns
    -------
    packed : clips without overlap; a recording's last one repeats its last frame.
    places : (n_clips, clip_length) int, positions of the frames of `index` in `packed`, flattened.
    """
    length = index.frames.shape[1]
    places = np.empty(index.frames.shape, np.int64)
    recordings, frames, total = [], [], 0
    for number in np.unique(index.recording):
        mine = index.recording == number
        held = np.unique(index.frames[mine])
        places[mine] = total + np.searchsorted(held, index.frames[mine])
        clips = np.pad(held, (0, -len(held) % length), mode="edge").reshape(-1, length)
        recordings.append(np.full(len(clips), number, np.int16))
        frames.append(clips)
        total += clips.size
    count = sum(map(len, recordings))
    nothing = np.zeros(count, np.int16)
    packed = ClipIndex(
        np.concatenate([*recordings, nothing[:0]]),
        np.concatenate([*frames, index.frames[:0]]),
        nothing.astype(bool),
        nothing,
        index.names,
    )
    return packed, places


def score_clips(frame_errors: np.ndarray, values_per_frame: int, form: str) -> np.ndarray:
    """One score per clip from the mean squared errors of its frames.

    The paper's "l2 norm of the MSE" (section 2.5) can be read in two ways.

    Parameters
    ----------
    frame_errors : (n_clips, clip_length) float, mean squared error per frame.
    values_per_frame : rows x columns x channels of the stream.
    form : 'norm', the l2 norm of ``x - x_hat`` over the clip, or 'frame_mse_norm', the l2 norm of
        the vector of the frames' mean squared errors.

    Returns
    -------
    (n_clips,) float64, >= 0, higher is more anomalous.
    """
    errors = np.asarray(frame_errors, np.float64)
    if form == "norm":
        return np.sqrt(errors.sum(axis=1) * values_per_frame)
    return np.sqrt(np.square(errors).sum(axis=1))


def score_streams(
    model: keras.Model, batches: ClipBatches, parameters: Parameters
) -> dict[str, np.ndarray]:
    """Score every clip: (n_clips,) float64 by stream name; 'target' for a supervised model."""
    if batches.supervised:
        output = np.asarray(model.predict(batches, verbose=0)["target"], np.float64)
        softmax = parameters.supervised_loss == "softmax"
        column = batches.index.behaviours.index(parameters.target) if softmax else 0
        return {"target": output[:, column]}
    frame_errors = compute_frame_errors(model, batches)
    return {
        stream: score_clips(
            errors, int(np.prod(model.input[stream].shape[2:])), parameters.clip_score
        )
        for stream, errors in frame_errors.items()
    }


def score_reference(
    model: keras.Model, training_batches: ClipBatches, parameters: Parameters
) -> dict[str, np.ndarray]:
    """Scores of at most REFERENCE_CLIPS training clips: what normal looks like to the model.

    Returns
    -------
    (n,) float64 by stream name.
    """
    chosen = spread_clips(training_batches.index)
    return score_streams(model, training_batches.of(chosen), parameters)


def spread_clips(index: ClipIndex) -> ClipIndex:
    """At most REFERENCE_CLIPS clips of `index`, evenly spread."""
    spread = np.linspace(0, len(index) - 1, min(len(index), REFERENCE_CLIPS))
    return index.take(np.unique(spread.round().astype(int)))


def average_streams(
    scores: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], how: str
) -> np.ndarray:
    """Average stream scores into one.

    Parameters
    ----------
    scores, reference : (n,) float by stream name; `reference` from normal training clips.
    how : 'raw' averages as the paper says; 'standardised' first brings each stream to mean 0 and
        standard deviation 1 on the reference, so that the noisier stream cannot dominate.

    Returns
    -------
    (n,) float64, higher is more anomalous.
    """
    if how == "standardised":
        scores = {
            stream: (value - reference[stream].mean()) / max(float(reference[stream].std()), 1e-12)
            for stream, value in scores.items()
        }
    return np.mean(list(scores.values()), axis=0)


def spread_over_frames(
    clip_score: np.ndarray, frames: np.ndarray, n_frames: int, alignment: str
) -> np.ndarray:
    """Turn clip scores into frame scores.

    Parameters
    ----------
    clip_score : (n_clips,) float.
    frames : (n_clips, clip_length) int, frame numbers of successive clips.
    n_frames : frames of the recording.
    alignment : 'mean', a frame's score is the mean over the clips that hold it; 'centre' or 'end',
        it is that of the clip whose middle or last frame is nearest.

    Returns
    -------
    (n_frames,) float64; NaN where no clip holds the frame.
    """
    if alignment == "mean":
        total, count = np.zeros(n_frames), np.zeros(n_frames, np.int64)
        for column in frames.T:  # one at a time, which keeps memory small
            total += np.bincount(column, clip_score, minlength=n_frames)
            count += np.bincount(column, minlength=n_frames)
        return np.divide(total, count, out=np.full(n_frames, np.nan), where=count > 0)
    anchor = frames[:, -1 if alignment == "end" else frames.shape[1] // 2]
    score = np.full(n_frames, np.nan)
    held = np.unique(frames)
    after = np.clip(np.searchsorted(anchor, held), 1, max(len(anchor) - 1, 1))
    before = np.minimum(after - 1, len(anchor) - 1)
    after = np.minimum(after, len(anchor) - 1)
    nearer = np.where(held - anchor[before] <= anchor[after] - held, before, after)
    score[held] = clip_score[nearer]
    return score


def tabulate_frames(
    recordings: Sequence[Recording],
    stores: Mapping[str, Store],
    frame_scores: Mapping[str, Mapping[str, np.ndarray]],
    parameters: Parameters,
) -> pd.DataFrame:
    """One row per tested frame, the columns of ``scores.csv.gz``.

    Parameters
    ----------
    frame_scores : by recording name, then by column ('score_image', 'score_flow', 'score'):
        (n_frames,) float over the whole recording.

    Returns
    -------
    DataFrame with recording, frame (0-based), time_s, label ('' if unlabelled), anomalous (empty if
    unlabelled), score_image, score_flow (NaN where the model lacks the stream) and score.
    """
    tables = []
    for recording in recordings:
        store = stores[recording.name]
        frames = tested_frames(recording, store, parameters)
        labelled = labels_of(recording, len(store), parameters)
        scores = frame_scores[recording.name]
        tables.append(
            pd.DataFrame(
                {
                    "recording": recording.name,
                    "frame": frames,
                    "time_s": store.times[frames],
                    "label": ""
                    if labelled is None
                    else np.array(labelled.behaviours)[labelled.labels[frames]],
                    "anomalous": pd.array(
                        [None] * len(frames)
                        if labelled is None
                        else labelled.is_target(parameters.target)[frames],
                        dtype="boolean",
                    ),
                    **{
                        column: scores[column][frames] if column in scores else np.nan
                        for column in ("score_image", "score_flow", "score")
                    },
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def tabulate_clips(
    scores: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    index: ClipIndex,
    parameters: Parameters,
) -> pd.DataFrame:
    """One row per test clip: recording, score and anomalous, for the AUC whose unit is the clip."""
    return pd.DataFrame(
        {
            "recording": np.array(index.names)[index.recording],
            "score": average_streams(scores, reference, parameters.stream_average),
            "anomalous": index.target,
        }
    )


def score_test_frames(
    scores: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    index: ClipIndex,
    stores: Mapping[str, Store],
    parameters: Parameters,
) -> dict[str, dict[str, np.ndarray]]:
    """Frame scores by recording and column from clip scores by stream; see `tabulate_frames`."""
    columns = {f"score_{stream}": scores[stream] for stream in STREAMS if stream in scores}
    columns["score"] = average_streams(scores, reference, parameters.stream_average)
    frame_scores: dict[str, dict[str, np.ndarray]] = {}
    for number, name in enumerate(index.names):
        mine = index.recording == number
        frame_scores[name] = {
            column: spread_over_frames(
                value[mine], index.frames[mine], len(stores[name]), parameters.clip_alignment
            )
            for column, value in columns.items()
        }
    return frame_scores
