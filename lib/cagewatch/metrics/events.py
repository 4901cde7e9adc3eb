"""What a threshold means in practice: bouts caught, false alarms per hour, delay.

A frame is flagged when its score is at or above the threshold. An alarm is a run of flagged frames
within one recording. A bout is caught if any of its frames is flagged; an alarm is false if it
shares no frame with a bout.

One alarm that never ends touches every bout and so is never false: read false alarms per hour
together with the frames' false positive rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import (
    check_flags,
    check_score,
    find_bouts,
    frame_durations,
    recording_codes,
)


class EventMetrics(NamedTuple):
    """Consequences of one threshold; NaN for what cannot be computed (say, recall of no bouts).

    Counts of frames: true and false positives and negatives. `bout_recall` is the share of bouts
    caught, `hours_normal` the normal video, and the delays run from a caught bout's first frame to
    its first flagged one, in seconds.
    """

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    false_positive_rate: float
    n_bouts: int
    bouts_caught: int
    bout_recall: float
    n_alarms: int
    false_alarms: int
    false_alarms_per_hour: float
    hours_normal: float
    delay_mean_s: float
    delay_median_s: float


def event_metrics(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None,
    threshold: float,
    times: np.ndarray | None = None,
    fps: float | None = None,
) -> EventMetrics:
    """Compute what flagging at `threshold` catches, misses and costs.

    Parameters
    ----------
    score, anomalous, recording : ndarray of float, bool, ids, shape (n_frames,)
        The frames of a recording together, in order.
    threshold : float
        May be infinite: nothing is flagged.
    times, fps
        As for `cagewatch.metrics.frame_durations`.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    if np.isnan(threshold):
        raise InputError("The threshold is NaN; choose one, for example by the rule quantile=0.99.")
    codes = recording_codes(recording, len(score))
    duration = frame_durations(len(score), codes, times, fps)
    onset = np.cumsum(duration) - duration if times is None else np.asarray(times, np.float64)
    flagged = score >= threshold
    bouts, alarms = find_bouts(anomalous, codes), find_bouts(flagged, codes)
    first = _first_true(flagged, bouts)
    caught = first >= 0
    delay = onset[first[caught]] - onset[bouts[caught, 0]]
    false_alarms = int(np.sum(_first_true(anomalous, alarms) < 0))
    hours = float(np.sum(duration[~anomalous])) / 3600
    hits, wrong = int(np.sum(flagged & anomalous)), int(np.sum(flagged & ~anomalous))
    missed, quiet = int(np.sum(~flagged & anomalous)), int(np.sum(~flagged & ~anomalous))
    return EventMetrics(
        threshold=float(threshold),
        true_positives=hits,
        false_positives=wrong,
        true_negatives=quiet,
        false_negatives=missed,
        precision=_ratio(hits, hits + wrong),
        recall=_ratio(hits, hits + missed),
        f1=_ratio(2 * hits, 2 * hits + wrong + missed),
        false_positive_rate=_ratio(wrong, wrong + quiet),
        n_bouts=len(bouts),
        bouts_caught=int(caught.sum()),
        bout_recall=_ratio(int(caught.sum()), len(bouts)),
        n_alarms=len(alarms),
        false_alarms=false_alarms,
        false_alarms_per_hour=_ratio(false_alarms, hours),
        hours_normal=hours,
        delay_mean_s=float(np.mean(delay)) if len(delay) else float("nan"),
        delay_median_s=float(np.median(delay)) if len(delay) else float("nan"),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _first_true(flag: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """First true position inside each run, (n_runs,) int64; -1 where there is none."""
    where = np.flatnonzero(flag)
    if not len(where):
        return np.full(len(runs), -1)
    index = np.searchsorted(where, runs[:, 0])
    first = where[np.minimum(index, len(where) - 1)]
    return np.where((index < len(where)) & (first < runs[:, 1]), first, -1)


def count_false_alarms(
    score: np.ndarray, anomalous: np.ndarray, recording: np.ndarray | None, thresholds: np.ndarray
) -> np.ndarray:
    """Count the false alarms at every threshold at once, (n_thresholds,) int64.

    Notes
    -----
    Within a stretch of normal frames, runs of flagged ones start where a score reaches the
    threshold and the one before does not. Of these the run that reaches the first (last) frame
    belongs to the bout before (after) if the bout's adjoining frame is flagged as well; a run that
    does both was taken off twice. Each of these is a count of values at or above the threshold, so
    sorting once answers all thresholds.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    codes = recording_codes(recording, len(score))
    thresholds = np.asarray(thresholds, np.float64)
    stretches = find_bouts(~anomalous, codes)
    start, stop = stretches[:, 0], stretches[:, 1]
    inside = ~anomalous[1:] & ~anomalous[:-1] & (codes[1:] == codes[:-1])
    pairs = np.minimum(score[1:], score[:-1])[inside]
    n_frames = len(score)
    before, after = np.maximum(start - 1, 0), np.minimum(stop, n_frames - 1)
    joins_before = (start > 0) & (codes[before] == codes[start])
    joins_after = (stop < n_frames) & (codes[after] == codes[start])
    left = np.minimum(score[before], score[start])
    right = np.minimum(score[after], score[stop - 1])
    both = joins_before & joins_after
    # Between a start and a stop lies the stretch; what lies between a stop and a start is skipped.
    whole = np.minimum.reduceat(np.r_[score, np.inf], stretches.ravel())[::2]
    through = np.minimum(np.minimum(left, right), whole)

    def reaching(values: np.ndarray) -> np.ndarray:
        return len(values) - np.searchsorted(np.sort(values), thresholds, side="left")

    return (
        reaching(score[~anomalous])
        - reaching(pairs)
        - reaching(left[joins_before])
        - reaching(right[joins_after])
        + reaching(through[both])
    )
