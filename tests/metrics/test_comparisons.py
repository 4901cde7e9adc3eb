"""Comparisons: Holm's correction, and which words a difference earns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cagewatch import metrics
from cagewatch.errors import InputError

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
    assert metrics.verdict(low, high, p_holm=0.06) in ("no difference shown", "undefined")
    assert ("0.000" in printed) <= (words == "no difference shown")


def table_of(*rows: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Comparisons (first, second, protocol, difference, p), intervals half as wide as the value."""
    table = pd.DataFrame(rows, columns=["first", "second", "protocol", "difference", "p"])
    half = table["difference"].abs() / 2
    table = table.assign(low=table["difference"] - half, high=table["difference"] + half)
    return metrics.correct_for_number(table.assign(coverage=0.95, reason=None))


def test_holm_corrects_each_protocol_over_all_its_comparisons() -> None:
    pooled = [0.01, 0.04, 0.03, NAN]
    table = table_of(
        *((name, "z", "pooled", 0.1, p) for name, p in zip("abcd", pooled, strict=True)),
        ("a", "z", "per_video_scaled", 0.1, 0.04),
    )
    # By hand (Holm 1979): 3 x 0.01, then 2 x 0.03, then 0.04 raised to the one before.
    np.testing.assert_allclose(table["p_holm"], [0.03, 0.06, 0.06, NAN, 0.04])
    assert table["n_comparisons"].tolist() == [3, 3, 3, 0, 1]


def test_ahead_needs_both_protocols_and_the_correction() -> None:
    table = table_of(
        ("a", "b", "pooled", 0.2, 0.001),
        ("a", "b", "per_video_scaled", 0.1, 0.001),
        ("a", "c", "pooled", 0.2, 0.001),
        ("a", "c", "per_video_scaled", -0.1, 0.001),
        ("b", "c", "pooled", 0.2, 0.04),
        ("b", "c", "per_video_scaled", 0.2, 0.04),
    )
    assert (
        metrics.judge_pair(table, "a", "b") == "better"
        and metrics.judge_pair(table, "b", "a") != "better"
    )
    assert metrics.judge_pair(table, "b", "a") == "worse"
    assert metrics.judge_pair(table, "a", "c") == "no difference shown"  # pooled alone says so
    assert metrics.judge_pair(table, "b", "c") == "better"  # 0.04 is the largest of three: times 1
    assert metrics.judge_pair(table.assign(p_holm=0.06), "a", "b") != "better"
    assert metrics.judge_pair(table, "a", "z") == "undefined"
    assert metrics.find_leader(table) is None


def test_the_sentence_claims_what_the_table_shows_and_no_more() -> None:
    table = table_of(
        ("a", "b", "pooled", 0.2, 0.0001),
        ("a", "b", "per_video_scaled", 0.1, 0.01),
        ("c", "a", "pooled", -0.3, 0.0001),
        ("c", "a", "per_video_scaled", -0.05, 0.02),
        ("b", "c", "pooled", 0.01, 0.9),
        ("b", "c", "per_video_scaled", 0.01, 0.9),
    )
    assert metrics.find_leader(table) == "a"
    said = metrics.describe_lead(table, "a", "bc", str.upper)
    assert said.startswith("A is ahead of B (pooled +0.200 [+0.100, +0.300], p < 0.001, scaled")
    assert "of C (pooled +0.300 [+0.150, +0.450]" in said and "3 comparisons" in said
    level = metrics.describe_lead(table, "b", "c")
    assert "is ahead" not in level and level.count("not shown") == 1
    mixed = metrics.describe_lead(table.assign(p_holm=[0.001, 0.001, 0.001, 0.06, 1, 1]), "a", "bc")
    assert "is ahead of b (" in mixed and "not shown to be ahead of c (" in mixed


def test_no_more_than_one_table_in_twenty_makes_a_false_claim() -> None:
    """Six detectors that all know the same: in a third of tables a p of 15 is below 0.05."""
    generator = np.random.default_rng(0)
    false = uncorrected = 0
    recording = np.repeat(np.arange(8), 20)
    anomalous = np.tile(np.arange(20) % 2 == 0, 8)
    for _ in range(15):
        scores = {name: generator.normal(size=160) + anomalous for name in "abcdef"}
        table = metrics.compare_rows(scores, anomalous, recording, protocols=["pooled"])
        false += (table["p_holm"] < 0.05).any()
        uncorrected += (table["p"] < 0.05).any()
    assert len(table) == 15 and uncorrected > 3 and false <= 3


def test_rows_on_other_frames_are_refused_and_undefined_ones_say_why() -> None:
    flags = np.arange(40) % 2 == 0
    with pytest.raises(InputError, match="'b' are of 3 frames"):
        metrics.compare_rows({"a": np.zeros(40), "b": np.zeros(3)}, flags)
    scores = {"a": np.arange(40.0), "b": -np.arange(40.0)}
    table = metrics.compare_rows(scores, np.zeros(40, bool))
    assert table["reason"].eq("no frame is anomalous").all() and table["p_holm"].isna().all()
    assert "no frame is anomalous" in metrics.describe_lead(table, "a", "b")
