"""A network's scores from a stream of frames, flow and inference overlapping on all cores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from cagewatch.clips.windows import Windows, clip_windows, score_clips, spread_over_frames
from cagewatch.detectors.footage import Chunk, Footage
from cagewatch.detectors.inference.engines import Inference, open_inference
from cagewatch.detectors.inference.errors import add_error_heads, is_per_frame
from cagewatch.in_order import map_in_order
from cagewatch.params import Parameters
from cagewatch.store.seen import model_input

if TYPE_CHECKING:
    import keras

    from cagewatch.detectors.detector import Computing

FRAMES = 512  # given to a network at once: large enough to hide Python, small enough for the cache
LEAST_CLIPS = 8
Scores = dict[str, np.ndarray]


class Scorer(NamedTuple):
    """A network that is ready to score streams.

    Attributes
    ----------
    inference : computes a batch of clips.
    streams : those it reads, and rows x columns x channels of each.
    batch : clips in a batch, always as many.
    per_frame : whether it treats each frame on its own.
    flow_scale : speed in pixels that maps to 1.
    """

    inference: Inference
    streams: dict[str, int]
    batch: int
    per_frame: bool
    flow_scale: float


def open_scorer(
    model: keras.Model, parameters: Parameters, flow_scale: float, computing: Computing
) -> Scorer:
    """Make a network ready to score streams; see `open_inference`."""
    batch = max(LEAST_CLIPS, FRAMES // parameters.clip_length)
    heads = model if "target" in model.output else add_error_heads(model)
    return Scorer(
        open_inference(heads, batch, *computing),
        {name: int(np.prod(tensor.shape[2:])) for name, tensor in model.input.items()},
        batch,
        is_per_frame(model),
        flow_scale,
    )


def score_stream(scorer: Scorer, footage: Footage, parameters: Parameters) -> list[Scores]:
    """Scores of each run of frames by stream, or 'target' of a classifier: (n_frames, ...).

    Memory holds a few chunks of the recording, and its errors.
    """
    length, every = parameters.clip_length, parameters.score_stride
    cv2.setNumThreads(1)
    # A chunk's clips may begin in the one before; together they fill the network's batch.
    earlier = 0 if scorer.per_frame else length - 1
    size = scorer.batch * length - earlier
    work = _frames_of if scorer.per_frame else _clips_of

    def errors_of(chunk: Chunk) -> tuple[Windows, Scores, int]:
        return *work(scorer, chunk, parameters), chunk.stop

    found = []
    for run in footage.chunks(size, earlier, every):
        parts = list(map_in_order(errors_of, run, scorer.inference.callers))
        joined = {s: np.concatenate([errors[s] for _, errors, _ in parts]) for s in parts[0][1]}
        windows, n_frames = Windows.join([windows for windows, _, _ in parts]), parts[-1][2]
        if scorer.per_frame:
            windows = Windows.of(windows.n_frames, length, parameters.test_clip_step)
            joined = {stream: errors[windows.frames] for stream, errors in joined.items()}
        clips = {
            stream: errors
            if stream == "target"
            else score_clips(errors, scorer.streams[stream], parameters.clip_score)
            for stream, errors in joined.items()
        }
        found.append(
            {
                stream: _spread(values, windows, parameters, n_frames)
                for stream, values in clips.items()
            }
        )
    return found


def _spread(
    values: np.ndarray, windows: Windows, parameters: Parameters, n_frames: int
) -> np.ndarray:
    """Scores of all `n_frames` frames of a run, (n_frames, ...), from those of its clips."""
    if values.ndim > 1:
        columns = [_spread(column, windows, parameters, n_frames) for column in values.T]
        return np.stack(columns, axis=1)
    scores = spread_over_frames(values, windows, parameters.clip_alignment)
    scored = np.arange(len(scores)) * parameters.score_stride
    return np.interp(np.arange(n_frames), scored, scores)


def _clips_of(
    scorer: Scorer, chunk: Chunk, parameters: Parameters
) -> tuple[Windows, dict[str, np.ndarray]]:
    """Clips that end in a chunk's new frames, and the network's outputs for them."""
    windows = clip_windows(chunk, parameters.clip_length, parameters.test_clip_step)
    inputs = _inputs_of(scorer, chunk, parameters)
    return windows, _infer(scorer, inputs, windows.frames - chunk.first)


def _frames_of(
    scorer: Scorer, chunk: Chunk, parameters: Parameters
) -> tuple[Windows, dict[str, np.ndarray]]:
    """Errors of a chunk's new frames, each computed once however many clips hold it."""
    length, stop = parameters.clip_length, chunk.first + chunk.count
    used = np.arange(chunk.count - chunk.new, chunk.count)
    packed = np.resize(used, -(-len(used) // length) * length).reshape(-1, length)
    outputs = _infer(scorer, _inputs_of(scorer, chunk, parameters), packed)
    errors = {stream: value.reshape(-1)[: len(used)] for stream, value in outputs.items()}
    return Windows(np.empty((0, length), np.int64), stop), errors


def _inputs_of(scorer: Scorer, chunk: Chunk, parameters: Parameters) -> dict[str, np.ndarray]:
    arrays = {"image": chunk.gray, "flow": chunk.flow}
    return {
        stream: model_input(stream, arrays[stream](), parameters, scorer.flow_scale)
        for stream in scorer.streams
    }


def _infer(
    scorer: Scorer, inputs: dict[str, np.ndarray], clips: np.ndarray
) -> dict[str, np.ndarray]:
    """Outputs for clips of frame positions (n, clip_length), in batches of always one size."""
    parts: dict[str, list[np.ndarray]] = {}
    for begin in range(0, max(len(clips), 1), scorer.batch):
        chosen = clips[begin : begin + scorer.batch]
        filled = np.zeros((scorer.batch, clips.shape[1]), np.intp)
        filled[: len(chosen)] = chosen
        outputs = scorer.inference.run({name: value[filled] for name, value in inputs.items()})
        for stream, output in outputs.items():
            parts.setdefault(stream, []).append(output[: len(chosen)])
    return {stream: np.concatenate(values) for stream, values in parts.items()}
