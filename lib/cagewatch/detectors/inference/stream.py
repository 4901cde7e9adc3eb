"""A network's frame scores from a stream of frames, flow and inference overlapping on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cagewatch.detectors.inference.engines import Engine, Inference, Precision, open_inference
from cagewatch.errors import InputError
from cagewatch.in_order import map_in_order
from cagewatch.runs.read import FinishedRun, load_model
from cagewatch.scoring.frames import (
    STREAMS,
    add_error_heads,
    average_streams,
    is_per_frame,
    score_clips,
    spread_over_frames,
)
from cagewatch.store.preprocess import (
    Piece,
    Preprocessing,
    cut_pieces,
    finish_piece,
    model_input,
    preprocessing_of,
)

if TYPE_CHECKING:
    import keras

FRAMES = 512  # given to a network at once: large enough to hide Python, small enough for the cache
LEAST_CLIPS = 8
Scores = dict[str, np.ndarray]


def score_with_network(
    run: FinishedRun,
    frames: Iterable[tuple[float, np.ndarray]],
    name: str,
    engine: Engine = "auto",
    precision: Precision = "auto",
    cores: int = 1,
) -> dict[str, np.ndarray]:
    """Frame scores by column, as the experiment gives them for the same recording.

    Clips start `test_clip_step` frames apart, and one more ends with the recording. Memory holds a
    few pieces of the recording and its scores.

    Parameters
    ----------
    frames : (time_s, (height, width) uint8 luminance) in order.
    name : the recording's, for error messages.
    engine, precision, cores : see `cagewatch.detectors.inference.engines.open_inference`.

    Raises
    ------
    InputError
        If the run has no usable model or the recording is shorter than a clip.
    """
    parameters, length = run.parameters, run.parameters.clip_length
    settings = preprocessing_of(parameters)
    model = _scoring_model(run)
    batch = max(LEAST_CLIPS, FRAMES // length)
    inference = _inference(model, batch, engine, precision, cores)
    score = _piece_scorer(run, model, settings, inference, batch)
    # A piece's clips may begin in the one before; together they fill the network's batch.
    earlier = length - 1 + settings.flow_lag
    cv2.setNumThreads(1)
    pieces = cut_pieces(frames, settings, batch * length - (length - 1), earlier)
    starts, parts, total = [], [], 0
    for n_frames, piece_starts, piece_scores in map_in_order(score, pieces, inference.callers):
        total = n_frames
        starts.append(piece_starts)
        parts.append(piece_scores)
    if total < length:
        raise InputError(f"{name} has {total} frames, fewer than the run's clips of {length}.")
    joined = {stream: np.concatenate([part[stream] for part in parts]) for stream in parts[0]}
    windows = np.concatenate(starts)[:, None] + np.arange(length, dtype=np.int32)
    columns = {f"score_{stream}": joined[stream] for stream in STREAMS if stream in joined}
    columns["score"] = average_streams(joined, _reference(run), parameters.stream_average)
    return {
        column: spread_over_frames(value, windows, total, parameters.clip_alignment)
        for column, value in columns.items()
    }


def _piece_scorer(
    run: FinishedRun,
    model: keras.Model,
    settings: Preprocessing,
    inference: Inference,
    batch: int,
) -> Callable[[Piece], tuple[int, np.ndarray, Scores]]:
    """A function from a piece to: frames so far, its clips' first frames, their scores."""
    parameters, length = run.parameters, run.parameters.clip_length
    scale = run.metrics["flow_scale"]
    per_frame = is_per_frame(load_model(run.folder))
    sizes = {stream: int(np.prod(tensor.shape[2:])) for stream, tensor in model.input.items()}

    def score(piece: Piece) -> tuple[int, np.ndarray, Scores]:
        found = dict(zip(STREAMS, finish_piece(piece, settings), strict=True))
        inputs = {s: model_input(s, found[s], parameters, scale) for s in model.input}
        starts = clip_starts(piece, length, parameters.test_clip_step)
        windows = (starts - piece.first)[:, None] + np.arange(length)
        if per_frame:
            # Each frame once, however many clips hold it: packed into clips that do not overlap.
            lag = min(settings.flow_lag, len(piece.gray) - 1)
            used = np.arange(lag if piece.first else 0, len(piece.gray))
            packed = np.resize(used, -(-len(used) // length) * length).reshape(-1, length)
            place = np.searchsorted(used, windows)
            errors = _infer(inference, inputs, packed, batch)
            errors = {stream: value.reshape(-1)[place] for stream, value in errors.items()}
        else:
            errors = _infer(inference, inputs, windows, batch)
        scores = {
            stream: value.reshape(-1).astype(np.float64)
            if stream == "target"
            else score_clips(value, sizes[stream], parameters.clip_score)
            for stream, value in errors.items()
        }
        return piece.first + len(piece.gray), starts, scores

    return score


def clip_starts(piece: Piece, length: int, step: int) -> np.ndarray:
    """First frames of the clips that end in a piece's new frames: (n,) int32.

    Clips start `step` frames apart; one more ends with the recording's last frame.
    """
    stop = piece.first + len(piece.gray)
    first = max(stop - len(piece.times) - length + 1, 0)
    starts = np.arange(-(-first // step) * step, stop - length + 1, step)
    end = stop - length
    if piece.last and end >= 0 and end % step:
        starts = np.append(starts, end)
    return starts.astype(np.int32)


def _infer(inference: Inference, inputs: Scores, clips: np.ndarray, batch: int) -> Scores:
    """Outputs for clips of frame positions (n, clip_length), in batches of always one size."""
    parts: dict[str, list[np.ndarray]] = {}
    for begin in range(0, max(len(clips), 1), batch):
        chosen = clips[begin : begin + batch]
        filled = np.zeros((batch, clips.shape[1]), np.intp)
        filled[: len(chosen)] = chosen
        outputs = inference.run({stream: value[filled] for stream, value in inputs.items()})
        for stream, output in outputs.items():
            parts.setdefault(stream, []).append(output[: len(chosen)])
    return {stream: np.concatenate(values) for stream, values in parts.items()}


@lru_cache(maxsize=4)
def _inference(model: keras.Model, *how: Any) -> Inference:
    return open_inference(model, *how)


def _scoring_model(run: FinishedRun) -> keras.Model:
    """The model with its errors as outputs; a binary supervised model as it is."""
    if run.parameters.supervised_loss == "softmax" and run.parameters.model == "supervised":
        raise InputError("A supervised model with one class per behaviour cannot score here.")
    return _with_errors(load_model(run.folder))


@lru_cache(maxsize=1)
def _with_errors(model: keras.Model) -> keras.Model:
    return model if "target" in model.output else add_error_heads(model)


def _reference(run: FinishedRun) -> dict[str, np.ndarray]:
    """Two values by stream with the mean and standard deviation of the training scores."""
    kept: dict[str, Any] = run.metrics.get("reference_scores", {})
    return {
        stream: np.array([values["mean"] - values["std"], values["mean"] + values["std"]])
        for stream, values in kept.items()
    }
