"""How sure a figure is: intervals over recordings or bouts, and over training seeds.

Percentile intervals of a block bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap,
1993); what a block is and how it is resampled is in `cagewatch.metrics.resampling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import check_flags, check_score, recording_codes
from cagewatch.metrics.resampling import (
    MAX_BLOCK,
    Blocks,
    choose_blocks,
    resample_auc,
    resample_counts,
)
from cagewatch.metrics.roc import Protocol, frame_auc, scale_per_recording

BAND_POINTS = 101  # false positive rates a band is given at
BAND_LEVELS = 400  # thresholds a band's resampled curves are drawn through


class Interval(NamedTuple):
    """An AUC with its interval, over one or several seeds.

    `value` is the mean over seeds, `minimum` and `maximum` their range. `low` and `high` are NaN
    when there is no interval, and `reason` then says why. `n_anomalous_blocks` tells how much the
    interval can know: with a handful of anomalous blocks it is a rough guide only.
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
    reason: str | None = None


class Difference(NamedTuple):
    """AUC of a minus AUC of b on the same resamples; `probability` is that of a being above b."""

    value: float
    low: float
    high: float
    coverage: float
    probability: float
    n_blocks: int
    unit: str
    reason: str | None = None


class RocBand(NamedTuple):
    """Where the ROC lies: (101,) false positive rates, and the true positive rate's interval."""

    false_positive_rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bootstrap_interval(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    protocol: Protocol = "pooled",
    n_samples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
    max_block: int = MAX_BLOCK,
) -> Interval:
    """Compute a frame AUC and its block-bootstrap interval, over training seeds if there are some.

    Parameters
    ----------
    score : (n,) float, or (n_seeds, n) for one row per training seed, all on the same frames.
    anomalous, recording : (n,) bool and ids; the frames of a recording together, in order.
    label : (n,) behaviour of each frame, or None; only cuts blocks finer.
    coverage : of the percentile interval, in (0, 1).

    Returns
    -------
    Interval : without `low` and `high`, and with a reason, where fewer than two blocks hold
        anomalous or fewer than two hold normal frames: one bout cannot say how bouts vary.

    Notes
    -----
    Resampling is hierarchical: each resample draws the blocks once, draws as many seeds as there
    are with replacement, and takes the mean AUC of those seeds on those blocks. With one seed only
    the blocks vary. With few seeds, say three, the spread between seeds is understated (by a third
    in variance), so the range is given too.
    """
    scores = np.atleast_2d(np.asarray(score))
    values = [frame_auc(row, anomalous, recording, protocol) for row in scores]
    flags = check_flags(anomalous, len(anomalous))
    blocks = choose_blocks(recording, flags, label, max_block)
    n_blocks = int(blocks.code.max()) + 1 if len(flags) else 0
    n_anomalous = len(np.unique(blocks.code[flags]))
    reason = values[0].reason or _too_few(blocks, flags)
    low = high = float("nan")
    if reason is None:
        counts = resample_counts(n_blocks, n_samples, seed)
        draws = _seed_draws(scores, flags, recording, blocks, counts, protocol, seed + 1)
        low, high = _percentiles(draws, coverage)
    each = [value.value for value in values]
    return Interval(
        float(np.mean(each)),
        low,
        high,
        coverage,
        float(np.min(each)),
        float(np.max(each)),
        len(each),
        n_blocks,
        n_anomalous,
        blocks.unit,
        reason,
    )


def paired_difference(
    score_a: np.ndarray,
    score_b: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    protocol: Protocol = "pooled",
    n_samples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
    max_block: int = MAX_BLOCK,
) -> Difference:
    """Compare two models on the same frames, resampling the same blocks for both.

    Parameters
    ----------
    score_a, score_b : (n,) float, or (n_seeds, n) with a row per training seed (the numbers of
        seeds may differ); seeds are resampled independently for each model.

    Returns
    -------
    Difference : AUC of a minus AUC of b, its interval, and the share of resamples where a is above
        b (equal ones counting half). An interval without 0 is what "better" means in this study.
    """
    a, b = np.atleast_2d(np.asarray(score_a)), np.atleast_2d(np.asarray(score_b))
    if a.shape[1:] != b.shape[1:]:
        raise InputError(
            f"The models to compare were scored on {a.shape[1]} and {b.shape[1]} frames; "
            "compare them on the same frames."
        )
    means = [
        np.mean([frame_auc(row, anomalous, recording, protocol).value for row in rows])
        for rows in (a, b)
    ]
    flags = check_flags(anomalous, len(anomalous))
    blocks = choose_blocks(recording, flags, label, max_block)
    n_blocks = int(blocks.code.max()) + 1 if len(flags) else 0
    reason = frame_auc(a[0], flags, recording, protocol).reason or _too_few(blocks, flags)
    low = high = probability = float("nan")
    if reason is None:
        counts = resample_counts(n_blocks, n_samples, seed)
        draws = [
            _seed_draws(rows, flags, recording, blocks, counts, protocol, seed + offset)
            for offset, rows in enumerate((a, b), start=1)
        ]
        difference = draws[0] - draws[1]
        difference = difference[np.isfinite(difference)]
        low, high = _percentiles(difference, coverage)
        probability = float(np.mean(difference > 0) + np.mean(difference == 0) / 2)
    return Difference(
        float(means[0] - means[1]), low, high, coverage, probability, n_blocks, blocks.unit, reason
    )


