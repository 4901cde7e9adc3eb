"""Intervals: the jackknife against leaving out by hand, coverage by simulation, seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks import coverage
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from cagewatch import metrics


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
@pytest.mark.parametrize("n_recordings", [1, 3, 12])
def test_leaving_out_equals_computing_again_without(protocol: str, n_recordings: int) -> None:
    generator = np.random.default_rng(3)
    recording = np.repeat(np.arange(n_recordings), 240 // n_recordings)
    anomalous = np.repeat(generator.random(24) < 0.4, 10)
    score = np.round(generator.normal(size=240) + anomalous, 1)
    blocks = metrics.choose_blocks(anomalous, recording, max_block=7)
    assert blocks.unit == ("bouts" if n_recordings == 1 else "recordings")
    found = metrics.estimate_auc(score, anomalous, recording, blocks, protocol)
    assert found.seeds == metrics.frame_auc(score, anomalous, recording, protocol).value
    if protocol == "per_video_scaled":
        score, protocol = metrics.scale_per_recording(score, recording), "pooled"
    for number, value in enumerate(found.left_out):
        kept = blocks.code != number
        # A recording without both classes has no AUC of its own, so leaving it out says nothing.
        if (
            protocol == "macro"
            and 0 < anomalous[~kept].sum() < np.sum(~kept)
            or protocol != "macro"
        ):
            again = metrics.frame_auc(score[kept], anomalous[kept], recording[kept], protocol)
            np.testing.assert_allclose(value, again.value, rtol=1e-12)


@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 4)), min_size=2, max_size=50
    )
)
def test_leaving_out_holds_with_ties_and_missing_classes(rows) -> None:
    score, flags, block = (np.array(column) for column in zip(*rows, strict=True))
    block = np.unique(np.sort(block), return_inverse=True)[1]
    for number, value in enumerate(metrics.leave_one_out(score, flags, block)):
        kept = block != number
        if 0 < flags[kept].sum() < kept.sum():
            assert value == pytest.approx(reference.roc_auc_score(flags[kept], score[kept]))
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_intervals_cover_as_often_as_they_say_though_recordings_differ(spread: float) -> None:
    """A bootstrap over bouts covers 95, 81 and 60 % here: see docs/intervals.md."""
    found = coverage.simulate(spread, n_recordings=12, n_runs=300, seed=1)
    tolerance = 2.6 * np.sqrt(0.95 * 0.05 / 300)  # one false alarm in a hundred, at a right 95 %
    for kind in ("auc", "difference"):
        assert found[f"jackknife, {kind}"] == pytest.approx(0.95, abs=tolerance)


def paired_difference(a, b, anomalous, recording) -> pd.Series:
    """The one row of a table of one comparison."""
    scores = {"a": a, "b": b}
    return metrics.compare_rows(scores, anomalous, recording, protocols=["pooled"]).iloc[0]


def test_seeds_enter_by_the_variance_of_their_mean() -> None:
    """Where recordings do not differ, the interval of the difference is Student's, by the book."""
    generator = np.random.default_rng(0)
    recording = np.repeat(np.arange(6), 40)
    anomalous = np.tile(np.repeat([False, True], 20), 6)
    pattern = np.tile(np.sort(generator.normal(size=40)), 6)  # every recording the same
    seeds = np.stack([pattern + shift * anomalous for shift in (-1.5, 0.3, -0.9)])
    other = pattern[None] * np.where(anomalous, -1, 1)
    found = paired_difference(seeds, other, anomalous, recording)
    each = [metrics.compute_auc(row, anomalous) for row in seeds]
    book = stats.ttest_1samp(each, metrics.compute_auc(other[0], anomalous))
    assert found.df == pytest.approx(2) and found.p == pytest.approx(book.pvalue)
    low, high = book.confidence_interval()
    offset = metrics.compute_auc(other[0], anomalous)
    assert found.low == pytest.approx(max(-1, low - offset))
    assert found.high == pytest.approx(min(1, high - offset))


def test_two_seeds_are_no_proof_and_one_seed_is_said() -> None:
    score, anomalous, recording = make_scores(12, 0)
    two = metrics.auc_interval(np.stack([score, score + anomalous]), anomalous, recording)
    one = metrics.auc_interval(score, anomalous, recording)
    same = metrics.auc_interval(np.stack([score] * 3), anomalous, recording)
    assert two.high - two.low > two.maximum - two.minimum  # never the range of two
    assert 1 <= two.df < one.df == 11
    assert (same.low, same.high) == pytest.approx((one.low, one.high))
    assert "one seed" in metrics.describe_interval(one)
    assert "2 seeds" in metrics.describe_interval(two)


