"""Curves and areas: how well scores rank anomalous frames above normal ones.

Throughout, a frame is flagged when its score is at or above the threshold.
"""

from __future__ import annotations

import warnings
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn import metrics as sklearn_metrics
from sklearn.exceptions import UndefinedMetricWarning

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import check_flags, check_score, recording_codes

Protocol = Literal["pooled", "per_video_scaled", "macro"]
PROTOCOLS: tuple[Protocol, ...] = ("pooled", "per_video_scaled", "macro")


class Roc(NamedTuple):
    """A receiver operating characteristic; three (k,) float64 arrays, thresholds descending."""

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray


class Auc(NamedTuple):
    """An area under the ROC and what it was computed on.

    `value` is NaN when it is undefined, and `reason` then says why. `n_covered` counts the
    recordings the figure rests on: for 'macro' only those with both normal and anomalous frames.
    """

    value: float
    protocol: str
    n_recordings: int
    n_covered: int
    reason: str | None = None


class EqualError(NamedTuple):
    """The equal error rate and the threshold that comes nearest to it."""

    rate: float
    threshold: float


def why_undefined(anomalous: np.ndarray) -> str | None:
    """Say why no ROC exists for these flags; None if one does."""
    if not len(anomalous):
        return "there are no labelled frames"
    if not np.any(anomalous):
        return "no frame is anomalous"
    return "every frame is anomalous" if np.all(anomalous) else None


def compute_roc(score: np.ndarray, anomalous: np.ndarray, every_point: bool = False) -> Roc:
    """Compute the ROC curve (Fawcett, Pattern Recognition Letters 27, 2006) by scikit-learn.

    Parameters
    ----------
    score : ndarray of float, shape (n_frames,)
        Higher is more anomalous; finite.
    anomalous : ndarray of bool, shape (n_frames,)
    every_point : bool
        Keep the points on straight stretches too, which change no picture and no area.

    Returns
    -------
    roc : Roc
        Rates in [0, 1]. With one class only, the rate of the missing class is NaN everywhere.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    if not len(score):
        return Roc(np.full(1, np.nan), np.full(1, np.nan), np.full(1, np.inf))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return Roc(*sklearn_metrics.roc_curve(anomalous, score, drop_intermediate=not every_point))


def compute_auc(score: np.ndarray, anomalous: np.ndarray) -> float:
    """Compute the area under the ROC, in [0, 1]; NaN if `why_undefined` has a reason.

    It is the probability that a random anomalous frame outscores a random normal one, ties
    counting half, and is computed as that: from the ranks, by Mann and Whitney's U.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    if why_undefined(anomalous):
        return float("nan")
    n_anomalous = int(anomalous.sum())
    wins = rankdata(score)[anomalous].sum() - n_anomalous * (n_anomalous + 1) / 2
    return float(wins / (n_anomalous * (len(score) - n_anomalous)))


def average_precision(score: np.ndarray, anomalous: np.ndarray) -> float:
    """Compute the average precision, in [0, 1]; NaN without anomalous frames."""
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    if not anomalous.any():
        return float("nan")
    return float(sklearn_metrics.average_precision_score(anomalous, score))


def scale_per_recording(score: np.ndarray, recording: np.ndarray | None = None) -> np.ndarray:
    """Scale each recording's scores to [0, 1] by its own minimum and maximum, as much of the field.

    A recording whose scores are all equal becomes 0. The scaling looks at the whole test recording,
    so it cannot run live, and it forces every recording to hold a "most anomalous" frame.
    """
    score = check_score(score)
    group = pd.Series(score).groupby(recording_codes(recording, len(score)))
    low, high = group.transform("min").to_numpy(), group.transform("max").to_numpy()
    return np.divide(score - low, high - low, out=np.zeros_like(score), where=high > low)


