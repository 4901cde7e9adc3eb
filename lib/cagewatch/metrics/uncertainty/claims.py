"""Claims: which words a comparison of detectors earns, written from its numbers.

A detector is called ahead only if that holds for pooled and for scaled scores after Holm's
correction, since either protocol alone can favour a detector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from cagewatch.metrics.uncertainty.comparisons import BOTH

DIGITS = 3  # of an AUC, wherever one is printed
PROTOCOL_WORDS = {"pooled": "pooled", "per_video_scaled": "scaled per recording", "macro": "macro"}


def verdict(low: float, high: float, p_holm: float = 0.0, coverage: float = 0.95) -> str:
    """Say what a difference means for 'the first is better', under one protocol.

    The ends of the interval count as printed, so a reader who sees ``[0.000, 0.147]`` is never told
    "better".

    Parameters
    ----------
    low, high : float
        Interval of the AUC of the first minus that of the second; NaN if there is none.
    p_holm : float
        Corrected for the number of comparisons; it must be below 1 - `coverage`.

    Returns
    -------
    words : {'better', 'worse', 'no difference shown', 'undefined'}
    """
    low, high = round(float(low), DIGITS), round(float(high), DIGITS)
    if not low <= high:
        return "undefined"
    if p_holm < 1 - coverage:
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
    return "no difference shown"


def judge_pair(table: pd.DataFrame, first: str, second: str) -> str:
    """Say what all protocols together mean for 'the first is better'; words of `verdict`.

    `table` is that of `compare_rows`, with the pair in either order. 'better' and 'worse' need both
    pooled and scaled scores to say so.
    """
    rows = rows_between(table, first, second)
    found = {verdict(row.low, row.high, row.p_holm, row.coverage) for row in rows.itertuples()}
    if len(found) == 1 and set(BOTH) <= set(rows["protocol"]):
        return found.pop()
    return "undefined" if found <= {"undefined"} else "no difference shown"


def find_leader(table: pd.DataFrame) -> str | None:
    """Name the detector that is ahead of every other one in the table; None if there is none."""
    names = pd.unique(pd.concat([table["first"], table["second"]]))
    for name in names:
        if all(judge_pair(table, name, other) == "better" for other in names if other != name):
            return str(name)
    return None


def describe_lead(
    table: pd.DataFrame, first: str, others: Iterable[str], show: Callable[[str], str] = str
) -> str:
    """Write the sentence that a table of comparisons allows.

    Parameters
    ----------
    table : DataFrame
        Of `compare_rows`.
    first : str
        The detector the sentence is about.
    others : iterable of str
        Whom it is compared with.
    show : callable
        Turns a detector's name into what readers see.

    Returns
    -------
    sentence : str
        "... is ahead of ..." only where `judge_pair` says "better" against each of `others`.
    """
    ahead, level = [], []
    for other in others:
        told = f"{show(other)} ({_describe_rows(rows_between(table, first, other))})"
        (ahead if judge_pair(table, first, other) == "better" else level).append(told)
    count = int(table["n_comparisons"].max())
    parts = []
    if ahead:
        parts.append(f"is ahead of {'; of '.join(ahead)}")
    if level:
        parts.append(f"is not shown to be ahead of {'; of '.join(level)}")
    number = "one comparison" if count == 1 else f"{count} comparisons"
    return f"{show(first)} {', and '.join(parts)}. p after Holm's correction for {number}."


def format_p(p: float) -> str:
    """Write a p as tables and sentences show it: three digits, ``< 0.001``, or a dash."""
    if not np.isfinite(p):
        return "–"
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def rows_between(table: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """The rows of a pair, turned so that `first` comes first."""
    there = table[(table["first"] == first) & (table["second"] == second)]
    back = table[(table["first"] == second) & (table["second"] == first)]
    turned = {"difference": -back["difference"], "low": -back["high"], "high": -back["low"]}
    turned = back.assign(first=first, second=second, **turned)
    return there if back.empty else turned if there.empty else pd.concat([there, turned])


def _describe_rows(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "not compared"
    return ", ".join(
        f"{PROTOCOL_WORDS[row.protocol]} {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], "
        f"p {format_p(row.p_holm)}"
        if np.isfinite(row.low)
        else f"{PROTOCOL_WORDS[row.protocol]} {row.difference:+.3f}, {row.reason}"
        for row in rows.itertuples()
    )
