"""Scoring: clip errors to frame scores, each form of the paper's words, streams averaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cagewatch import scoring

ERRORS = np.array([[0.04, 0.0, 0.0, 0.0], [0.01, 0.01, 0.01, 0.01]])


def test_norm_is_the_l2_norm_of_the_difference():
    generator = np.random.default_rng(0)
    x, x_hat = generator.random((2, 5, 4, 6, 7, 2))
    frame_errors = ((x - x_hat) ** 2).mean(axis=(2, 3, 4))
    expected = [np.linalg.norm(a - b) for a, b in zip(x, x_hat, strict=True)]
    assert scoring.score_clips(frame_errors, 6 * 7 * 2, "norm") == pytest.approx(expected)


def test_frame_mse_norm_weighs_one_bad_frame_more_than_four_fair_ones():
    by_norm = scoring.score_clips(ERRORS, 100, "norm")
    by_frames = scoring.score_clips(ERRORS, 100, "frame_mse_norm")
    assert by_norm[0] == pytest.approx(by_norm[1])
    assert by_frames == pytest.approx([0.04, 0.02])


def test_raw_average_is_led_by_the_larger_stream_and_standardised_is_not():
    generator = np.random.default_rng(0)
    reference = {"image": generator.normal(5, 0.1, 500), "flow": generator.normal(50, 10, 500)}
    quiet, loud = {"image": np.array([5.0, 6.0]), "flow": np.array([70.0, 50.0])}, reference
    raw = scoring.average_streams(quiet, loud, "raw")
    standardised = scoring.average_streams(quiet, loud, "standardised")
    assert raw[0] > raw[1]  # a 2 sigma flow outweighs a 10 sigma image
    assert standardised[1] > standardised[0]


@given(st.integers(8, 60), st.integers(1, 8), st.sampled_from(["mean", "centre", "end"]))
def test_every_frame_gets_a_score_between_those_of_its_clips(n_frames, step, alignment):
    starts = np.unique(np.r_[np.arange(0, n_frames - 7, step), n_frames - 8])
    frames = starts[:, None] + np.arange(8)
    clip_score = np.random.default_rng(n_frames).random(len(frames))
    score = scoring.spread_over_frames(clip_score, frames, n_frames, alignment)
    assert score.shape == (n_frames,) and not np.isnan(score).any()
    assert score.min() >= clip_score.min() and score.max() <= clip_score.max()


def test_adjoining_clips_repeat_their_score_on_their_frames():
    frames = np.arange(24).reshape(3, 8)
    score = scoring.spread_over_frames(np.array([1.0, 5.0, 2.0]), frames, 30, "mean")
    assert score[:24].tolist() == [1.0] * 8 + [5.0] * 8 + [2.0] * 8
    assert np.isnan(score[24:]).all()  # frames outside the tested part have none


def test_alignment_puts_a_lone_event_on_the_right_frame():
    frames = np.arange(33)[:, None] + np.arange(8)
    clip_score = np.zeros(33)
    clip_score[10] = 1.0  # the clip of frames 10 to 17
    at = {how: scoring.spread_over_frames(clip_score, frames, 40, how) for how in ("centre", "end")}
    assert np.flatnonzero(at["centre"]).tolist() == [14]
    assert np.flatnonzero(at["end"]).tolist() == [17]
    mean = scoring.spread_over_frames(clip_score, frames, 40, "mean")
    assert np.flatnonzero(mean).tolist() == list(range(10, 18))