def smooth_scores(score: np.ndarray, recording: np.ndarray | None, window: int) -> np.ndarray:
    """Average scores over a centred window of frames, each recording by itself.

    Near a recording's ends the window is cut short. An even window reaches one frame further back
    than ahead. Being centred, it needs `window // 2` frames of the future.

    Parameters
    ----------
    window : int
        Frames, 1 or more; 1 changes nothing.
    """
    score = check_score(score)
    if isinstance(window, bool) or int(window) != window or window < 1:
        raise InputError(f"The smoothing window is {window!r}; give a whole number of frames >= 1.")
    codes = recording_codes(recording, len(score))
    if window == 1 or not len(score):
        return score
    rolling = pd.Series(score).groupby(codes).rolling(int(window), center=True, min_periods=1)
    # Rounding inside the running sum must not carry a score outside the range it came from.
    return np.clip(rolling.mean().to_numpy(), score.min(), score.max())


def frame_auc(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    protocol: Protocol = "pooled",
) -> Auc:
    """Compute the frame AUC by one of the three protocols in use.

    Parameters
    ----------
    score, anomalous, recording : ndarray of float, bool, ids, shape (n_frames,)
        The frames of a recording together, in order.
    protocol : {'pooled', 'per_video_scaled', 'macro'}
        Raw scores of all frames in one ROC (micro); min-max per recording, then pooled; or the mean
        of the recordings' own AUCs, those with one class only left out.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    codes = recording_codes(recording, len(score))
    n_covered = n_recordings = int(codes[-1]) + 1 if len(codes) else 0
    reason = why_undefined(anomalous)
    if protocol == "pooled":
        value = compute_auc(score, anomalous)
    elif protocol == "per_video_scaled":
        value = compute_auc(scale_per_recording(score, codes), anomalous)
    elif protocol == "macro":
        parts = (codes == code for code in range(n_recordings))
        own = [compute_auc(score[part], anomalous[part]) for part in parts]
        n_covered = int(np.isfinite(own).sum())
        value = float(np.nanmean(own)) if n_covered else float("nan")
        if not n_covered:
            reason = reason or "no recording has both normal and anomalous frames"
    else:
        raise InputError(f"Unknown protocol {protocol!r}: choose one of {', '.join(PROTOCOLS)}.")
    words = describe_protocol(protocol, n_recordings, n_covered)
    return Auc(value, words, n_recordings, n_covered, reason)


def describe_protocol(protocol: Protocol, n_recordings: int, n_covered: int) -> str:
    """Say in words how scores were scaled and pooled; printed under every table."""
    plural = "" if n_recordings == 1 else "s"
    if protocol == "macro":
        return (
            f"frame AUC, mean over the {n_covered} of {n_recordings} recording{plural} "
            "that hold both classes, raw scores"
        )
    scaling = "raw scores" if protocol == "pooled" else "scores scaled to [0, 1] per recording"
    return f"frame AUC, pooled over {n_recordings} recording{plural}, {scaling}"


def equal_error_rate(score: np.ndarray, anomalous: np.ndarray) -> EqualError:
    """Find where the false positive rate equals the miss rate (1 - true positive rate).

    Between two points of the ROC the rate is interpolated; the threshold is that of the nearer
    point, so that flagging at it gives rates that exist. Both are NaN if there is no ROC.
    """
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    if why_undefined(anomalous):
        return EqualError(float("nan"), float("nan"))
    roc = compute_roc(score, anomalous, every_point=True)
    false, miss = roc.false_positive_rate, 1 - roc.true_positive_rate
    after = int(np.argmax(false >= miss))  # the first point past the crossing; never point 0
    gap_before, gap_after = (miss - false)[after - 1], (false - miss)[after]
    share = gap_before / (gap_before + gap_after)
    rate = false[after - 1] + share * (false[after] - false[after - 1])
    # Point 0 flags nothing, at an infinite threshold, which nobody can type into a notebook.
    nearest = after if share >= 0.5 or after == 1 else after - 1
    return EqualError(float(rate), float(roc.thresholds[nearest]))
