"""The strip of alarms above the explorer's timeline."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cagewatch.explore.figures import draw_timeline
from cagewatch.metrics import Scored, weigh_threshold


def strip_of(score, anomalous=None, fps=30.0) -> np.ndarray:
    """Which columns of the strip are painted, at a threshold of 1."""
    n_frames = len(score)
    times = np.arange(n_frames) / fps
    scored = Scored(
        np.asarray(score, float),
        anomalous,
        np.zeros(n_frames, int),
        ("a",),
        np.arange(n_frames),
        times,
        times,
        n_frames / fps,
        {},
    )
    ax = plt.figure().subplots()
    strip, _ = draw_timeline(scored, slice(0, n_frames), ax)(weigh_threshold(scored, 1.0))
    return np.asarray(strip.get_array())[..., 3] > 0


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("n_frames", [5, 40, 5000])
def test_a_solid_alarm_is_solid_at_any_zoom(n_frames, labelled):
    score = np.zeros(n_frames)
    score[n_frames // 5 : 3 * n_frames // 5] = 2
    painted = strip_of(score, np.ones(n_frames, bool) if labelled else None)[0]
    assert len(np.flatnonzero(np.diff(painted.astype(int)))) == 2
    assert painted.mean() == pytest.approx(0.4, abs=0.11 if n_frames == 5 else 0.02)


def test_a_single_frame_is_seen_however_far_it_is_zoomed_out():
    score = np.zeros(50_000)
    score[[0, 25_000, 49_999]] = 2
    painted = strip_of(score)[0]
    assert painted[0] and painted[-1] and painted.sum() == 3
