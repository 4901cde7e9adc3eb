"""Scores of a recording in one pass over it: decoded, preprocessed and scored piece by piece."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cagewatch.detectors import DETECTORS
from cagewatch.detectors.inference.engines import Engine, Precision
from cagewatch.detectors.inference.stream import score_with_network
from cagewatch.detectors.run import load_state, score_video
from cagewatch.detectors.video import Video, cut_frames
from cagewatch.errors import InputError
from cagewatch.recordings.folder import recording_name
from cagewatch.runs.read import FinishedRun
from cagewatch.store.preprocess import preprocessing_of
from cagewatch.video import probe, read_frames
from cagewatch.video.frame_rate import FrameRates, same_rate, thin_frames


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
    engine: Engine = "auto",
    precision: Precision = "auto",
    cores: int = 1,
) -> pd.DataFrame:
    """Score every frame of a recording; only scores and times are kept.

    A network reads the recording once, another detector as often as it needs.

    Parameters
    ----------
    frame_rates : what to do if the recording's frame rate is not the run's: refuse, or leave
        frames out where it is higher.
    engine, precision : what computes a network, see `open_inference`.
    cores : threads that decode, compute flow and infer.

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
    numbers, times = array("q"), array("d")

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
        columns = score_with_network(
            run, watched(), recording_name(source), engine, precision, cores
        )
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
