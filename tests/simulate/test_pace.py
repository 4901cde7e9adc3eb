"""Irregular timing: the pace asked for, runs and gaps, a wander of unit deviation."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch.simulate.mouse.postures import strokes, wait, wander


def stroke_lengths(swing: np.ndarray) -> np.ndarray:
    """Frames from one upward crossing of 0 to the next."""
    return np.diff(np.flatnonzero((swing[:-1] <= 0) & (swing[1:] > 0)))


def test_strokes_come_at_the_pace_asked_for_and_unevenly():
    without_gaps = strokes(np.random.default_rng(0), hertz=3.0, run=1e9, gap=1.0, spread=0.15)
    lengths = stroke_lengths(np.array(list(islice(without_gaps, 9000)))[:, 0])
    assert 30 / np.mean(lengths) == pytest.approx(3.0, rel=0.35)  # the run has its own pace
    assert 0.08 < np.std(lengths) / np.mean(lengths) < 0.3


def test_runs_and_gaps_share_the_time_as_asked():
    swings = np.array(list(islice(strokes(np.random.default_rng(0), 5.0, 10, 2.0), 60_000)))[:, 0]
    # 10 strokes at 5 Hz are 2 s; gaps of median 2 s have mean 2 exp(0.7**2 / 2) = 2.56 s.
    assert np.mean(swings == 0) == pytest.approx(2.56 / 4.56, abs=0.06)


@given(
    hertz=st.floats(0.5, 12), run=st.floats(1, 50), gap=st.floats(0.05, 3), seed=st.integers(0, 99)
)
@settings(max_examples=40)
def test_strokes_stay_in_their_range(hertz, run, gap, seed):
    swing, push = np.array(
        list(islice(strokes(np.random.default_rng(seed), hertz, run, gap), 400))
    ).T
    assert np.abs(swing).max() < 6 and push.min() >= 0 and push.max() < 6
    assert np.abs(np.diff(push)).max() < 4


def test_wander_has_unit_deviation_no_jumps_and_forgets():
    course = np.array(list(islice(wander(np.random.default_rng(0), 1.0), 90_000)))
    assert course.std() == pytest.approx(1, abs=0.08) and abs(course.mean()) < 0.1
    assert np.abs(np.diff(course)).max() < 0.5
    assert abs(np.corrcoef(course[:-150], course[150:])[0, 1]) < 0.1  # 5 s later


def test_waits_have_the_median_asked_for():
    rng = np.random.default_rng(0)
    waits = [wait(rng, 2.0) for _ in range(4000)]
    assert np.median(waits) == pytest.approx(60, rel=0.05) and min(waits) >= 1
