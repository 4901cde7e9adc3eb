"""Metrics: agreement with scikit-learn, known events, thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as reference

from cagewatch import metrics
from cagewatch.errors import InputError

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
    theirs = reference.roc_auc_score(anomalous, score)
    assert metrics.compute_auc(score, anomalous) == pytest.approx(theirs, rel=1e-12)


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


def test_macro_leaves_out_recordings_of_one_class_and_counts_the_rest() -> None:
    recording = np.repeat(["a", "b", "c"], 4)
    anomalous = np.array([0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1], bool)
    score = np.array([0, 1, 0, 1, 5, 5, 5, 5, 1, 1, 0, 0], float)
    macro = metrics.frame_auc(score, anomalous, recording, "macro")
    assert (macro.value, macro.n_recordings, macro.n_covered) == (0.5, 3, 2)
    assert "2 of 3 recordings" in macro.protocol


def test_scaling_is_per_recording() -> None:
    recording = np.repeat(["a", "b"], 3)
    score = np.array([1.0, 2, 3, 7, 7, 7])
    assert metrics.scale_per_recording(score, recording).tolist() == [0, 0.5, 1, 0, 0, 0]


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
    assert choose("quantile=0.5", np.arange(5.0)) == 2
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
        assert metrics.auc_interval(score, flags, None, protocol=protocol).reason
    assert np.isnan(metrics.equal_error_rate(score, flags).threshold)
    metrics.compute_roc(score, flags)


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
