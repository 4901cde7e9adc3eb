"""AUC over pairs of frames of the same recording, for scores that do not compare across recordings.

Where each recording is scored by a detector of its own, as in cross-validation, raw scores of two
recordings must not be put in one order, and scaling them uses what only the whole recording knows.
Pairs within a recording need neither. Intervals are a percentile bootstrap (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993) over bouts, drawn anew within each recording.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.metrics.inputs import check_flags, check_score, number_runs, recording_codes
from cagewatch.metrics.uncertainty.jackknife import MAX_BLOCK


class Pairs(NamedTuple):
    """Pairs of an anomalous and a normal frame of one recording, counted by bout.

    Attributes
    ----------
    wins : (n_seeds, n_bouts, n_bouts) float64; ``[s, i, j]`` counts the pairs of an anomalous frame
        of bout i and a normal frame of bout j that seed s puts in the right order, ties half.
    totals : (n_bouts, n_bouts) float64, all such pairs; 0 for bouts of different recordings.
    recording : (n_bouts,) int64, the recording of each bout, from 0 upwards.
    """

    wins: np.ndarray
    totals: np.ndarray
    recording: np.ndarray


def count_pairs(
    scores: np.ndarray, anomalous: np.ndarray, recording: np.ndarray, label: np.ndarray
) -> Pairs:
    """Count the pairs that each seed's scores put in the right order.

    `scores` is (n_frames,) or (n_seeds, n_frames), higher is more anomalous; the frames of a
    recording are together, in order. A bout is a run of one label in one recording; one longer than
    `MAX_BLOCK` is cut into equal parts.
    """
    rows = [check_score(row) for row in np.atleast_2d(np.asarray(scores))]
    flags = check_flags(anomalous, len(rows[0]))
    codes = recording_codes(recording, len(flags))
    kinds = pd.factorize(np.asarray(label), use_na_sentinel=False)[0]
    bout = number_runs(codes, kinds, MAX_BLOCK)
    n_bouts = int(bout[-1]) + 1
    owner = codes[np.unique(bout, return_index=True)[1]]
    wins, totals = np.zeros((len(rows), n_bouts, n_bouts)), np.zeros((n_bouts, n_bouts))
    for code in np.unique(codes):
        positive = np.flatnonzero((codes == code) & flags)
        negative = np.flatnonzero((codes == code) & ~flags)
        if not len(positive) or not len(negative):
            continue
        cells = np.ix_(np.unique(bout[positive]), np.unique(bout[negative]))
        totals[cells] = _add_up(np.ones((len(positive), len(negative))), bout, positive, negative)
        for number, row in enumerate(rows):
            order = np.sign(row[positive][:, None] - row[negative])
            wins[number][cells] = _add_up((order + 1) / 2, bout, positive, negative)
    return Pairs(wins, totals, owner)


def _add_up(
    pairs: np.ndarray, bout: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> np.ndarray:
    """Sums over the frames of each bout, of the rows and of the columns."""
    rows, columns = (np.flatnonzero(np.diff(bout[of], prepend=-1)) for of in (positive, negative))
    return np.add.reduceat(np.add.reduceat(pairs, rows, axis=0), columns, axis=1)


def within_auc(pairs: Pairs) -> np.ndarray:
    """The share of pairs in the right order, by seed: (n_seeds,) float64; NaN without a pair."""
    total = pairs.totals.sum()
    return pairs.wins.sum(axis=(1, 2)) / total if total else np.full(len(pairs.wins), np.nan)


def resample_within(pairs: Pairs, n_samples: int = 1000, seed: int = 0) -> np.ndarray:
    """The mean AUC over seeds of each resample: (n_samples,) float64, NaN without a pair.

    Bouts are drawn with replacement within each recording, as many as it has, and likewise as many
    seeds as there are. The same seed draws the same bouts, which is what pairs two detectors.
    """
    draw = np.random.default_rng(seed)
    counts = np.zeros((n_samples, len(pairs.recording)))
    for code in np.unique(pairs.recording):
        own = np.flatnonzero(pairs.recording == code)
        counts[:, own] = draw.multinomial(len(own), np.full(len(own), 1 / len(own)), n_samples)
    n_seeds = len(pairs.wins)
    taken = draw.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), n_samples) / n_seeds
    right = np.stack([np.sum((counts @ wins) * counts, axis=1) for wins in pairs.wins], axis=1)
    total = np.sum((counts @ pairs.totals) * counts, axis=1)
    nothing = np.full(n_samples, np.nan)
    return np.divide(np.sum(right * taken, axis=1), total, out=nothing, where=total > 0)


def percentile_interval(draws: np.ndarray, coverage: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the defined draws; NaN, NaN if there are none."""
    if not np.isfinite(draws).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)
