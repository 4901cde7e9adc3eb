"""Clips of a run of frames: where they lie, their scores, and those of their frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cagewatch.clips.windows import Windows, clip_windows, score_clips, spread_over_frames
from cagewatch.detectors.footage import Chunk

ERRORS = np.array([[0.04, 0.0, 0.0, 0.0], [0.01, 0.01, 0.01, 0.01]])


def test_norm_is_the_l2_norm_of_the_difference():
    generator = np.random.default_rng(0)
    x, x_hat = generator.random((2, 5, 4, 6, 7, 2))
    frame_errors = ((x - x_hat) ** 2).mean(axis=(2, 3, 4))
    expected = [np.linalg.norm(a - b) for a, b in zip(x, x_hat, strict=True)]
    assert score_clips(frame_errors, 6 * 7 * 2, "norm") == pytest.approx(expected)


def test_frame_mse_norm_weighs_one_bad_frame_more_than_four_fair_ones():
    by_norm = score_clips(ERRORS, 100, "norm")
    by_frames = score_clips(ERRORS, 100, "frame_mse_norm")
    assert by_norm[0] == pytest.approx(by_norm[1])
    assert by_frames == pytest.approx([0.04, 0.02])


@given(st.integers(1, 60), st.integers(1, 8), st.sampled_from(["mean", "centre", "end"]))
def test_every_frame_gets_a_score_between_those_of_its_clips(n_frames, step, alignment):
    windows = Windows.of(n_frames, 8, step)
    clip_score = np.random.default_rng(n_frames).random(len(windows.frames))
    score = spread_over_frames(clip_score, windows, alignment)
    assert score.shape == (n_frames,) and not np.isnan(score).any()
    assert score.min() >= clip_score.min() - 1e-12 and score.max() <= clip_score.max() + 1e-12


@given(st.integers(1, 80), st.integers(1, 8), st.integers(8, 30))
def test_clips_of_parts_are_the_clips_of_the_whole(n_frames, step, size):
    parts = []
    for begin in range(0, n_frames, size):
        first, end = max(begin - 7, 0), min(begin + size, n_frames)
        chunk = Chunk(first, end - first, end - begin, end == n_frames, end, list, list)
        parts.append(clip_windows(chunk, 8, step))
    whole, joined = Windows.of(n_frames, 8, step), Windows.join(parts)
    assert joined.n_frames == n_frames
    assert joined.frames.tolist() == whole.frames.tolist()


@given(st.integers(8, 80), st.integers(1, 8))
def test_every_frame_lies_in_a_clip_and_the_last_clip_ends_with_the_last(n_frames, step):
    frames = Windows.of(n_frames, 8, step).frames
    assert set(frames.ravel().tolist()) == set(range(n_frames))
    assert frames[-1, -1] == n_frames - 1 and (np.diff(frames, axis=1) == 1).all()


def test_adjoining_clips_repeat_their_score_on_their_frames():
    score = spread_over_frames(np.array([1.0, 5.0, 2.0]), Windows.of(24, 8, 8), "mean")
    assert score.tolist() == [1.0] * 8 + [5.0] * 8 + [2.0] * 8


def test_alignment_puts_a_lone_event_on_the_right_frame():
    windows, clip_score = Windows.of(40, 8, 1), np.zeros(33)
    clip_score[10] = 1.0  # the clip of frames 10 to 17
    at = {how: spread_over_frames(clip_score, windows, how) for how in ("centre", "end")}
    assert np.flatnonzero(at["centre"]).tolist() == [14]
    assert np.flatnonzero(at["end"]).tolist() == [17]
    mean = spread_over_frames(clip_score, windows, "mean")
    assert np.flatnonzero(mean).tolist() == list(range(10, 18))
