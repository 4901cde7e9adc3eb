"""Scores of a recording in one pass over it: decoded, preprocessed and scored piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cagewatch.clips import ClipIndex
from cagewatch.detectors import DETECTORS
from cagewatch.detectors.run import load_state, score_video
from cagewatch.detectors.video import Video, cut_frames
from cagewatch.errors import InputError
from cagewatch.finished_runs import FinishedRun, load_model
from cagewatch.frame_rate import FrameRates, same_rate, thin_frames
from cagewatch.preprocess import preprocess_frames, preprocessing_of
from cagewatch.recordings.folder import recording_name
from cagewatch.scoring import (
    STREAMS,
    add_error_heads,
    average_streams,
    score_clips,
    spread_over_frames,
)
from cagewatch.store import Store
from cagewatch.video import probe, read_frames

if TYPE_CHECKING:
    import keras

BATCH = 64


def run_frame_rate(run: FinishedRun) -> float:
    """Frames per second of the recordings the run was tested on; NaN if they carry no time."""
    times = run.frames.groupby("recording", sort=False)["time_s"]
    steps = times.diff().to_numpy(float)
    steps = steps[np.isfinite(steps)]
    return float(1 / np.median(steps)) if len(steps) else float("nan")


def score_source(
    run: FinishedRun,
    source: Path,
    frame_rates: FrameRates = "refuse",
    progress: bool = True,
) -> pd.DataFrame:
    """Score every frame of a recording; only scores and times are kept.

    A network reads the recording once, another detector as often as it needs.

    Parameters
    ----------
    frame_rates : what to do if the recording's frame rate is not the run's: refuse, or leave
        frames out where it is higher.

    Returns
    -------
    Table with the columns of ``scores.csv.gz``; `label` is '' and `anomalous` empty. With frames
    left out, `frame` is still the number in the source.

    Raises
    ------
    InputError
        If the run has no usable model, the frame rate does not fit, or the source is damaged or
        shorter than a clip.
    """
    settings = preprocessing_of(run.parameters)
    opened, fps = _open_source(run, source, frame_rates)
    numbers: list[int] = []
    times: list[float] = []

    def watched() -> Iterator[tuple[float, np.ndarray]]:
        hint = probe(source, settings.image_fps).frames
        bar = tqdm(opened(), desc=source.name, unit="frame", total=hint, disable=not progress)
        for number, time, frame in bar:
            numbers.append(number)
            times.append(time)
            yield time, frame

    if run.parameters.model in DETECTORS:
        n_frames = sum(1 for _ in watched())
        again = partial(cut_frames, settings=settings)
        video = Video(lambda: again(f for _, _, f in opened()), np.ones(n_frames, bool), fps)
        columns = {"score": score_video(load_state(run.folder), video, run.parameters)}
    else:
        chunks = preprocess_frames(watched(), settings)
        columns = score_chunks(run, chunks, recording_name(source))
    missing = np.full(len(numbers), np.nan)
    return pd.DataFrame(
        {
            "recording": recording_name(source),
            "frame": np.array(numbers, np.int64),
            "time_s": np.array(times),
            "label": "",
            "anomalous": pd.array([None] * len(numbers), dtype="boolean"),
            **{name: columns.get(name, missing) for name in ("score_image", "score_flow", "score")},
        }
    )


def _open_source(
    run: FinishedRun, source: Path, frame_rates: FrameRates
) -> tuple[Callable[[], Iterator[tuple[int, float, np.ndarray]]], float]:
    """A function that reads a source anew at the run's frame rate, and the rate.

    It gives number, time and frame; InputError if the frame rate does not fit.
    """
    assumed = run.parameters.image_fps
    fps, wanted = probe(source, assumed).fps, run_frame_rate(run)
    opened = partial(read_frames, source, fps=assumed)
    if np.isnan(wanted) or same_rate(fps, wanted):
        return lambda: ((number, *frame) for number, frame in enumerate(opened())), fps
    if frame_rates == "refuse" or fps < wanted:
        do = "set frame_rates to 'resample'" if fps > wanted else "frames cannot be made up"
        raise InputError(
            f"{source} has {fps:.5g} frames per second but the run {run.folder.name} of "
            f"{run.parameters.dataset} has {wanted:.5g}; {do}."
        )
    return lambda: thin_frames(opened(), wanted), wanted


def score_chunks(
    run: FinishedRun, chunks: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]], name: str
) -> dict[str, np.ndarray]:
    """Frame scores by column from chunks of times, gray and flow, as the experiment gives them.

    Clips start `test_clip_step` frames apart; frames are let go of once no clip to come needs them.
    """
    length, step = run.parameters.clip_length, run.parameters.test_clip_step
    model = _scoring_model(run)
    held: list[np.ndarray] | None = None  # times, gray and flow still needed
    first, total, start = 0, 0, 0  # frame number of held[0], frames so far, the next clip's start
    starts: list[int] = []
    scores: list[dict[str, np.ndarray]] = []
    for chunk in chunks:
        held = (
            [*chunk] if held is None else [np.concatenate(p) for p in zip(held, chunk, strict=True)]
        )
        total += len(chunk[0])
        new = list(range(start, total - length + 1, step))
        if new:
            scores.append(_score_clips(run, model, held, np.array(new) - first, name))
            starts += new
            start = new[-1] + step
        keep = max(min(start, total - length) - first, 0)
        held, first = [part[keep:] for part in held], first + keep
    if held is None or total < length:
        raise InputError(f"{name} has {total} frames, fewer than the run's clips of {length}.")
    if starts[-1] + length != total:
        starts.append(total - length)
        scores.append(_score_clips(run, model, held, np.array([total - length - first]), name))
    frames = np.array(starts)[:, None] + np.arange(length)
    joined = {stream: np.concatenate([part[stream] for part in scores]) for stream in scores[0]}
    columns = {f"score_{stream}": joined[stream] for stream in STREAMS if stream in joined}
    columns["score"] = average_streams(joined, _reference(run), run.parameters.stream_average)
    return {
        column: spread_over_frames(value, frames, total, run.parameters.clip_alignment)
        for column, value in columns.items()
    }


def _scoring_model(run: FinishedRun) -> keras.Model:
    """The model with its errors as outputs; a binary supervised model as it is."""
    model = load_model(run.folder)
    if "target" not in model.output:
        return add_error_heads(model)
    if run.parameters.supervised_loss == "softmax":
        raise InputError("A supervised model with one class per behaviour cannot score here.")
    return model


def _score_clips(
    run: FinishedRun, model: keras.Model, held: list[np.ndarray], starts: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """Clip scores by stream of clips that start at positions `starts` of what is held."""
    from cagewatch.batches import ClipBatches  # here, so that a backend can be chosen before Keras

    times, gray, flow = held
    store = Store(name, Path(), gray, flow, times, "")
    nothing = np.zeros(len(starts), np.int16)
    frames = (starts[:, None] + np.arange(run.parameters.clip_length)).astype(np.int32)
    index = ClipIndex(nothing, frames, nothing.astype(bool), nothing, (name,))
    streams = tuple(model.input)
    scale = run.metrics["flow_scale"]
    batches = ClipBatches(index, {name: store}, run.parameters, scale, streams)
    parts: dict[str, list[np.ndarray]] = {}
    for begin in range(0, len(starts), BATCH):
        inputs = batches.read(np.arange(begin, min(begin + BATCH, len(starts))))
        for stream, output in model.predict_on_batch(inputs).items():
            output = np.asarray(output, np.float64)
            if stream == "target":
                value = output[:, 0]
            else:
                size = int(np.prod(inputs[stream].shape[2:]))
                value = score_clips(output, size, run.parameters.clip_score)
            parts.setdefault(stream, []).append(value)
    return {stream: np.concatenate(values) for stream, values in parts.items()}


def _reference(run: FinishedRun) -> dict[str, np.ndarray]:
    """Two values by stream with the mean and standard deviation of the training scores."""
    kept: dict[str, Any] = run.metrics.get("reference_scores", {})
    return {
        stream: np.array([values["mean"] - values["std"], values["mean"] + values["std"]])
        for stream, values in kept.items()
    }