def _too_few(blocks: Blocks, flags: np.ndarray) -> str | None:
    """Say which class lies in fewer than two blocks, if one does."""
    for name, of in (("anomalous", flags), ("normal", ~flags)):
        if len(np.unique(blocks.code[of])) < 2:
            return f"all {name} frames lie in one block, so their spread is unknown"
    return None


def _seed_draws(
    scores: Sequence[np.ndarray],
    flags: np.ndarray,
    recording: np.ndarray | None,
    blocks: Blocks,
    counts: np.ndarray,
    protocol: Protocol,
    seed: int,
) -> np.ndarray:
    """Mean AUC over resampled seeds for each row of `counts`, (n_samples,) float64."""
    each = np.array(
        [resample_auc(row, flags, recording, blocks, counts, protocol) for row in scores]
    )
    chosen = np.random.default_rng(seed).integers(len(each), size=(counts.shape[0], len(each)))
    return np.mean(each.T[np.arange(counts.shape[0])[:, None], chosen], axis=1)


def _percentiles(draws: np.ndarray, coverage: float) -> tuple[float, float]:
    """Percentile interval of the defined draws."""
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def roc_band(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    protocol: Protocol = "pooled",
    n_samples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
    max_block: int = MAX_BLOCK,
) -> RocBand | None:
    """Compute a pointwise bootstrap band around a ROC, at fixed false positive rates.

    Same arguments as `bootstrap_interval`; with several seeds each resample averages the curves of
    the drawn seeds vertically (Fawcett 2006). The protocol is 'pooled' or 'per_video_scaled'. None
    where there is no interval. The band is pointwise: a whole curve leaves it more often.
    """
    rows = [check_score(row) for row in np.atleast_2d(np.asarray(score))]
    flags = check_flags(anomalous, len(anomalous))
    if protocol == "macro":
        raise InputError("A macro AUC has no ROC of its own; use pooled or per_video_scaled.")
    blocks = choose_blocks(recording, flags, label, max_block)
    if frame_auc(rows[0], flags, recording, protocol).reason or _too_few(blocks, flags):
        return None
    codes = recording_codes(recording, len(flags))
    if protocol == "per_video_scaled":
        rows = [scale_per_recording(row, codes) for row in rows]
    counts = resample_counts(int(blocks.code.max()) + 1, n_samples, seed)
    curves = np.stack([_resampled_curves(row, flags, blocks, counts) for row in rows])
    chosen = np.random.default_rng(seed + 1).integers(len(rows), size=(n_samples, len(rows)))
    curves = np.mean(curves[chosen, np.arange(n_samples)[:, None]], axis=1)
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(curves, [tail, 1 - tail], axis=0)
    return RocBand(np.linspace(0, 1, BAND_POINTS), low, high)


def _resampled_curves(
    score: np.ndarray, flags: np.ndarray, blocks: Blocks, counts: np.ndarray
) -> np.ndarray:
    """True positive rate of each resample at the band's points, (n_samples, BAND_POINTS)."""
    levels = np.unique(np.quantile(score, np.linspace(0, 1, BAND_LEVELS)))
    level = np.searchsorted(levels, score, side="right") - 1  # the highest level a frame reaches
    rates = []
    for of in (flags, ~flags):
        table = np.zeros((counts.shape[1], len(levels)))
        np.add.at(table, (blocks.code[of], level[of]), 1)
        reached = counts @ np.cumsum(table[:, ::-1], axis=1)  # thresholds descending
        with np.errstate(invalid="ignore"):
            rates.append(np.hstack([np.zeros((len(counts), 1)), reached / reached[:, -1:]]))
    at = np.linspace(0, 1, BAND_POINTS)
    true, false = rates
    return np.array([np.interp(at, x, y) for x, y in zip(false, true, strict=True)])
