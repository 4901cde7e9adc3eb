"""The ethogram: bouts without gaps, lengths and shares of the real annotation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest, lognorm

from cagewatch.simulate.ethogram import (
    BEHAVIOURS,
    FITTED,
    Bout,
    describe_bouts,
    draw_bouts,
    fit_ethogram,
)


@pytest.fixture(scope="module")
def real_bouts(data_dir, read_bouts) -> list[Bout]:
    return read_bouts(data_dir / "mit_mouse/Annotator_group_1/20080324115556.txt")


@pytest.fixture(scope="module")
def long_bouts() -> list[Bout]:
    """About 28 hours of the ethogram as fitted."""
    return draw_bouts(np.random.default_rng(0), 3_000_000)


@given(n_frames=st.integers(1, 3000), rare=st.floats(0.5, 60), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_bouts_fill_the_recording_without_gaps(n_frames, rare, seed):
    bouts = draw_bouts(np.random.default_rng(seed), n_frames, rare)
    assert bouts[0].start == 0 and bouts[-1].stop == n_frames
    assert all(a.stop == b.start for a, b in zip(bouts, bouts[1:], strict=False))
    assert all(a.behaviour != b.behaviour for a, b in zip(bouts, bouts[1:], strict=False))
    assert all(b.stop > b.start for b in bouts)


def test_committed_numbers_equal_a_refit_of_the_real_annotation(real_bouts):
    fitted = fit_ethogram(real_bouts)
    np.testing.assert_allclose(fitted.log_mean, FITTED.log_mean, atol=1e-4)
    np.testing.assert_allclose(fitted.log_sd, FITTED.log_sd, atol=1e-4)
    np.testing.assert_array_equal(fitted.transitions, FITTED.transitions)
    assert fitted.longest == FITTED.longest
    assert fitted.rarest_interval == pytest.approx(FITTED.rarest_interval, abs=0.1)


def test_shares_and_medians_of_a_long_simulation_are_the_real_ones(long_bouts, real_bouts):
    """Shares within 5 points. Medians within 20 %, or 50 % for hang and rest (7 and 9 bouts)."""
    simulated, real = describe_bouts(long_bouts), describe_bouts(real_bouts)
    for name in BEHAVIOURS:
        assert simulated[name][0] == pytest.approx(real[name][0], abs=0.05), name
        tolerance = 0.5 if real[name][1] < 10 else 0.2
        assert simulated[name][2] == pytest.approx(real[name][2], rel=tolerance), name


@pytest.mark.parametrize("k", range(8), ids=BEHAVIOURS)
def test_bout_lengths_are_not_told_from_the_real_ones(long_bouts, real_bouts, k):
    simulated, real = (
        [b.stop - b.start for b in bouts if b.behaviour == BEHAVIOURS[k]]
        for bouts in (long_bouts, real_bouts)
    )
    assert ks_2samp(simulated, real).pvalue > 0.05


@pytest.mark.parametrize("k", range(8), ids=BEHAVIOURS)
def test_bout_lengths_follow_the_fitted_distribution(long_bouts, k):
    lengths = [b.stop - b.start for b in long_bouts if b.behaviour == BEHAVIOURS[k]]
    fitted = lognorm(FITTED.log_sd[k], scale=np.exp(FITTED.log_mean[k]))
    # Whole frames and the cap at the longest real bout shift the curve by a few per cent.
    assert kstest(lengths, fitted.cdf).statistic < (0.15 if BEHAVIOURS[k] == "rest" else 0.06)


def test_rare_gives_each_half_several_bouts_of_everything():
    """By the rule of `draw_bouts`, not by choice of the seed: 100 seeds, both halves."""
    for seed in range(100):
        bouts = draw_bouts(np.random.default_rng(seed), 6000, rare=20)
        for start, stop in ((0, 3000), (3000, 6000)):
            inside = [b.behaviour for b in bouts if b.start < stop and b.stop > start]
            assert min(inside.count(name) for name in BEHAVIOURS) >= 2, seed
