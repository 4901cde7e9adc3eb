"""False-alarm budgets: a threshold from normal recordings alone.

A lab has no anomalies to set a threshold on, but it knows how many false alarms an hour it can look
at. The threshold is found on normal video which the detector was not fitted on. It lies just above
the highest score that is too many, so that as much new video has one false alarm more on average:
one fewer than the budget is allowed, and the budget is kept on average. The rate on future video is
uncertain: false alarms are counted, so their interval is Garwood's exact one for a Poisson count
(Biometrika 28, 1936).

An alarm is false if it shares no frame with a bout. Any alarm counts once more for every 30 s of
normal video in it, or else one alarm that never ends would be the best of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from cagewatch.errors import InputError
from cagewatch.metrics.alarms import AlarmShape, Track, find_spans, prepare_track
from cagewatch.metrics.inputs import check_flags, find_bouts

PROMISE = 2.0  # a rate is promised if it is, at 95 %, at most this many times the budget
BUDGETS = (1.0, 6.0, 60.0)  # false alarms an hour that the study's tables tell recall at
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
    """Compute the exact interval, in events per hour, of `count` events in `hours` above 0."""
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
        Going down from the highest score, the last threshold before there are as many false alarms
        as the budget has in all, or before the first. Where all video is normal, the latter lies
        just above every score.

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
    allowed = int(np.floor(per_hour * hours + 1e-9)) - 1
    threshold = _lowest_within(track, flags, max(allowed, 0))
    count = int(count_false(track, flags, find_spans(track, threshold)).sum())
    low, high = poisson_interval(count, hours)
    needed, warning = hours_needed(per_hour), None
    if hours < needed * (1 - 1e-9):
        warning = (
            f"{hours:.2g} hours of normal video cannot promise {per_hour:g} false alarms an hour: "
            f"the rate may be as high as {high:.3g}; it takes {needed:.2g} hours."
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


def recall_at_budgets(
    score: np.ndarray,
    anomalous: np.ndarray,
    times: np.ndarray,
    recording: np.ndarray | None = None,
    budgets: Iterable[float] = BUDGETS,
    shape: AlarmShape | None = None,
) -> pd.DataFrame:
    """Tell which share of bouts is caught when so many false alarms an hour are allowed.

    No recording's own labels set its threshold: that comes from the normal frames of the others. Of
    a single recording, either half is judged by the other.

    Parameters
    ----------
    score, anomalous, times, recording : ndarray, shape (n_frames,)
        Labelled frames; see `cagewatch.metrics.prepare_track`.
    budgets : iterable of float
        False alarms per hour of normal video.

    Returns
    -------
    table : DataFrame
        A row per budget: ``budget``, ``bouts``, ``caught``, ``recall`` (NaN without bouts),
        ``false_alarms``, ``hours`` (of normal video), ``got`` (false alarms per hour) with its
        exact interval ``got_low`` and ``got_high``, ``in_alarm`` (share of the normal time spent in
        alarm), and ``warning`` (None if the normal video suffices to promise the budget).
    """
    flags = check_flags(anomalous, len(score))
    track = prepare_track(score, times, recording, shape)
    fold = track.codes
    if fold[-1] == 0:
        fold = (track.stop_s - track.start_s[0] > (track.stop_s[-1] - track.start_s[0]) / 2) * 1
    hours = np.bincount(fold, track.duration * ~flags) / 3600
    budgets = np.array([float(budget) for budget in budgets])
    allowed = np.floor(np.outer(budgets, hours.sum() - hours) + 1e-9)
    levels = np.unique(np.sort(track.score)[::-1][steps_down(len(flags))])[::-1]
    spans, of_others = [], []
    for level in levels:
        spans.append(find_spans(track, level))
        own = np.bincount(
            fold[spans[-1][:, 0]], count_false(track, flags, spans[-1]), minlength=len(hours)
        )
        of_others.append(own.sum() - own)
        if np.all(of_others[-1] > allowed.max(axis=0)):
            break
    # For each budget and fold, the level above the first that costs the others too much.
    over = np.array(of_others)[:, None] > allowed
    last = np.where(over.any(axis=0), over.argmax(axis=0), len(over)) - 1
    last[:, hours.sum() - hours <= 0] = -1  # no normal video in the others: nothing is promised
    rows = []
    for budget, chosen in zip(budgets, last, strict=True):
        alarms = [
            spans[level][fold[spans[level][:, 0]] == one]
            for one, level in enumerate(chosen)
            if level >= 0
        ]
        rows.append(_judge(track, flags, float(budget), alarms))
    return pd.DataFrame(rows)


def _judge(
    track: Track, flags: np.ndarray, budget: float, spans: list[np.ndarray]
) -> dict[str, object]:
    """One row of `recall_at_budgets`, from the alarms of all recordings."""
    alarms = np.concatenate([np.empty((0, 2), np.int64), *spans])
    covered = np.zeros(len(flags), bool)
    for start, stop in alarms:
        covered[start:stop] = True
    bouts = find_bouts(flags, track.codes)
    caught = sum(bool(covered[start:stop].any()) for start, stop in bouts)
    false = int(count_false(track, flags, alarms).sum())
    normal = float(track.duration[~flags].sum())
    hours, needed = normal / 3600, hours_needed(budget)
    low, high = poisson_interval(false, hours) if hours else (np.nan, np.nan)
    return {
        "budget": budget,
        "bouts": len(bouts),
        "caught": caught,
        "recall": caught / len(bouts) if len(bouts) else np.nan,
        "false_alarms": false,
        "hours": hours,
        "got": false / hours if hours else np.nan,
        "got_low": low,
        "got_high": high,
        "in_alarm": float(track.duration[covered & ~flags].sum()) / normal if normal else np.nan,
        "warning": f"{hours:.2g} of {needed:.2g} hours needed" if hours < needed else None,
    }
