"""Comparisons of detectors: what a difference of two AUCs says, and what it does not."""

from __future__ import annotations

DIGITS = 3  # of an AUC, wherever one is printed


def verdict(low: float, high: float) -> str:
    """Say what an interval of a difference means for 'the first is better'.

    The ends count as printed, so a reader who sees ``[0.000, 0.147]`` is never told "better".

    Parameters
    ----------
    low, high : float
        Interval of the AUC of the first minus that of the second; NaN if there is none.

    Returns
    -------
    words : {'better', 'worse', 'no difference shown', 'undefined'}
    """
    low, high = round(float(low), DIGITS), round(float(high), DIGITS)
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "no difference shown" if low <= high else "undefined"
