"""False-alarm budgets: a threshold from normal recordings alone.

A lab has no anomalies to set a threshold on, but it knows how many false alarms an hour it can look
at. The threshold is the lowest that keeps to that on normal video which the detector was not fitted
on. The rate on future video is uncertain: false alarms are counted, so their interval is Garwood's
exact one for a Poisson count (Biometrika 28, 1936).

An alarm is false if it shares no frame with a bout. Any alarm counts once more for every 30 s of
normal video in it, or else one alarm that never ends would be the best of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from cagewatch.errors import InputError
from cagewatch.metrics.alarms import AlarmShape, Track, find_spans, prepare_track
from cagewatch.metrics.inputs import check_flags

PROMISE = 2.0  # a rate is promised if it is, at 95 %, at most this many times the budget
LONG_S = 30.0  # normal video in an alarm that counts as one more false alarm
LEVELS = 400  # thresholds looked at from above, before the last step is refined


class Calibration(NamedTuple):
    """A threshold for a budget, and the rate of false alarms it had on the calibration video.

    `rate` is in alarms per hour with its exact interval from `low` to `high`; `ordinary` is the
    median score that hysteresis needs. `warning` is None if the video was long enough.
    """

    threshold: float
    ordinary: float
    budget: float
    count: int
    hours: float
    rate: float
    low: float
    high: float
    warning: str | None


def poisson_interval(count: int, hours: float, coverage: float = 0.95) -> tuple[float, float]:
    """Compute the exact interval of a rate from a count of events (Garwood 1936).

    Parameters
    ----------
    count : int
        Events seen.
    hours : float
        Of watching, above 0.

    Returns
    -------
    low, high : float
        Events per hour; `low` is 0 where none was seen.
    """
    tail = (1 - coverage) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    return float(low / hours), float(chi2.ppf(1 - tail, 2 * count + 2) / 2 / hours)


def hours_needed(budget: float, coverage: float = 0.95) -> float:
    """Compute how many hours of normal video a promise of `budget` alarms an hour takes.

    The shortest in which that many alarms an hour have an interval up to `PROMISE` times as many:
    8 hours for 1 alarm an hour, an hour and 20 minutes for 6.
    """
    count = 1
    while poisson_interval(count, count, coverage)[1] > PROMISE:
        count += 1
    return count / budget


def calibrate_alarms(
    score: np.ndarray,
    times: np.ndarray,
    recording: np.ndarray | None = None,
    *,
    per_hour: float,
    anomalous: np.ndarray | None = None,
    shape: AlarmShape | None = None,
) -> Calibration:
    """Choose the lowest threshold that keeps to a budget of false alarms on normal video.

    Parameters
    ----------
    score, times, recording : ndarray, shape (n_frames,)
        Of recordings that the detector was not fitted on; see `cagewatch.metrics.prepare_track`.
    per_hour : float
        The budget, above 0.
    anomalous : ndarray of bool, shape (n_frames,), optional
        True where the video is not normal. By default all of it is normal.

    Returns
    -------
    calibration : Calibration
        Going down from the highest score, the last threshold before the budget is exceeded. Where
        less than one alarm is allowed in all, it lies just above every score.

    Raises
    ------
    InputError
        For a budget that is not above 0, no normal frame, or unknown time stamps.
    """
    if not (np.isfinite(per_hour) and per_hour > 0):
        raise InputError(f"The budget is {per_hour!r} false alarms an hour; give a number above 0.")
    track = prepare_track(score, times, recording, shape)
    flags = np.zeros(len(track.score), bool) if anomalous is None else anomalous
    flags = check_flags(flags, len(track.score))
    hours = float(track.duration[~flags].sum()) / 3600
    if not hours > 0:
        raise InputError("There is no normal video to calibrate on; give recordings without bouts.")
    threshold = _lowest_within(track, flags, int(np.floor(per_hour * hours + 1e-9)))
    count = int(count_false(track, flags, find_spans(track, threshold)).sum())
    low, high = poisson_interval(count, hours)
    needed, warning = hours_needed(per_hour), None
    if hours < needed * (1 - 1e-9):
        warning = (
            f"{hours:.2g} hours of normal video cannot promise {per_hour:g} false alarms an hour: "
            f"the rate may be as high as {high:.2g}; it takes {needed:.2g} hours."
        )
    return Calibration(
        threshold, track.ordinary, float(per_hour), count, hours, count / hours, low, high, warning
    )


def count_false(track: Track, flags: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Count for how many false alarms each of `spans` stands: none, one, or more if it is long."""
    bouts, normal = (np.r_[0, np.cumsum(of)] for of in (flags, track.duration * ~flags))
    start, stop = spans.T
    return (bouts[stop] == bouts[start]) + ((normal[stop] - normal[start]) // LONG_S).astype(int)


def _lowest_within(track: Track, flags: np.ndarray, allowed: int) -> float:
    """Going down, the last threshold before there are more than `allowed` false alarms."""

    def exceeds(threshold: float) -> bool:
        return count_false(track, flags, find_spans(track, threshold)).sum() > allowed

    score = np.sort(track.score)[::-1]
    above = float(np.nextafter(score[0], np.inf))
    if flags.all():
        return above
    good, bad = -1, None
    for step in steps_down(len(score)):
        if exceeds(score[step]):
            bad = int(step)
            break
        good = int(step)
    while bad is not None and bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if exceeds(score[middle]) else (middle, bad)
    return float(score[good]) if good >= 0 else above


def steps_down(count: int) -> np.ndarray:
    """Ranks from the top: each one where alarms are rare, and ever fewer below."""
    return np.unique(np.geomspace(1, count, LEVELS).astype(int)) - 1
