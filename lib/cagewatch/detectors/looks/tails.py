"""Tail probabilities: how seldom a score as high as this one is among normal scores.

Below the 99th percentile they are counted. Beyond it a generalised Pareto distribution is fitted to
what exceeds it (Pickands 1975; Siffer and others 2017, "Anomaly detection in streams with extreme
value theory"), so that scores higher than all that were seen keep their order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import genpareto

from cagewatch.errors import InputError

TAIL = 0.01  # share of normal scores that the fitted tail stands for
QUANTILES = 1001  # kept of the normal scores
FEWEST = 20  # excesses that a shape is fitted to; with fewer the tail is exponential


def fit_tail(normal: np.ndarray) -> dict[str, np.ndarray]:
    """Describe normal scores, (n,) float, of frames that the detector was not fitted on.

    'quantiles' (1001,), sorted; 'pareto' (3,): where the tail begins, its shape (at least 0, so
    that no score is impossible) and its scale. InputError if all scores are the same.
    """
    quantiles = np.quantile(normal, np.linspace(0, 1, QUANTILES))
    start = float(np.quantile(normal, 1 - TAIL))
    excess = normal[normal > start] - start
    if quantiles[0] == quantiles[-1]:
        raise InputError("it gives all normal frames the same score")
    # Where the highest scores are all the same, the tail is as wide as what lies below it.
    shape, scale = 0.0, float(excess.mean() if len(excess) else start - quantiles[0])
    if len(excess) >= FEWEST:
        fitted = genpareto.fit(excess / scale, floc=0)
        if fitted[0] > 0:
            shape, scale = min(float(fitted[0]), 1.0), scale * float(fitted[2])
    return {"quantiles": quantiles, "pareto": np.array([start, shape, scale])}


def surprise(scores: np.ndarray, tail: Mapping[str, np.ndarray]) -> np.ndarray:
    """How rare scores are: minus log10 of the share of normal frames with such a score or higher.

    (n,) float64, at least 0; 2 is one normal frame in a hundred, 3 one in a thousand. `tail` is
    that of `fit_tail`.
    """
    start, shape, scale = tail["pareto"]
    # Half of the normal scores that are equal count as higher.
    below = sum(np.searchsorted(tail["quantiles"], scores, side) for side in ("left", "right")) / 2
    share = np.clip(1 - below / QUANTILES, TAIL, 1)
    beyond = genpareto.logsf(np.maximum(scores - start, 0), shape, scale=scale) / np.log(10)
    return -np.where(scores > start, np.log10(TAIL) + beyond, np.log10(share))
