"""Metrics: agreement with scikit-learn, exact bootstrap, known events, published scores."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cagewatch import metrics
from cagewatch.errors import InputError
from cagewatch.params import resolve

# Few distinct values, so that ties are common.
tied = st.integers(-4, 4).map(float)
spread = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
pairs = st.one_of(
    st.lists(st.tuples(tied, st.booleans()), min_size=2, max_size=60),
    st.lists(st.tuples(spread, st.booleans()), min_size=2, max_size=60),
)


def unzip(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    score, anomalous = zip(*rows, strict=True)
    return np.array(score), np.array(anomalous)


def both_classes(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    score, anomalous = unzip(rows)
    assume(0 < anomalous.sum() < len(anomalous))
    return score, anomalous


@given(pairs)
def test_roc_and_auc_equal_scikit_learn(rows) -> None:
    score, anomalous = both_classes(rows)
    for ours, theirs in zip(
        metrics.compute_roc(score, anomalous), reference.roc_curve(anomalous, score), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert metrics.compute_auc(score, anomalous) == reference.roc_auc_score(anomalous, score)
    curve = metrics.compute_precision_recall(score, anomalous)
    area = -np.sum(np.diff(curve.recall) * curve.precision[:-1])
    assert area == pytest.approx(metrics.average_precision(score, anomalous))


@given(pairs)
def test_win_matrix_sums_to_the_auc_whatever_the_blocks(rows) -> None:
    score, anomalous = both_classes(rows)
    block = np.arange(len(score)) % 3
    wins = metrics.win_matrix(score, anomalous, block)
    n_pairs = anomalous.sum() * (~anomalous).sum()
    assert wins.sum() / n_pairs == pytest.approx(reference.roc_auc_score(anomalous, score))
    brute = np.zeros_like(wins)
    for i in np.flatnonzero(anomalous):
        for j in np.flatnonzero(~anomalous):
            brute[block[i], block[j]] += (score[i] > score[j]) + (score[i] == score[j]) / 2
    np.testing.assert_array_equal(wins, brute)


@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=60))
def test_auc_knows_only_the_order_and_flips_with_the_labels(rows) -> None:
    score, anomalous = both_classes(rows)
    auc = metrics.compute_auc(score, anomalous)
    assert metrics.compute_auc(np.exp(score / 10), anomalous) == auc
    assert metrics.compute_auc(score**3 - 7, anomalous) == auc
    assert metrics.compute_auc(-score, anomalous) == pytest.approx(1 - auc)
    assert metrics.compute_auc(score, ~anomalous) == pytest.approx(1 - auc)
    assert metrics.compute_auc(anomalous, anomalous) == 1
    assert metrics.compute_auc(np.zeros(len(score)), anomalous) == 0.5


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
    one, three = (metrics.across_seeds(rows, anomalous) for rows in (seeds[1:2], seeds))
    each = [metrics.compute_auc(row, anomalous) for row in seeds]
    assert (three.minimum, three.maximum, three.n_seeds) == (min(each), max(each), 3)
    assert three.value == pytest.approx(np.mean(each))
    assert three.high - three.low > one.high - one.low
    copies = metrics.across_seeds(np.stack([base] * 3), anomalous)
    assert (copies.low, copies.high) == pytest.approx((one.low, one.high))


def test_macro_leaves_out_recordings_of_one_class_and_counts_the_rest() -> None:
    recording = np.repeat(["a", "b", "c"], 4)
    anomalous = np.array([0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1], bool)
    score = np.array([0, 1, 0, 1, 5, 5, 5, 5, 1, 1, 0, 0], float)
    macro = metrics.frame_auc(score, anomalous, recording, "macro")
    assert (macro.value, macro.n_recordings, macro.n_covered) == (0.5, 3, 2)
    assert "2 of 3 recordings" in macro.protocol


def test_scaling_and_regularity_are_per_recording() -> None:
    recording = np.repeat(["a", "b"], 3)
    score = np.array([1.0, 2, 3, 7, 7, 7])
    assert metrics.scale_per_recording(score, recording).tolist() == [0, 0.5, 1, 0, 0, 0]
    assert metrics.regularity(score, recording).tolist() == [1, 0.5, 0, 1, 1, 1]


def test_smoothing_does_not_leak_across_recordings() -> None:
    recording = np.repeat(["a", "b"], 4)
    score = np.array([0.0, 3, 0, 0, 100, 100, 100, 100])
    smooth = metrics.smooth_scores(score, recording, 3)
    np.testing.assert_allclose(smooth, [1.5, 1, 1, 0, 100, 100, 100, 100])
    np.testing.assert_array_equal(metrics.smooth_scores(score, recording, 1), score)
    for window in (0, -1, 1.5, True):
        with pytest.raises(InputError, match="window"):
            metrics.smooth_scores(score, recording, window)


@given(pairs)
def test_equal_error_rate_lies_where_the_rates_cross(rows) -> None:
    score, anomalous = both_classes(rows)
    rate, threshold = metrics.equal_error_rate(score, anomalous)
    false = np.mean(score[~anomalous] >= threshold)
    miss = np.mean(score[anomalous] < threshold)
    assert min(false, miss) - 1e-9 <= rate <= max(false, miss) + 1e-9
    assert rate == pytest.approx(metrics.equal_error_rate(-score, ~anomalous).rate)


def test_equal_error_rate_known_answers() -> None:
    anomalous = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
    assert metrics.equal_error_rate(np.arange(8.0), anomalous) == (0, 4)
    assert metrics.equal_error_rate(np.array([0, 1, 2, 6, 3, 5, 7, 8.0]), anomalous).rate == 0.25
    assert metrics.equal_error_rate(np.zeros(8), anomalous).rate == 0.5


def test_bouts_end_with_recordings() -> None:
    flag = np.array([1, 1, 0, 1, 1, 0, 1], bool)
    assert metrics.find_bouts(flag).tolist() == [[0, 2], [3, 5], [6, 7]]
    recording = np.array([0, 0, 0, 0, 1, 1, 1])
    assert metrics.find_bouts(flag, recording).tolist() == [[0, 2], [3, 4], [4, 5], [6, 7]]
    assert metrics.find_bouts(np.zeros(3, bool)).shape == (0, 2)
    assert metrics.find_bouts(np.zeros(0, bool)).shape == (0, 2)


def test_events_known_answer() -> None:
    """Two bouts, one caught two frames late; one alarm runs into a bout, one is false."""
    #          bout A: 3-5, bout B: 9-10
    anomalous = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0], bool)
    flagged = np.array([1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], float)
    events = metrics.event_metrics(flagged, anomalous, None, 0.5, fps=2)
    assert (events.n_bouts, events.bouts_caught, events.bout_recall) == (2, 1, 0.5)
    assert (events.n_alarms, events.false_alarms) == (2, 1)
    assert events.hours_normal == pytest.approx(7 / 2 / 3600)
    assert events.false_alarms_per_hour == pytest.approx(3600 / 3.5)
    assert events.delay_mean_s == events.delay_median_s == 1.0
    counts = (events.true_positives, events.false_positives)
    assert counts == (1, 2) and (events.true_negatives, events.false_negatives) == (5, 4)
    assert events.precision == pytest.approx(1 / 3) and events.recall == pytest.approx(1 / 5)
    assert events.f1 == pytest.approx(0.25)
    times = np.r_[0, np.cumsum(np.full(11, 0.5))]
    assert metrics.event_metrics(flagged, anomalous, None, 0.5, times) == events


def test_an_alarm_does_not_cross_into_the_next_recording() -> None:
    anomalous = np.array([0, 0, 1, 1], bool)
    score = np.ones(4)
    one = metrics.event_metrics(score, anomalous, None, 1, fps=1)
    two = metrics.event_metrics(score, anomalous, np.array([0, 0, 1, 1]), 1, fps=1)
    assert (one.n_alarms, one.false_alarms) == (1, 0)
    assert (two.n_alarms, two.false_alarms) == (2, 1)


@pytest.mark.parametrize("threshold", [-np.inf, 0.0, 0.5, 1.0, np.inf])
@pytest.mark.parametrize("flags", ["none", "all", "one"])
def test_events_stay_defined_at_the_extremes(threshold: float, flags: str) -> None:
    anomalous = {"none": np.zeros(5, bool), "all": np.ones(5, bool), "one": np.arange(5) == 2}
    events = metrics.event_metrics(
        np.array([0, 0, 1, 0, 0.0]), anomalous[flags], None, threshold, times=np.full(5, np.nan)
    )
    assert events.true_positives + events.false_negatives == anomalous[flags].sum()
    assert np.isnan(events.false_alarms_per_hour)  # unknown times: unknown rate, not a guess
    if flags == "none":
        assert np.isnan(events.recall) and np.isnan(events.bout_recall)


frames_of_recordings = st.lists(
    st.tuples(st.integers(0, 4).map(float), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


@given(frames_of_recordings)
def test_counts_at_all_thresholds_equal_counting_at_each(rows) -> None:
    score, anomalous, recording = (np.array(column) for column in zip(*rows, strict=True))
    recording = np.sort(recording)
    thresholds = np.array([-np.inf, 0, 0.5, 1, 2, 3, 4, 5])
    each = [
        metrics.event_metrics(score, anomalous, recording, threshold, fps=1)
        for threshold in thresholds
    ]
    alarms = metrics.count_false_alarms(score, anomalous, recording, thresholds)
    assert alarms.tolist() == [events.false_alarms for events in each]
    caught = metrics.count_bouts_caught(score, anomalous, recording, thresholds)
    assert caught.tolist() == [events.bouts_caught for events in each]


@given(frames_of_recordings, st.sampled_from([0, 1, 100, 1800, 3600]))
def test_threshold_by_false_alarms_keeps_its_promise(rows, limit) -> None:
    score, anomalous, recording = (np.array(column) for column in zip(*rows, strict=True))
    recording = np.sort(recording)
    assume(not anomalous.all())
    rule = f"false_alarms_per_hour<={limit}"
    threshold = metrics.choose_threshold(rule, score, anomalous, recording, fps=1)
    for level in np.unique(np.r_[score[score >= threshold], threshold]):
        events = metrics.event_metrics(score, anomalous, recording, level, fps=1)
        assert events.false_alarms_per_hour <= limit
    lower = score[score < threshold]
    if len(lower):
        events = metrics.event_metrics(score, anomalous, recording, lower.max(), fps=1)
        assert events.false_alarms_per_hour > limit


def test_threshold_rules_known_answers() -> None:
    anomalous = np.array([0] * 10 + [1] * 5 + [0] * 2 + [1] * 3, bool)
    score = np.r_[np.zeros(8), 3, 0, [1, 2, 9, 2, 1], [0, 0], [5, 6, 4]].astype(float)
    choose = metrics.choose_threshold
    assert choose("recall>=0.5", score, anomalous) == 4
    assert choose("recall>=1", score, anomalous) == 1
    assert choose("bouts>=0.5", score, anomalous) == 9
    assert choose("bouts >= 1", score, anomalous) == 6
    assert choose("youden", score, anomalous) == 1
    assert choose("false_alarms_per_hour<=0", score, anomalous, fps=1) == 4
    assert choose("quantile=0.5", training_score=np.arange(5.0)) == 2
    assert choose("quantile=1", score) == 9
    top = choose("false_alarms_per_hour<=0", score, np.zeros(20, bool), fps=1)
    assert not np.any(score >= top)  # with nothing to find, nothing is flagged


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("eeer", "Unknown threshold rule"),
        ("recall>=1.5", "between 0 and 1"),
        ("recall>=nan", "between 0 and 1"),
        ("quantile=x", "no number"),
        ("false_alarms_per_hour<=-1", "at least 0"),
        ("recall", "Unknown threshold rule"),
        ("youden", "no frame is anomalous"),
        ("recall>=0.5", "no frame is anomalous"),
    ],
)
def test_rules_that_cannot_be_applied_are_refused(rule: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        metrics.choose_threshold(rule, np.zeros(3), np.zeros(3, bool), fps=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("flags", [np.zeros(4, bool), np.ones(4, bool), np.zeros(0, bool)])
def test_one_class_has_no_auc_and_says_why(flags: np.ndarray) -> None:
    score = np.arange(len(flags), dtype=float)
    for protocol in metrics.PROTOCOLS:
        auc = metrics.frame_auc(score, flags, None, protocol)
        assert np.isnan(auc.value) and auc.reason
        assert metrics.bootstrap_interval(score, flags, None, protocol=protocol).reason
    assert np.isnan(metrics.equal_error_rate(score, flags).threshold)
    metrics.compute_roc(score, flags)
    metrics.compute_precision_recall(score, flags)


@pytest.mark.parametrize(
    ("score", "anomalous", "recording", "message"),
    [
        ([0, np.nan, 1], [0, 1, 0], None, "1 of 3 frames is NaN"),
        ([0, np.inf, 1], [0, 1, 0], None, "infinite"),
        ([0, 1], [0, 1, 0], None, "2 scores"),
        ([0, 1, 2], [0, 1, 2], None, "true or false"),
        ([0, 1, 2], [0, 1, np.nan], None, "true or false"),
        ([0, 1, 2], [0, 1, 0], ["a", "b"], "3 scores but recording"),
        ([0, 1, 2], [0, 1, 0], ["a", "b", "a"], "do not lie together"),
        (["x", "y", "z"], [0, 1, 0], None, "not numbers"),
        ([[0, 1, 2]], [0, 1, 0], None, "one number per frame"),
    ],
)
def test_bad_input_gets_one_sentence(score, anomalous, recording, message) -> None:
    with pytest.raises(InputError, match=message) as error:
        metrics.frame_auc(score, anomalous, recording)
    assert "\n" not in str(error.value)


def test_times_must_grow_within_a_recording() -> None:
    flags = np.array([0, 1, 0], bool)
    with pytest.raises(InputError, match="must grow"):
        metrics.event_metrics(np.zeros(3), flags, None, 0, times=np.array([0, 2, 1.0]))
    with pytest.raises(InputError, match="frame rate"):
        metrics.event_metrics(np.zeros(3), flags, None, 0)
    with pytest.raises(InputError, match="threshold is NaN"):
        metrics.event_metrics(np.zeros(3), flags, None, float("nan"), fps=1)
    restart = metrics.frame_durations(4, np.array([0, 0, 1, 1]), np.array([0, 2, 0, 2.0]))
    assert restart.tolist() == [2, 2, 2, 2]


def test_auc_in_words() -> None:
    assert metrics.format_auc(0.9123, 0.88, 0.9412, 3) == "0.912 [0.880, 0.941] (3 seeds)"
    assert metrics.format_auc(0.5) == "0.500"
    assert metrics.format_auc(None, None, None) == metrics.format_auc(float("nan")) == "–"


def test_clips_are_labelled_by_half_or_any() -> None:
    frames = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], bool)
    assert metrics.label_clips(frames).tolist() == [False, True, False]
    assert metrics.label_clips(frames, "any").tolist() == [True, True, False]
    score = np.array([2.0, 1.0, 0.0])
    assert metrics.clip_auc(score, frames) == 0.5
    assert metrics.clip_auc(score, frames, "any") == metrics.clip_auc(score, [1, 1, 0]) == 1


def make_frames(n: int = 600, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    label = np.repeat(generator.choice(["hang", "rest", "walk"], n // 10), 10)
    anomalous = label == "hang"
    image = np.abs(generator.normal(size=n) + anomalous)
    return pd.DataFrame(
        {
            "recording": np.repeat(["a", "b"], n // 2),
            "frame": np.tile(np.arange(n // 2), 2),
            "time_s": np.tile(np.arange(n // 2) / 30, 2),
            "label": label,
            "anomalous": anomalous,
            "score_image": image,
            "score_flow": np.nan,
            "score": image,
        }
    )


@pytest.fixture(scope="module")
def parameters():
    given = {
        "dataset": "mit",
        "target": "hang",
        "model": "cae",
        "scale": "smoke",
        "bootstrap_samples": 200,
    }
    return resolve(given)


def test_metrics_of_a_run_are_json_and_agree_with_the_parts(parameters) -> None:
    frames = make_frames()
    clips = frames[::8][["recording", "score", "anomalous"]]
    result = metrics.compute_metrics(frames, parameters, clips)
    json.dumps(result, allow_nan=False)
    assert result["auc"] == reference.roc_auc_score(frames["anomalous"], frames["score"])
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["auc"] == result["protocols"]["pooled"]["auc"] == result["streams"]["image"]
    assert "flow" not in result["streams"]
    assert result["clip"]["auc"] == reference.roc_auc_score(clips["anomalous"], clips["score"])
    assert result["frames"] == 600 and result["anomalous_frames"] == frames["anomalous"].sum()
    assert result["events_at_eer"]["threshold"] == result["eer_threshold"]
    by_clip = parameters.model_copy(update={"roc_unit": "clip", "score_scaling": "per_video"})
    other = metrics.compute_metrics(frames, by_clip, clips)
    assert "clip AUC" in other["protocol"] and "scaled" in other["protocol"]
    with pytest.raises(InputError, match="no clip scores"):
        metrics.compute_metrics(frames, by_clip)


def test_metrics_survive_the_csv_and_unlabelled_frames(parameters, tmp_path: Path) -> None:
    frames = make_frames()
    expected = metrics.compute_metrics(frames, parameters)
    extra = frames[:50].assign(recording="unlabelled", label="", anomalous=None)
    both = pd.concat([frames.astype({"anomalous": object}), extra], ignore_index=True)
    both["anomalous"] = both["anomalous"].astype("boolean")
    both.to_csv(tmp_path / "scores.csv.gz", index=False)
    read = pd.read_csv(tmp_path / "scores.csv.gz")
    result = metrics.compute_metrics(read, parameters)
    assert result.pop("unlabelled_frames") == 50 and expected.pop("unlabelled_frames") == 0
    assert result == expected


def test_metrics_without_any_label_or_one_class_only(parameters) -> None:
    for flag in (None, False, True):
        flags = pd.array([flag] * 600, dtype="boolean")
        result = metrics.compute_metrics(make_frames().assign(anomalous=flags), parameters)
        json.dumps(result, allow_nan=False)
        assert result["auc"] is None and result["reason"] and result["events_at_eer"] is None
    with pytest.raises(InputError, match="'score_flow'"):
        metrics.compute_metrics(make_frames().drop(columns="score_flow"), parameters)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_metrics_do_not_depend_on_the_scale_of_scores(seed: int) -> None:
    frames = make_frames(60, seed)
    score, anomalous = frames["score"].to_numpy(), frames["anomalous"].to_numpy()
    assume(0 < anomalous.sum() < 60)
    for protocol in metrics.PROTOCOLS:
        first, second = (
            metrics.frame_auc(values, anomalous, frames["recording"], protocol)
            for values in (score, 4 * score)
        )
        np.testing.assert_equal(first, second)


def test_published_memae_scores_on_ped2(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "published_scores" / "memae_ped2.csv")
    score, anomalous, recording = (
        table[name].to_numpy() for name in ("reconstruction_error", "anomalous", "clip")
    )
    scaled = metrics.frame_auc(score, anomalous, recording, "per_video_scaled")
    pooled = metrics.frame_auc(score, anomalous, recording, "pooled")
    assert round(scaled.value, 4) == 0.9341
    assert round(pooled.value, 4) == 0.6958
    interval = metrics.bootstrap_interval(score, anomalous, recording, protocol="per_video_scaled")
    assert interval.unit == "recordings" and interval.low < 0.9341 < interval.high