def make_scores(n_recordings: int, seed: int, n_bouts: int = 20) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    anomalous = np.repeat(np.arange(n_recordings * n_bouts) % 2 == 0, 10)
    score = np.repeat(generator.normal(size=n_recordings * n_bouts), 10) + 1.5 * anomalous
    return score, anomalous, np.repeat(np.arange(n_recordings), n_bouts * 10)


def test_the_interval_says_what_it_rests_on() -> None:
    one = metrics.auc_interval(*make_scores(1, 0))
    assert one.unit == "bouts" and one.n_blocks == 20
    assert "does not say how another recording would differ" in metrics.describe_interval(one)
    two = metrics.auc_interval(*make_scores(2, 0))
    assert two.unit == "recordings" and two.df == 1
    assert "another recording" not in metrics.describe_interval(two)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(metrics.PROTOCOLS))
def test_an_interval_holds_its_value_and_knows_only_the_order(seed: int, protocol: str) -> None:
    score, anomalous, recording = make_scores(4, seed, n_bouts=6)
    found = metrics.auc_interval(score, anomalous, recording, protocol=protocol)
    if found.reason:
        assert np.isnan(found.low) and found.value in (0, 1)
        return
    assert 0 < found.low <= found.value <= found.high < 1
    flipped = metrics.auc_interval(-score, anomalous, recording, protocol=protocol)
    np.testing.assert_allclose(
        [flipped.value, flipped.low, flipped.high], [1 - found.value, 1 - found.high, 1 - found.low]
    )
    wide = metrics.auc_interval(score, anomalous, recording, protocol=protocol, coverage=0.99)
    assert wide.low <= found.low and wide.high >= found.high


def test_one_bout_or_a_faultless_order_gives_no_interval_and_says_why() -> None:
    anomalous = np.arange(100) // 10 == 4
    one = metrics.auc_interval(np.sin(np.arange(100.0)), anomalous)
    assert np.isnan(one.low) and np.isnan(one.high)
    assert "anomalous" in one.reason and np.isfinite(one.value)
    score, anomalous, recording = make_scores(5, 0)
    faultless = metrics.auc_interval(anomalous.astype(float), anomalous, recording)
    assert faultless.value == 1 and np.isnan(faultless.low) and "right order" in faultless.reason


def test_blocks_are_runs_of_one_label_within_a_recording_and_not_too_long() -> None:
    recording = np.array(["a"] * 7 + ["b"] * 5)
    label = np.array(list("xxxxxyy") + list("yyyyz"))
    blocks = metrics.choose_blocks(label == "x", recording, label, max_block=3)
    assert blocks.unit == "bouts"  # only one recording holds x
    assert blocks.code.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert (blocks.count, blocks.anomalous, blocks.normal) == (6, 2, 4)


def test_paired_difference_of_equal_better_and_worse_models() -> None:
    weak, anomalous, recording = make_scores(8, 1)
    strong = weak + 1.5 * anomalous
    same = paired_difference(weak, weak, anomalous, recording)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    better = paired_difference(strong, weak, anomalous, recording)
    worse = paired_difference(weak, strong, anomalous, recording)
    assert better.low > 0 and better.p < 0.001
    assert (worse.difference, worse.low, worse.high) == (
        -better.difference,
        -better.high,
        -better.low,
    )
    assert worse.p == better.p
    # Two models share their recordings' luck: surer than their own intervals suggest.
    own = [metrics.auc_interval(score, anomalous, recording) for score in (strong, weak)]
    assert better.difference == pytest.approx(own[0].value - own[1].value)
    assert better.high - better.low < sum(interval.high - interval.low for interval in own)


def test_roc_band_holds_the_curve_and_shrinks_with_more_recordings() -> None:
    width = []
    for n_recordings in (5, 80):
        score, anomalous, recording = make_scores(n_recordings, 5)
        band = metrics.roc_band(score, anomalous, recording)
        roc = metrics.compute_roc(score, anomalous)
        curve = np.interp(band.false_positive_rate, roc.false_positive_rate, roc.true_positive_rate)
        inner = slice(10, 90)  # at a step of the curve, interpolation may leave the band by a hair
        assert np.all(band.low[inner] <= curve[inner] + 0.1)
        assert np.all(band.high[inner] >= curve[inner] - 0.1)
        width.append(np.mean(band.high - band.low))
    assert width[1] < width[0] / 2
    assert metrics.roc_band(np.arange(9.0), np.arange(9) > 5) is None
    seeds = metrics.roc_band(np.stack([score, score]), anomalous, recording)
    np.testing.assert_allclose(seeds.low, band.low)
