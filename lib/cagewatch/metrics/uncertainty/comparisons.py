"""Comparisons of detectors: differences of AUCs, corrected for how many there are.

Two detectors are compared on the same frames, so the luck of the recordings cancels. A table of
many comparisons finds some "significant" by chance; Holm's correction (Scandinavian Journal of
Statistics 6, 1979) keeps the chance of one false claim in the whole table at 5 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import check_flags
from cagewatch.metrics.roc import Protocol
from cagewatch.metrics.uncertainty.intervals import spread_of, why_no_spread
from cagewatch.metrics.uncertainty.jackknife import Blocks, Estimate, choose_blocks, estimate_auc

BOTH: tuple[Protocol, ...] = ("pooled", "per_video_scaled")


def _rows_of(name: str, scores: np.ndarray, n_frames: int) -> np.ndarray:
    rows = np.atleast_2d(np.asarray(scores))
    if rows.shape[1] != n_frames:
        raise InputError(
            f"The scores of {name} are of {rows.shape[1]} frames, but there are {n_frames}; "
            "compare detectors on the same frames."
        )
    return rows


def _test_difference(a: Estimate, b: Estimate, blocks: Blocks, coverage: float) -> dict[str, Any]:
    """The columns of `compare_rows` that two estimates give, before Holm's correction."""
    value = float(np.mean(a.seeds) - np.mean(b.seeds))
    left_out = a.left_out - b.left_out
    reason = a.reason or b.reason or why_no_spread(blocks, left_out)
    found = {"difference": value, **dict.fromkeys(("low", "high", "p", "df"), np.nan)}
    if not reason:
        variance, df = map(float, spread_of(blocks, left_out, a.seeds, b.seeds))
        error = float(np.sqrt(variance))
        reach = float(stats.t.ppf((1 + coverage) / 2, df)) * error
        low, high = (float(np.clip(value + sign * reach, -1, 1)) for sign in (-1, 1))
        p = 2 * float(stats.t.sf(abs(value) / error, df)) if error > 0 else float(value == 0)
        found |= {"low": low, "high": high, "p": p, "df": df}
    return found | {"n_blocks": blocks.count, "unit": blocks.unit, "reason": reason}


def compare_rows(
    scores: Mapping[str, np.ndarray],
    anomalous: np.ndarray,
    recording: np.ndarray | None = None,
    label: np.ndarray | None = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    protocols: Iterable[Protocol] = BOTH,
    coverage: float = 0.95,
) -> pd.DataFrame:
    """Compare the detectors of one table with each other.

    Parameters
    ----------
    scores : mapping of str to ndarray, shape (n_frames,) or (n_seeds, n_frames)
        Detector -> scores, all on the same frames.
    pairs : iterable of (str, str), optional
        Which to compare; all with all by default.

    Returns
    -------
    table : DataFrame
        A row per pair and protocol: ``first``, ``second``, ``protocol``, ``difference`` (AUC of the
        first minus that of the second) with ``low`` and ``high``, ``p`` (two-sided), ``p_holm``
        (over the ``n_comparisons`` of a protocol), ``df``, ``n_blocks``, ``unit``, ``coverage``,
        ``reason`` (why interval and p are NaN, where they cannot be known).

    Raises
    ------
    InputError
        If two detectors were scored on different numbers of frames.
    """
    flags = check_flags(anomalous, len(anomalous))
    rows = {name: _rows_of(repr(name), values, len(flags)) for name, values in scores.items()}
    pairs = list(combinations(rows, 2)) if pairs is None else list(pairs)
    blocks = choose_blocks(flags, recording, label)
    found = []
    for protocol in protocols:
        own = {
            name: estimate_auc(rows[name], flags, recording, blocks, protocol)
            for name in dict.fromkeys(name for pair in pairs for name in pair)
        }
        for first, second in pairs:
            pair = {"first": first, "second": second, "protocol": protocol}
            tested = _test_difference(own[first], own[second], blocks, coverage)
            found.append(pair | tested | {"coverage": coverage})
    return correct_for_number(pd.DataFrame(found))


def correct_for_number(table: pd.DataFrame) -> pd.DataFrame:
    """Fill ``p_holm`` and ``n_comparisons``: Holm's correction over all comparisons of a protocol.

    Join the tables of several targets first and correct what is joined. Each protocol is a family
    of its own, since a claim needs both.
    """
    from statsmodels.stats.multitest import multipletests  # a second to load

    corrected, number = pd.Series(np.nan, table.index), pd.Series(0, table.index)
    for _, p in table["p"].dropna().groupby(table["protocol"]):
        # It collects the process's garbage each time, which takes longer than all else here.
        corrected[p.index] = p if len(p) == 1 else multipletests(p, method="holm")[1]
        number[p.index] = len(p)
    return table.assign(p_holm=corrected, n_comparisons=number)
