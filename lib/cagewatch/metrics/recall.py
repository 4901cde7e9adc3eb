"""Recall at a budget: which bouts a detector catches for a given number of false alarms an hour."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cagewatch.metrics.alarms import AlarmShape, Track, find_spans, prepare_track
from cagewatch.metrics.budgets import count_false, hours_needed, poisson_interval, steps_down
from cagewatch.metrics.inputs import check_flags, find_bouts

BUDGETS = (1.0, 6.0, 60.0)  # false alarms an hour that the study's tables tell recall at


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
