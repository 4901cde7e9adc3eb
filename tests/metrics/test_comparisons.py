"""Comparisons: which words a difference earns."""

from __future__ import annotations

import pytest

from cagewatch import metrics

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0004, 0.147, "no difference shown"),  # printed as [0.000, 0.147], which touches 0
        (-0.147, -0.0004, "no difference shown"),
        (0.0006, 0.147, "better"),
        (-0.147, -0.0006, "worse"),
        (-0.1, 0.1, "no difference shown"),
        (NAN, NAN, "undefined"),
    ],
)
def test_an_interval_that_touches_zero_as_printed_decides_nothing(low, high, words) -> None:
    printed = metrics.format_auc(0.07, low, high)
    assert metrics.verdict(low, high) == words
    assert ("0.000" in printed) <= (words == "no difference shown")
