"""Groups compared by animal, not by event: a permutation test, an effect size, an interval.

Alarms of one animal are not independent of each other, so an animal counts once: by its alarms an
hour, and by its share of time in alarm, over all that was watched of it. Under the null hypothesis
the animals are exchangeable between groups, which is all that the test assumes; with at most 9999
ways to deal the animals out it is exact.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

FEW = 5  # animals of a group, under which there is a warning
RESAMPLES = 9999
MEASURES = {"rate": "alarms an hour", "share": "share of time in alarm"}


class Comparison(NamedTuple):
    """The second group against the first.

    `difference` is that of the means over animals, with Welch's 95 % interval from `low` to `high`;
    `effect` is Hedges' g; `p` is two-sided, of the permutation test, and `p_holm` corrected for all
    pairs of groups. NaN where a group has fewer than two animals.
    """

    measure: str
    first: str
    second: str
    animals_first: int
    animals_second: int
    mean_first: float
    mean_second: float
    difference: float
    low: float
    high: float
    effect: float
    p: float
    p_holm: float
    warning: str


def compare_groups(animals: pd.DataFrame, measure: str = "rate") -> list[Comparison]:
    """Compare every two groups of animals.

    Parameters
    ----------
    animals : DataFrame
        One row an animal, with group and the measure; without a group it is left out.
    measure : str
        A column.

    Returns
    -------
    list of Comparison
        Empty with fewer than two groups.
    """
    named = animals[animals["group"] != ""]
    values = {name: own[measure].to_numpy(float) for name, own in named.groupby("group")}
    pairs = list(combinations(values, 2))
    tested = [compare_two(values[one], values[other]) for one, other in pairs]
    p = np.array([result[-1] for result in tested])
    corrected, known = np.full(len(p), np.nan), ~np.isnan(p)
    if known.any():
        corrected[known] = multipletests(p[known], method="holm")[1]
    return [
        Comparison(
            measure, one, other, len(values[one]), len(values[other]), values[one].mean(),
            values[other].mean(), *result, float(p_holm),
            warn_of_few(one, len(values[one]), other, len(values[other])),
        )
        for (one, other), result, p_holm in zip(pairs, tested, corrected, strict=True)
    ]  # fmt: skip


def compare_two(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float, float, float]:
    """Difference of means, its interval, Hedges' g and p; all of other minus one."""
    difference = float(other.mean() - one.mean())
    n, m = len(one), len(other)
    if min(n, m) < 2:
        return (difference, *[np.nan] * 4)

    def shift(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return y.mean(axis=axis) - x.mean(axis=axis)

    pooled = np.sqrt(((n - 1) * one.var(ddof=1) + (m - 1) * other.var(ddof=1)) / (n + m - 2))
    if not pooled > 0:  # nothing differs within a group: no interval, no effect in such units
        low = high = effect = np.nan
    else:
        low, high = stats.ttest_ind(other, one, equal_var=False).confidence_interval()
        effect = difference / pooled * (1 - 3 / (4 * (n + m) - 9))
    found = stats.permutation_test(
        (one, other), shift, vectorized=True, n_resamples=RESAMPLES, rng=np.random.default_rng(0)
    )
    return difference, float(low), float(high), float(effect), float(found.pvalue)


def warn_of_few(one: str, n: int, other: str, m: int) -> str:
    """A sentence where a group has fewer than FEW animals; '' otherwise."""
    small = [f"{name} has {count}" for name, count in ((one, n), (other, m)) if count < FEW]
    return f"{' and '.join(small)}: fewer than {FEW} animals prove little." if small else ""
