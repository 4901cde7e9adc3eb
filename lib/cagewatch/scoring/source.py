"""Scores of a video in one pass over it: decoded, preprocessed and scored piece by piece."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cagewatch.detectors import Detector, Footage
from cagewatch.errors import InputError
from cagewatch.recordings.folder import recording_name
from cagewatch.scoring.table import tabulate
from cagewatch.store import preprocessing_of
from cagewatch.video import (
    FrameRates,
    probe,
    read_ahead,
    read_frames,
    same_rate,
    say_assumed_rate,
    thin_frames,
)


def score_source(
    detector: Detector,
    source: Path,
    fps: float = float("nan"),
    frame_rates: FrameRates = "refuse",
    progress: bool = True,
    start: float = 0,
    stop: float | None = None,
) -> pd.DataFrame:
    """Score every frame of a video; only scores and times are kept.

    Parameters
    ----------
    detector : Detector
    source : Path
        A video or a folder of images.
    fps : float
        Frames per second that the detector was fitted at; NaN if its recordings carry no time.
    frame_rates : {'refuse', 'resample'}
        What to do if the video's rate is another: refuse, or leave frames out where it is higher.
    progress : bool
        Show a progress bar.
    start, stop : float
        Seconds of the video that are scored, by default all. What lies before is decoded too.

    Returns
    -------
    DataFrame
        With the columns of ``scores.csv.gz``; `label` is '' and `anomalous` empty. With frames left
        out, `frame` is still the number in the source.

    Raises
    ------
    InputError
        If the frame rate does not fit, or the source is damaged or shorter than a clip.
    """
    source, parameters = Path(source), detector.parameters
    settings = preprocessing_of(parameters)
    opened, rate = open_source(source, fps, settings.image_fps, frame_rates)
    numbers, times = array("q"), array("d")

    def watched() -> Iterator[tuple[float, np.ndarray]]:
        del numbers[:], times[:]  # a detector may read more than once
        hint = probe(source, settings.image_fps).frames
        bar = tqdm(opened(), desc=source.name, unit="frame", total=hint, disable=not progress)
        for number, time, frame in bar:
            if time < start:
                continue
            if stop is not None and time >= stop:
                return
            numbers.append(number)
            times.append(time)
            yield time, frame

    name = recording_name(source)
    try:
        scores = detector.score(Footage(name, settings, rate, watched))
    except (ValueError, IndexError) as error:
        if numbers or isinstance(error, InputError):
            raise
        raise InputError(
            f"{name} has no frame from {start:g} s on; give an earlier start."
        ) from None
    if len(numbers) < parameters.clip_length:
        raise InputError(
            f"{name} has {len(numbers)} frames, fewer than the detector's clips of "
            f"{parameters.clip_length}; give a longer recording."
        )
    return tabulate(name, np.array(numbers), np.array(times), scores)


def open_source(
    source: Path, wanted: float, assumed: float, frame_rates: FrameRates
) -> tuple[Callable[[], Iterator[tuple[int, float, np.ndarray]]], float]:
    """A function that reads a source anew at the wanted frame rate, and the rate.

    It gives number, time and frame; InputError if the frame rate does not fit. A source without
    time is taken at the wanted rate, or at the assumed one where there is none.

    Parameters
    ----------
    source : Path
        A video or a folder of images.
    wanted : float
        Frames a second; NaN where the detector does not mind.
    assumed : float
        Frames a second of a source without time, where none is wanted.
    frame_rates : {'refuse', 'resample'}
        What to do if its rate is another.

    Returns
    -------
    read : callable
        Gives number, time (seconds) and frame (rows, columns) uint8 of each frame.
    rate : float
        Frames a second.
    """
    assumed = assumed if np.isnan(wanted) else wanted
    header = probe(source, assumed)
    fps = header.fps
    if not header.timed:
        say_assumed_rate(source, fps)

    def opened() -> Iterator[tuple[float, np.ndarray]]:
        return read_ahead(read_frames(source, fps=assumed))

    if np.isnan(wanted) or same_rate(fps, wanted):
        return lambda: ((number, *frame) for number, frame in enumerate(opened())), fps
    if frame_rates == "refuse" or fps < wanted:
        do = "set frame_rates to 'resample'" if fps > wanted else "frames cannot be made up"
        raise InputError(
            f"{source} has {fps:.5g} frames per second but the detector was fitted at "
            f"{wanted:.5g}; {do}."
        )
    return lambda: thin_frames(opened(), wanted), wanted
