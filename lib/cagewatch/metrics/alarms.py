"""Alarms: from a score per frame to intervals a person would look at.

Frames above a threshold make no alarms yet: a score that trembles around it gives hundreds an hour.
In this order, each step with its own parameter: the score is averaged over a moment; an alarm
begins at the threshold and lasts until the score is below a lower one (a Schmitt trigger); alarms
with a short gap between them are one; what is then still short is dropped.

Time is in seconds by the frames' time stamps. The time in alarm only grows as the threshold falls;
the number of alarms may fall too, when two of them grow together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import check_score, frame_durations, recording_codes


class AlarmShape(BaseModel):
    """How frames above a threshold become alarms; the defaults suit what a person reviews."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    smoothing_s: float = Field(
        1.0, ge=0, description="seconds over which scores are averaged, centred; 0: not at all"
    )
    hysteresis: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the way from the threshold down to the ordinary score at which an "
        "alarm ends",
    )
    merge_gap_s: float = Field(
        2.0, ge=0, description="alarms at most this many seconds apart are one"
    )
    min_length_s: float = Field(0.5, ge=0, description="alarms shorter than this are dropped")


def describe_shape(shape: AlarmShape) -> str:
    """Say in words how frames became alarms; printed under tables of alarms."""
    return (
        f"scores averaged over {shape.smoothing_s:g} s, an alarm ends {shape.hysteresis:.0%} of "
        f"the way from threshold to median score, may pause for {shape.merge_gap_s:g} s and "
        f"lasts {shape.min_length_s:g} s or longer"
    )


class Track(NamedTuple):
    """Smoothed scores in time, ready for many thresholds; arrays are (n_frames,).

    Attributes
    ----------
    score : smoothed.
    codes : recordings, from 0 upwards.
    start_s, stop_s : when a frame begins and ends; recordings lie too far apart to join.
    duration : seconds.
    ordinary : the median score, towards which hysteresis goes.
    shape : how frames above a threshold become alarms.
    """

    score: np.ndarray
    codes: np.ndarray
    start_s: np.ndarray
    stop_s: np.ndarray
    duration: np.ndarray
    ordinary: float
    shape: AlarmShape


def prepare_track(
    score: np.ndarray,
    times: np.ndarray,
    recording: np.ndarray | None = None,
    shape: AlarmShape | None = None,
    ordinary: float | None = None,
) -> Track:
    """Smooth scores, (n_frames,), over time in seconds, once for any number of thresholds.

    Frames of a recording are together, in order. `ordinary` is the score of an ordinary frame, by
    default the median of these; give that of the calibration when its threshold is used on other
    recordings. InputError if there is no frame, or time stamps are unknown or do not grow.
    """
    shape = shape or AlarmShape()
    score, times = check_score(score), np.asarray(times, np.float64)
    codes = recording_codes(recording, len(score))
    if not len(score):
        raise InputError("There are no scores to find alarms in; score a recording first.")
    if times.shape != score.shape or not np.isfinite(times).all():
        raise InputError("Alarms need a time stamp for every score, in seconds; fill in time_s.")
    duration = frame_durations(len(times), codes, times)
    if not np.isfinite(duration).all():
        raise InputError("A recording of one frame has no length; score a longer one.")
    smooth = smooth_over_time(score, times, codes, shape.smoothing_s)
    ordinary = float(np.median(smooth)) if ordinary is None else float(ordinary)
    # Any gap longer than what is merged keeps recordings apart.
    far = codes * (np.ptp(times) + duration.max() + shape.merge_gap_s + 1)
    return Track(smooth, codes, times + far, times + far + duration, duration, ordinary, shape)


def smooth_over_time(
    score: np.ndarray, times: np.ndarray, codes: np.ndarray, seconds: float
) -> np.ndarray:
    """Average scores over a centred window of time, each recording by itself.

    A frame counts if its time stamp is within half of `seconds`; near the ends the window is cut.
    """
    if not seconds > 0:
        return score
    sums = np.r_[0.0, np.cumsum(score - score.mean())]
    smooth = np.empty(len(score))
    for code in np.unique(codes):
        start, stop = np.searchsorted(codes, [code, code + 1])
        own = times[start:stop]
        slack = 1e-6 * seconds  # stamps are rounded to the container's clock
        low = start + np.searchsorted(own, own - seconds / 2 - slack, "left")
        high = start + np.searchsorted(own, own + seconds / 2 + slack, "right")
        smooth[start:stop] = (sums[high] - sums[low]) / (high - low)
    return np.clip(smooth + score.mean(), score.min(), score.max())


def find_spans(track: Track, threshold: float) -> np.ndarray:
    """First frame, and the one after the last, of each alarm: (n_alarms, 2) int64."""
    release = threshold - track.shape.hysteresis * max(threshold - track.ordinary, 0.0)
    lasting = np.flatnonzero(track.score >= release)
    if not len(lasting):
        return np.empty((0, 2), np.int64)
    apart = (np.diff(lasting) > 1) | (np.diff(track.codes[lasting]) > 0)
    edges = np.r_[0, np.flatnonzero(apart) + 1, len(lasting)]
    begun = np.maximum.reduceat(track.score[lasting], edges[:-1]) >= threshold
    if not begun.any():
        return np.empty((0, 2), np.int64)
    first, last = lasting[edges[:-1]][begun], lasting[edges[1:] - 1][begun]
    gap = track.start_s[first[1:]] - track.stop_s[last[:-1]]
    new = gap > track.shape.merge_gap_s + 1e-9
    first, last = first[np.r_[True, new]], last[np.r_[new, True]]
    long = track.stop_s[last] - track.start_s[first] >= track.shape.min_length_s - 1e-9
    return np.column_stack([first[long], last[long] + 1])


def find_alarms(
    score: np.ndarray,
    times: np.ndarray,
    recording: np.ndarray | None = None,
    *,
    threshold: float,
    shape: AlarmShape | None = None,
    ordinary: float | None = None,
) -> pd.DataFrame:
    """Turn the scores of recordings into a table of alarms.

    Parameters
    ----------
    score, times, recording, shape, ordinary
        As for `prepare_track`.
    threshold : float
        A smoothed score at which an alarm begins; `cagewatch.metrics.calibrate_alarms` finds one
        for a number of false alarms per hour.

    Returns
    -------
    alarms : DataFrame
        In order: ``start`` and ``stop`` (positions among the scores, stop exclusive), ``start_s``
        and ``stop_s`` (seconds in the recording), ``peak`` (position of the highest smoothed
        score), ``peak_score``, and ``recording`` if it was given.
    """
    if np.isnan(threshold):
        raise InputError("The threshold of the alarms is NaN; calibrate one, or give a number.")
    track = prepare_track(score, times, recording, shape, ordinary)
    spans = find_spans(track, threshold)
    start, stop = spans.T
    peak = np.array([a + np.argmax(track.score[a:b]) for a, b in spans], np.int64)
    table = {"start": start, "stop": stop, "start_s": np.asarray(times, float)[start]}
    table["stop_s"] = np.asarray(times, float)[stop - 1] + track.duration[stop - 1]
    table |= {"peak": peak, "peak_score": track.score[peak]}
    if recording is not None:
        table["recording"] = np.asarray(recording)[start]
    return pd.DataFrame(table)
