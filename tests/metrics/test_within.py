"""AUC over pairs of the same recording: known answers, and agreement with the pooled AUC."""

from __future__ import annotations

import numpy as np
import pytest

from cagewatch.metrics import compute_auc
from cagewatch.metrics.uncertainty.within import (
    count_pairs,
    percentile_interval,
    resample_within,
    within_auc,
)


@pytest.fixture
def halves():
    """Two halves with three bouts of the target each; scores half informative, some tied."""
    draw = np.random.default_rng(3)
    label = np.repeat(["walk", "rear", "rest", "rear", "walk", "rear"] * 2, 20)
    recording = np.repeat(["first", "second"], 120)
    score = np.round(draw.normal(size=240) + (label == "rear"), 1)
    return score, label == "rear", recording, label


def test_one_recording_gives_the_pooled_auc(halves):
    score, flags, recording, label = halves
    one = recording == "first"
    pairs = count_pairs(score[one], flags[one], recording[one], label[one])
    assert within_auc(pairs) == pytest.approx([compute_auc(score[one], flags[one])])


def test_recordings_count_by_their_pairs_and_need_no_common_scale(halves):
    score, flags, recording, label = halves
    flags[:40] = False  # fewer pairs in the first half
    own, weight = [], []
    for name in ("first", "second"):
        of = recording == name
        own.append(compute_auc(score[of], flags[of]))
        weight.append(flags[of].sum() * (~flags[of]).sum())
    shifted = np.where(recording == "first", score, 100 * score + 1000)
    found = within_auc(count_pairs(shifted, flags, recording, label))
    assert found == pytest.approx([np.average(own, weights=weight)])
    assert abs(found[0] - compute_auc(shifted, flags)) > 0.001


def test_a_resample_that_takes_every_bout_once_is_the_auc(halves):
    pairs = count_pairs(*halves)
    for draws in (resample_within(pairs, 2000), resample_within(pairs, 2000)):
        low, high = percentile_interval(draws)
        assert low < within_auc(pairs)[0] < high
        assert np.nanmean(draws) == pytest.approx(within_auc(pairs)[0], abs=0.02)


def test_equal_detectors_differ_by_nothing_on_every_resample(halves):
    score, *rest = halves
    same = [resample_within(count_pairs(one, *rest)) for one in (score, 3 * score - 7)]
    assert np.array_equal(*same, equal_nan=True)


def test_seeds_that_differ_widen_the_interval(halves):
    score, flags, *rest = halves
    good, bad = flags.astype(float), -flags.astype(float)
    pairs = count_pairs(np.stack([good, bad]), flags, *rest)
    assert within_auc(pairs) == pytest.approx([1.0, 0.0])
    assert percentile_interval(resample_within(pairs)) == (0.0, 1.0)
