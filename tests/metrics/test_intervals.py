"""Intervals: an exact bootstrap over bouts, coverage, paired differences, seeds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import metrics as reference

from cagewatch import metrics


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
@pytest.mark.parametrize("n_recordings", [1, 3, 12])
def test_resampled_auc_equals_sorting_each_resample_again(protocol: str, n_recordings: int) -> None:
    generator = np.random.default_rng(3)
    recording = np.repeat(np.arange(n_recordings), 240 // n_recordings)
    anomalous = np.repeat(generator.random(24) < 0.4, 10)
    score = np.round(generator.normal(size=240) + anomalous, 1)
    blocks = metrics.choose_blocks(recording, anomalous, max_block=7)
    assert blocks.unit == ("recordings" if n_recordings == 12 else "bouts")
    counts = metrics.resample_counts(int(blocks.code.max()) + 1, 25, seed=1)
    fast = metrics.resample_auc(score, anomalous, recording, blocks, counts, protocol)
    if protocol == "per_video_scaled":
        score = metrics.scale_per_recording(score, recording)
    for value, count in zip(fast, counts.astype(int), strict=True):
        taken = np.repeat(np.arange(240), count[blocks.code])
        if protocol == "macro":
            own, weight = [], []
            for code in np.unique(recording[taken]):
                of = taken[recording[taken] == code]
                if 0 < anomalous[of].sum() < len(of):
                    own.append(reference.roc_auc_score(anomalous[of], score[of]))
                    by_recording = blocks.unit == "recordings"
                    weight.append(count[code] if by_recording else 1)
            naive = np.average(own, weights=weight) if own else np.nan
        else:
            naive = reference.roc_auc_score(anomalous[taken], score[taken])
        np.testing.assert_allclose(value, naive, rtol=1e-12)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Bouts as blocks, frames within a bout nearly copies: naive intervals would cover a third."""
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(120):
        anomalous = np.repeat(np.arange(60) % 2 == 0, 20)
        level = np.repeat(generator.normal(size=60), 20)
        score = level + anomalous + 0.05 * generator.normal(size=1200)
        interval = metrics.bootstrap_interval(score, anomalous, n_samples=300)
        covered.append(interval.low <= 0.7602 <= interval.high)  # Phi(1 / sqrt(2))
    assert 0.86 <= np.mean(covered) <= 0.99


def test_bootstrap_of_the_papers_test_set_is_fast() -> None:
    generator = np.random.default_rng(0)
    label = np.repeat(generator.integers(0, 8, 560), 100)
    score = generator.normal(size=56_000) + (label == 3)
    start = time.perf_counter()
    interval = metrics.bootstrap_interval(score, label == 3, None, label, n_samples=1000)
    assert time.perf_counter() - start < 3
    assert interval.low < interval.value < interval.high
    assert interval.n_blocks > 400


def test_blocks_are_runs_of_one_label_within_a_recording_and_not_too_long() -> None:
    recording = np.array(["a"] * 7 + ["b"] * 5)
    label = np.array(list("xxxxxyy") + list("yyyyx"))
    blocks = metrics.choose_blocks(recording, label == "x", label, max_block=3)
    assert blocks.code.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    same = metrics.choose_blocks(recording, label == "x", np.full(12, "z"), max_block=3)
    np.testing.assert_array_equal(blocks.code, same.code)


def test_one_bout_gives_no_interval_and_says_why() -> None:
    anomalous = np.arange(100) // 10 == 4
    interval = metrics.bootstrap_interval(np.arange(100.0), anomalous)
    assert np.isnan(interval.low) and np.isnan(interval.high)
    assert "anomalous" in interval.reason and np.isfinite(interval.value)


def test_paired_difference_of_equal_better_and_worse_models() -> None:
    generator = np.random.default_rng(1)
    anomalous = np.repeat(np.arange(40) % 2 == 0, 25)
    noise = np.repeat(generator.normal(size=40), 25)
    weak, strong = noise + anomalous, noise + 3 * anomalous
    same = metrics.paired_difference(weak, weak, anomalous)
    assert (same.value, same.low, same.high, same.probability) == (0, 0, 0, 0.5)
    better = metrics.paired_difference(strong, weak, anomalous)
    worse = metrics.paired_difference(weak, strong, anomalous)
    assert better.low > 0 and better.probability == 1
    assert worse.value == -better.value and worse.high < 0 and worse.probability == 0
    # Two models share their blocks' luck, so they differ more surely than their intervals suggest.
    own = [metrics.bootstrap_interval(score, anomalous) for score in (strong, weak)]
    assert better.value == own[0].value - own[1].value
    assert better.high - better.low < sum(interval.high - interval.low for interval in own)


def test_roc_band_holds_the_curve_and_shrinks_with_more_bouts() -> None:
    generator = np.random.default_rng(5)
    width = []
    for n_bouts in (20, 320):
        anomalous = np.repeat(np.arange(n_bouts) % 2 == 0, 10)
        score = np.repeat(generator.normal(size=n_bouts), 10) + anomalous
        band = metrics.roc_band(score, anomalous, n_samples=400)
        roc = metrics.compute_roc(score, anomalous)
        curve = np.interp(band.false_positive_rate, roc.false_positive_rate, roc.true_positive_rate)
        inner = slice(10, 90)  # at a step of the curve, interpolation may leave the band by a hair
        assert np.all(band.low[inner] <= curve[inner] + 0.1)
        assert np.all(band.high[inner] >= curve[inner] - 0.1)
        width.append(np.mean(band.high - band.low))
    assert width[1] < width[0] / 2
    assert metrics.roc_band(np.arange(9.0), np.arange(9) > 5) is None
    seeds = metrics.roc_band(np.stack([score, score]), anomalous, n_samples=400)
    np.testing.assert_allclose(seeds.low, band.low)


def test_seeds_widen_the_interval_and_are_summarised() -> None:
    generator = np.random.default_rng(2)
    anomalous = np.repeat(np.arange(60) % 2 == 0, 10)
    base = np.repeat(generator.normal(size=60), 10) + anomalous
    seeds = np.stack([base + shift * anomalous for shift in (-0.8, 0.0, 0.8)])
    one, three = (metrics.bootstrap_interval(rows, anomalous) for rows in (seeds[1:2], seeds))
    each = [metrics.compute_auc(row, anomalous) for row in seeds]
    assert (three.minimum, three.maximum, three.n_seeds) == (min(each), max(each), 3)
    assert three.value == pytest.approx(np.mean(each))
    assert three.high - three.low > one.high - one.low
    copies = metrics.bootstrap_interval(np.stack([base] * 3), anomalous)
    assert (copies.low, copies.high) == pytest.approx((one.low, one.high))
