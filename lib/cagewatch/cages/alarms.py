"""Alarms of a cage: a level that keeps to a budget of false alarms, and what is above it.

The level is chosen on the cage's held-out normal recordings. Scores are smoothed, and frames above
the level become alarms, as `cagewatch.metrics.alarms` says and ``cage.yaml`` sets.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.cages.cage import Cage
from cagewatch.detectors.fusion import find_reasons
from cagewatch.errors import InputError
from cagewatch.metrics import (
    AlarmShape,
    Calibration,
    calibrate_alarms,
    find_alarms,
    smooth_over_time,
)
from cagewatch.params import project_root
from cagewatch.runs.thresholds import COLUMN_OF, read_threshold

FLAGGED = "anomaly"
# Of a table of alarms, see `tabulate_alarms`.
COLUMNS = [
    "start_frame", "stop_frame", "behaviour", "start_s", "stop_s", "peak_frame", "peak_s",
    "peak_score", "reason",
]  # fmt: skip


class Level(NamedTuple):
    """Where alarms begin.

    Attributes
    ----------
    threshold : a smoothed score.
    ordinary : the smoothed score of an ordinary frame, towards which an alarm ends.
    stream : which score, 'both', 'image' or 'flow'.
    shape : how frames above the threshold become alarms.
    words : how the threshold was chosen, one sentence.
    warning : why the budget cannot be promised, if it cannot.
    """

    threshold: float
    ordinary: float
    stream: str
    shape: AlarmShape
    words: str
    warning: str | None


def scores_of(frames: pd.DataFrame, stream: str = "both") -> np.ndarray:
    """One score for each frame: (n_frames,) float64; InputError if the detector lacks it."""
    column = COLUMN_OF[stream]
    there = [name for name, one in COLUMN_OF.items() if one in frames and frames[one].notna().all()]
    if stream not in there:
        raise InputError(
            f"The detector has no score {stream!r} in every frame; choose {' or '.join(there)}."
        )
    return frames[column].to_numpy(float)


def calibrate(cage: Cage, budget: float | None = None, stream: str = "both") -> Calibration:
    """Choose a level for a budget (alarms an hour; by default the cage's) on its held-out video.

    The rate has an interval, and a warning where that video is too short to promise it. InputError
    if the detector lacks the score, or the recordings have no time stamps.
    """
    frames = cage.run.frames
    anomalous = frames["anomalous"].fillna(False).to_numpy(bool)
    return calibrate_alarms(
        scores_of(frames, stream),
        frames["time_s"].to_numpy(float),
        frames["recording"].to_numpy(object),
        per_hour=cage.settings.budget if budget is None else budget,
        anomalous=anomalous,
        shape=cage.settings,
    )


def choose_threshold(cage: Cage, budget: float | None = None) -> float:
    """Choose the smoothed score at which alarms begin; see `calibrate` for its uncertainty.

    Parameters
    ----------
    cage : Cage
    budget : float, optional
        False alarms an hour of normal video; by default the cage's own.

    Returns
    -------
    threshold : float
        In the unit of the smoothed score.
    """
    return calibrate(cage, budget).threshold


def decide_level(
    cage: Cage,
    threshold: float | str | None = None,
    budget: float | None = None,
    stream: str = "both",
) -> Level:
    """The level asked for: a number, a file that the explorer saved, or by the budget.

    Parameters
    ----------
    cage : Cage
    threshold : float or str, optional
        A score, or the path of a file that the explorer saved.
    budget : float, optional
        False alarms an hour of normal video; by default the cage's own.
    stream : {'both', 'image', 'flow'}
        Whose score is meant.

    Raises
    ------
    InputError
        For a file of other scores, or scores that the detector lacks.
    """
    shape = AlarmShape(**cage.settings.model_dump(include=set(AlarmShape.model_fields)))
    if isinstance(threshold, str):
        try:
            threshold = float(threshold)
        except ValueError:
            path = project_root() / Path(threshold).expanduser()
            threshold, stream, count = read_threshold(path, cage.run)
            # The explorer averages over frames, and what is above is an alarm.
            seconds = 0.0 if count == 1 else count / cage.fps
            shape = AlarmShape(smoothing_s=seconds, hysteresis=0, merge_gap_s=0, min_length_s=0)
            return Level(threshold, 0.0, stream, shape, f"Saved in {path.name}.", None)
    found = calibrate(cage, budget, stream)
    if threshold is not None:
        return Level(threshold, found.ordinary, stream, shape, "Given as a number.", None)
    return Level(
        found.threshold, found.ordinary, stream, shape, describe_calibration(found), found.warning
    )


def describe_calibration(found: Calibration) -> str:
    """One sentence on a budget and the rate found for it."""
    return (
        f"Budget {found.budget:g} false alarms an hour: {found.count} in {60 * found.hours:.3g}"
        " minutes of held-out normal video; as much new video has one more on average (95 %"
        f" interval of the rate {found.low:.2g} to {found.high:.3g} an hour)."
    )


def smooth(frames: pd.DataFrame, shape: AlarmShape, stream: str = "both") -> np.ndarray:
    """The scores of one recording as alarms see them: (n_frames,) float64."""
    score, times = scores_of(frames, stream), frames["time_s"].to_numpy(float)
    return smooth_over_time(score, times, np.zeros(len(score), int), shape.smoothing_s)


def tabulate_alarms(frames: pd.DataFrame, level: Level) -> pd.DataFrame:
    """Find the alarms of one recording.

    Parameters
    ----------
    frames : DataFrame
        One row a frame, of `cagewatch.cages.score`.
    level : Level
        Of `decide_level`.

    Returns
    -------
    DataFrame
        start_frame, stop_frame (the last), behaviour, start_s, stop_s, peak_frame, peak_s,
        peak_score (smoothed) and reason (of the peak, see `find_reasons`; '' where the detector
        gives none). Frames are numbers in the source, 0-based; an alarm reaches up to the next
        frame that was scored and stops at the second at which that is shown.
    """
    times = frames["time_s"].to_numpy(float)
    found = find_alarms(
        scores_of(frames, level.stream), times, threshold=level.threshold, shape=level.shape,
        ordinary=level.ordinary,
    )  # fmt: skip
    number = frames["frame"].to_numpy()
    start, stop, peak = (found[name].to_numpy(int) for name in ("start", "stop", "peak"))
    after = np.append(number[1:], number[-1] + 1)
    return pd.DataFrame(
        {
            "start_frame": number[start],
            "stop_frame": after[stop - 1] - 1,
            "behaviour": FLAGGED,
            "start_s": found["start_s"],
            "stop_s": found["stop_s"],
            "peak_frame": number[peak],
            "peak_s": times[peak],
            "peak_score": found["peak_score"],
            "reason": find_reasons(frames.iloc[peak]).to_numpy(),
        },
        columns=COLUMNS,
    )


def frames_in(alarms: pd.DataFrame, frames: pd.DataFrame) -> np.ndarray:
    """Which frames of a recording are in one of its alarms: (n_frames,) bool."""
    number, inside = frames["frame"].to_numpy(), np.zeros(len(frames), bool)
    for start, stop in alarms[["start_frame", "stop_frame"]].to_numpy(int):
        inside |= (number >= start) & (number <= stop)
    return inside
