"""How sure an AUC or a ROC is: intervals over recordings and training seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import check_flags, check_score, recording_codes
from cagewatch.metrics.roc import Protocol, frame_auc, scale_per_recording
from cagewatch.metrics.uncertainty.jackknife import (
    Blocks,
    add_seeds,
    choose_blocks,
    estimate_auc,
    jackknife_variance,
)

BAND_POINTS = 101  # false positive rates a band is given at
BAND_LEVELS = 400  # thresholds a band's curves are drawn through


class Interval(NamedTuple):
    """An AUC with its interval, over one or several seeds.

    `value` is the mean over seeds, `minimum` and `maximum` their range. `low` and `high` are NaN
    when there is no interval, and `reason` then says why. `df` are Student's degrees of freedom,
    `unit` says what was left out at a time: 'recordings' or 'bouts'.
    """

    value: float
    low: float
    high: float
    coverage: float
    minimum: float
    maximum: float
    n_seeds: int
    n_blocks: int
    n_anomalous_blocks: int
    unit: str
    df: float
    reason: str | None = None


class RocBand(NamedTuple):
    """Where the ROC lies: (101,) false positive rates, and the true positive rate's interval."""

    false_positive_rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def auc_interval(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    protocol: Protocol = "pooled",
    coverage: float = 0.95,
) -> Interval:
    """Compute a frame AUC and its interval for another set of recordings and of training seeds.

    Parameters
    ----------
    score : ndarray of float, shape (n_frames,) or (n_seeds, n_frames)
        One row per training seed, all on the same frames.
    anomalous, recording : ndarray, shape (n_frames,)
        Flags and ids; the frames of a recording together, in order.
    label : ndarray, shape (n_frames,), optional
        Behaviour of each frame; cuts bouts finer where bouts stand in for recordings.
    protocol : {'pooled', 'per_video_scaled', 'macro'}
    coverage : float
        In (0, 1).

    Returns
    -------
    interval : Interval
        Student's t on the logit of the AUC, so that it never leaves [0, 1]. Without `low` and
        `high`, and with a reason, where fewer than two blocks hold one of the classes, or every
        pair of frames is in the right (or wrong) order.
    """
    flags = check_flags(anomalous, len(anomalous))
    rows = np.atleast_2d(np.asarray(score))
    blocks = choose_blocks(flags, recording, label)
    found = estimate_auc(rows, flags, recording, blocks, protocol)
    value = float(np.mean(found.seeds))
    reason = found.reason or why_no_spread(blocks, found.left_out)
    if reason is None and value in (0.0, 1.0):
        reason = f"every pair of frames is in the {'right' if value else 'wrong'} order"
    low = high = df = float("nan")
    if reason is None:
        variance, df = map(float, spread_of(blocks, found.left_out, found.seeds))
        # The error of the logit is that of the AUC times the logit's slope.
        reach = stats.t.ppf((1 + coverage) / 2, df) * np.sqrt(variance) / (value * (1 - value))
        low, high = (float(expit(logit(value) + sign * reach)) for sign in (-1, 1))
    return Interval(
        value,
        low,
        high,
        coverage,
        float(np.min(found.seeds)),
        float(np.max(found.seeds)),
        len(found.seeds),
        blocks.count,
        blocks.anomalous,
        blocks.unit,
        df,
        reason,
    )


def why_no_spread(blocks: Blocks, left_out: np.ndarray | None = None) -> str | None:
    """Say which class lies in fewer than two blocks, or that nothing can be left out; else None."""
    for name, count in (("anomalous", blocks.anomalous), ("normal", blocks.normal)):
        if count < 2:
            return f"all {name} frames lie in one bout, so their spread is unknown"
    if left_out is not None and np.sum(np.isfinite(left_out)) < 2:
        return "one recording alone holds both classes, so the spread is unknown"
    return None


def spread_of(
    blocks: Blocks, left_out: np.ndarray, *seeds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute variance and degrees of freedom, of blocks left out and of each detector's seeds.

    The degrees of freedom of the blocks are those that the rarer class lies in, and that an AUC
    exists without, minus 1.
    """
    defined = int(np.sum(np.isfinite(left_out), axis=0).min())
    df = float(min(blocks.anomalous, blocks.normal, defined) - 1)
    return add_seeds(jackknife_variance(left_out), df, seeds)


def describe_interval(interval: Interval) -> str:
    """Say in words how an interval was made; printed with the protocol."""
    if interval.reason:
        return f"no interval: {interval.reason}"
    seeds = "one seed" if interval.n_seeds == 1 else f"{interval.n_seeds} seeds"
    text = (
        f"{interval.coverage:.0%} interval, jackknife over {interval.n_blocks} {interval.unit} "
        f"({interval.n_anomalous_blocks} with anomalous frames) and {seeds}, Student's t with "
        f"{interval.df:.3g} degrees of freedom"
    )
    if interval.unit == "bouts":
        text += "; it does not say how another recording would differ"
    return text


def roc_band(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    protocol: Protocol = "pooled",
    coverage: float = 0.95,
) -> RocBand | None:
    """Compute a pointwise band around a ROC, at fixed false positive rates.

    The arguments are those of `auc_interval`; the curves of several seeds are averaged vertically
    (Fawcett 2006). The protocol is 'pooled' or 'per_video_scaled'. None where there is no interval.
    The band is pointwise: a whole curve leaves it more often.
    """
    rows = [check_score(row) for row in np.atleast_2d(np.asarray(score))]
    flags = check_flags(anomalous, len(anomalous))
    if protocol == "macro":
        raise InputError("A macro AUC has no ROC of its own; use pooled or per_video_scaled.")
    blocks = choose_blocks(flags, recording, label)
    if frame_auc(rows[0], flags, recording, protocol).reason or why_no_spread(blocks):
        return None
    codes = recording_codes(recording, len(flags))
    if protocol == "per_video_scaled":
        rows = [scale_per_recording(row, codes) for row in rows]
    curves, left_out = zip(*(_left_out_curves(row, flags, blocks) for row in rows), strict=True)
    variance, df = spread_of(blocks, np.mean(left_out, axis=0), np.stack(curves))
    reach = stats.t.ppf((1 + coverage) / 2, df) * np.sqrt(variance)
    middle = np.mean(curves, axis=0)
    low, high = (np.clip(middle + sign * reach, 0, 1) for sign in (-1, 1))
    return RocBand(np.linspace(0, 1, BAND_POINTS), low, high)


def _left_out_curves(
    score: np.ndarray, flags: np.ndarray, blocks: Blocks
) -> tuple[np.ndarray, np.ndarray]:
    """True positive rates at the band's points: (points,) of all frames, (n_blocks, points)."""
    levels = np.unique(np.quantile(score, np.linspace(0, 1, BAND_LEVELS)))
    level = np.searchsorted(levels, score, side="right") - 1  # the highest level a frame reaches
    rates = []
    for of in (flags, ~flags):
        table = np.zeros((blocks.count, len(levels)))
        np.add.at(table, (blocks.code[of], level[of]), 1)
        reached = np.cumsum(table[:, ::-1], axis=1)  # thresholds descending
        reached = np.vstack([reached.sum(axis=0), reached.sum(axis=0) - reached])
        rates.append(np.hstack([np.zeros((len(reached), 1)), reached / reached[:, -1:]]))
    at = np.linspace(0, 1, BAND_POINTS)
    true, false = rates
    curves = np.array([np.interp(at, x, y) for x, y in zip(false, true, strict=True)])
    return curves[0], curves[1:]
