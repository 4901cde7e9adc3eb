"""Alarms and budgets: known answers, what must hold for any score, and rates kept on new video."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.rates import confint_poisson

from cagewatch import metrics
from cagewatch.errors import InputError
from cagewatch.metrics import AlarmShape

PLAIN = AlarmShape(smoothing_s=0, hysteresis=0, merge_gap_s=0, min_length_s=0)


def spans(score, times=None, recording=None, threshold=1.0, **shape) -> list[tuple[int, int]]:
    times = np.arange(len(score), dtype=float) if times is None else times
    shape = PLAIN.model_copy(update=shape)
    found = metrics.find_alarms(
        np.array(score, float), times, recording, threshold=threshold, shape=shape
    )
    return list(found[["start", "stop"]].itertuples(index=False, name=None))


def test_a_plain_alarm_is_a_run_of_flagged_frames() -> None:
    score = [0, 1, 2, 0, 0, 1]
    assert spans(score) == [(1, 3), (5, 6)]
    assert spans([1, 1, 1, 1], recording=np.array([0, 0, 1, 1])) == [(0, 2), (2, 4)]
    assert spans(score, threshold=np.inf) == [] == spans([0, 0])
    found = metrics.find_alarms(np.array(score, float), np.arange(6.0), threshold=1, shape=PLAIN)
    assert found["peak"].tolist() == [2, 5] and found["peak_score"].tolist() == [2, 1]


def test_an_alarm_lasts_until_the_score_is_well_below_the_threshold() -> None:
    score = [0, 0, 0, 0.7, 1, 0.7, 1, 0.4, 0, 0.7, 0]
    assert spans(score) == [(4, 5), (6, 7)]
    # The median is 0.4; halfway from 1 to 0.4 is 0.7. What never reaches 1 begins no alarm.
    assert spans(score, hysteresis=0.5) == [(3, 7)]


def test_near_alarms_are_one_and_short_ones_are_dropped() -> None:
    score = [1, 0, 0, 1, 1, 0, 0, 0, 1, 0]
    assert spans(score) == [(0, 1), (3, 5), (8, 9)]
    assert spans(score, merge_gap_s=2) == [(0, 5), (8, 9)]
    assert spans(score, merge_gap_s=2, min_length_s=2) == [(0, 5)]
    assert spans(score, min_length_s=2) == [(3, 5)]
    apart = np.array([0] * 4 + [1] * 6)
    assert spans(score, recording=apart, merge_gap_s=100) == [(0, 4), (4, 9)]


def test_time_is_that_of_the_stamps_where_the_rate_varies() -> None:
    times = np.array([0, 1, 2, 3, 3.1, 3.2, 3.3, 9])
    score = np.array([0, 1, 0, 1, 1, 1, 0, 0], float)
    found = metrics.find_alarms(score, times, threshold=1, shape=PLAIN)
    assert found["start_s"].tolist() == [1, 3] and found["stop_s"].tolist() == [2, 3.3]
    assert spans(score, times, min_length_s=0.5) == [(1, 2)]  # one frame, but a second long
    assert spans(score, times, smoothing_s=0.5, threshold=0.7) == [(1, 2), (3, 6)]
    last = metrics.find_alarms(score[::-1].copy() + 1, times, threshold=1, shape=PLAIN)
    assert last["stop_s"].iloc[-1] == 10  # at the end: one median frame after the last stamp


levels = st.lists(st.integers(0, 6).map(float), min_size=3, max_size=60)
shapes = st.builds(
    AlarmShape,
    smoothing_s=st.sampled_from([0.0, 2.0, 3.5]),
    hysteresis=st.sampled_from([0.0, 0.3, 0.9]),
    merge_gap_s=st.sampled_from([0.0, 1.0, 4.0]),
    min_length_s=st.sampled_from([0.0, 1.5, 4.0]),
)


@given(levels, shapes, st.integers(1, 3))
def test_time_in_alarm_only_grows_as_the_threshold_falls(score, shape, n_recordings) -> None:
    n = len(score)
    recording = np.arange(n) * n_recordings // n
    times = np.cumsum(1 + 0.5 * (np.arange(n) % 3))
    if min(np.bincount(recording)) < 2:
        return
    before = np.zeros(n, bool)
    for threshold in (7, 5.5, 4, 3.2, 2, 1, 0):
        found = metrics.find_alarms(
            np.array(score), times, recording, threshold=threshold, shape=shape
        )
        inside = np.zeros(n, bool)
        for row in found.itertuples():
            assert row.stop_s - row.start_s >= shape.min_length_s - 1e-9
            assert recording[row.start] == recording[row.stop - 1] == row.recording
            assert row.start <= row.peak < row.stop and row.peak_score >= threshold
            inside[row.start : row.stop] = True
        gaps = found["start_s"].to_numpy()[1:] - found["stop_s"].to_numpy()[:-1]
        same = np.diff(found["recording"]) == 0
        assert np.all(gaps[same] > shape.merge_gap_s)
        assert np.all(inside >= before)
        before = inside


@given(st.integers(0, 200), st.floats(0.1, 100), st.sampled_from([0.9, 0.95, 0.99]))
def test_poisson_interval_is_the_exact_one_of_statsmodels(count, hours, coverage) -> None:
    theirs = confint_poisson(count, hours, method="exact-c", alpha=1 - coverage)
    np.testing.assert_allclose(
        metrics.poisson_interval(count, hours, coverage), np.nan_to_num(theirs), rtol=1e-9
    )


def test_hours_that_a_promise_takes() -> None:
    # Garwood's table: 8 events have an upper limit of 15.76, 7 one of 14.42.
    assert metrics.hours_needed(1) == 8 and metrics.hours_needed(6) == pytest.approx(4 / 3)


def make_video(hours: float, seed: int, n_recordings: int = 4) -> tuple[np.ndarray, ...]:
    """Normal scores at 5 frames a second that wander within some seconds; times; recordings."""
    generator = np.random.default_rng(seed)
    n = int(hours * 3600 * 5 / n_recordings)
    noise = generator.normal(size=(n_recordings, n + 15))
    smooth = np.cumsum(noise, axis=1)
    score = (smooth[:, 15:] - smooth[:, :-15]).ravel()
    return score, np.tile(np.arange(n) / 5, n_recordings), np.repeat(np.arange(n_recordings), n)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.5, 6.0, 60.0, 200.0]))
def test_the_threshold_is_the_last_that_keeps_to_the_budget(seed: int, budget: float) -> None:
    score, times, recording = make_video(0.2, seed)
    found = metrics.calibrate_alarms(score, times, recording, per_hour=budget)
    alarms = metrics.find_alarms(
        score, times, recording, threshold=found.threshold, ordinary=found.ordinary
    )
    assert found.rate <= budget and found.count >= len(alarms)
    assert found.low <= found.rate <= found.high and found.hours == pytest.approx(0.2)
    more = metrics.calibrate_alarms(score, times, recording, per_hour=2 * budget)
    assert more.threshold <= found.threshold
    if budget < 10:
        assert f"cannot promise {budget:g} false alarms" in found.warning


def test_a_budget_set_on_normal_video_is_kept_on_new_video() -> None:
    score, times, recording = make_video(3, 0)
    for budget in (6, 20):
        found = metrics.calibrate_alarms(score, times, recording, per_hour=budget)
        assert found.warning is None
        new = make_video(6, 1)
        alarms = metrics.find_alarms(*new, threshold=found.threshold, ordinary=found.ordinary)
        assert budget / 1.5 < len(alarms) / 6 < 1.5 * budget


@pytest.mark.parametrize("budget", [2, 4])
def test_on_average_new_video_has_as_many_false_alarms_as_the_budget(budget: float) -> None:
    """They come as a Poisson process and rise and fall, their heights exponential."""
    generator, got = np.random.default_rng(0), []
    times = np.arange(0, 1800, 0.25)

    def score() -> np.ndarray:
        events = generator.poisson(15)
        middle, height = generator.uniform(0, 1800, events), generator.exponential(size=events)
        return np.max(height - 0.5 * np.abs(times[:, None] - middle), axis=1, initial=-1)

    for _ in range(150):
        found = metrics.calibrate_alarms(score(), times, per_hour=budget, shape=PLAIN)
        new = metrics.find_alarms(score(), times, threshold=found.threshold, shape=PLAIN)
        got.append(2 * len(new))
    error = np.std(got) / np.sqrt(len(got))
    assert abs(np.mean(got) - budget) < 3 * error < 0.4 * budget


def test_an_alarm_that_never_ends_is_not_free() -> None:
    """A slow score: two long alarms an hour at most, but they would take half of the time."""
    times = np.arange(0, 7200, 0.5)
    score = np.sin(2 * np.pi * times / 1800)
    found = metrics.calibrate_alarms(score, times, per_hour=20)
    alarms = metrics.find_alarms(score, times, threshold=found.threshold, ordinary=found.ordinary)
    assert (alarms["stop_s"] - alarms["start_s"]).sum() / 7200 < 0.2
    assert found.count <= 40


def two_recordings(*peaks: int) -> tuple[np.ndarray, ...]:
    """An hour of normal video each with peaks of 1 to `peaks`, and two bouts, of 5.5 and 9.5."""
    times = np.arange(0.0, 3620)
    score, flags = np.zeros((2, 3620)), np.zeros((2, 3620), bool)
    for own, highest in zip(score, peaks, strict=True):
        for peak in range(1, highest + 1):
            own[300 * peak : 300 * peak + 5] = peak
    for at, height in ((3100, 5.5), (3300, 9.5)):
        score[:, at : at + 10] = height
        flags[:, at : at + 10] = True
    return score.ravel(), flags.ravel(), np.tile(times, 2), np.repeat(["a", "b"], 3620)


def test_a_budget_of_less_than_one_alarm_still_lets_bouts_through() -> None:
    score, flags, *where = two_recordings(9, 9)
    for budget, threshold in ((0.1, 9.5), (1.5, 9)):  # none, and two of the three in two hours
        found = metrics.calibrate_alarms(
            score, *where, per_hour=budget, anomalous=flags, shape=PLAIN
        )
        assert found.threshold == threshold


def test_recall_at_a_budget_known_answer() -> None:
    table = metrics.recall_at_budgets(*two_recordings(9, 9), budgets=(1, 5), shape=PLAIN)
    # One an hour lets the peak of 9 through: bouts of 9.5. Five: 9, 8, 7, 6 and 5, so also 5.5.
    assert table["recall"].tolist() == [0.5, 1] and table["bouts"].tolist() == [4, 4]
    assert table["false_alarms"].tolist() == [2, 10] and table["got"].tolist() == [1, 5]
    assert table["in_alarm"][0] == 10 / 7200 and "2 of 8 hours needed" in table["warning"][0]


def test_a_recording_is_judged_at_the_threshold_of_the_others() -> None:
    table = metrics.recall_at_budgets(*two_recordings(9, 3), budgets=(1,), shape=PLAIN)
    # The second one's highest peak is 3, so the first has seven false alarms; the other way none.
    assert table["false_alarms"].tolist() == [7] and table["caught"].tolist() == [3]


def test_recall_of_one_recording_and_of_none_anomalous() -> None:
    score, times, recording = make_video(1, 3, 4)
    flags = np.arange(len(score)) % 1000 < 50
    one = metrics.recall_at_budgets(score, flags, np.arange(len(score)) / 5, budgets=(60,))
    assert np.isfinite(one["recall"][0]) and one["got"][0] == pytest.approx(60, rel=0.5)
    none = metrics.recall_at_budgets(score, np.zeros(len(score), bool), times, recording)
    assert none["recall"].isna().all() and none["budget"].tolist() == [1, 6, 60]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": np.full(9, np.nan)}, "time stamp"),
        ({"times": np.zeros(9)}, "must grow"),
        ({"score": np.zeros(0), "times": np.zeros(0)}, "no scores"),
        ({"per_hour": 0}, "above 0"),
        ({"per_hour": np.nan}, "above 0"),
        ({"anomalous": np.ones(9, bool)}, "no normal video"),
    ],
)
def test_what_cannot_be_calibrated_gets_one_sentence(change, message) -> None:
    given = {"score": np.zeros(9), "times": np.arange(9.0), "per_hour": 1} | change
    with pytest.raises(InputError, match=message) as error:
        metrics.calibrate_alarms(**given)
    assert "\n" not in str(error.value)
