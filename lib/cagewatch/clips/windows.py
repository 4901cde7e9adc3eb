"""Clips of a run of successive frames: where they lie, their scores, and those of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Windows(NamedTuple):
    """Clips of one run of frames.

    Attributes
    ----------
    frames : (n_clips, clip_length) int64, frame numbers within the run.
    n_frames : frames of the run up to where these clips reach.
    """

    frames: np.ndarray
    n_frames: int

    @classmethod
    def of(cls, n_frames: int, length: int, step: int) -> Windows:
        """All clips of a run: `step` frames apart, and one more that ends with the last frame.

        A run shorter than a clip has one, in which its last frame is repeated.
        """
        starts = clip_starts(0, n_frames, n_frames, True, length, step)
        return cls(_frames_from(starts, length, n_frames), n_frames)

    @classmethod
    def join(cls, parts: Sequence[Windows]) -> Windows:
        """Successive parts of one run's clips in one."""
        return cls(np.concatenate([part.frames for part in parts]), parts[-1].n_frames)


class Part(Protocol):
    """A part of a run of frames, see `cagewatch.detectors.footage.Chunk`."""

    first: int
    count: int
    new: int
    last: bool


def clip_windows(part: Part, length: int, step: int) -> Windows:
    """Clips that end in a part's new frames, numbered within the run."""
    stop = part.first + part.count
    starts = clip_starts(stop - part.new, stop, stop, part.last, length, step)
    return Windows(_frames_from(starts, length, stop), stop)


def clip_starts(
    begin: int, stop: int, n_frames: int, last: bool, length: int, step: int
) -> np.ndarray:
    """First frames of the clips whose last frame lies in [begin, stop): (n,) int64."""
    if n_frames < length:
        return np.zeros(int(last), np.int64)
    first = max(begin - length + 1, 0)
    starts = np.arange(-(-first // step) * step, stop - length + 1, step)
    end = stop - length
    if last and end % step:
        starts = np.append(starts, end)
    return starts


def _frames_from(starts: np.ndarray, length: int, n_frames: int) -> np.ndarray:
    return np.minimum(starts[:, None] + np.arange(length), n_frames - 1)


def score_clips(frame_errors: np.ndarray, values_per_frame: int, form: str) -> np.ndarray:
    """One score per clip, (n_clips,) float64 >= 0, from the mean squared errors of its frames.

    The paper's "l2 norm of the MSE" (section 2.5) can be read in two ways: 'norm' is the l2 norm of
    ``x - x_hat`` over the clip, for which a frame's number of values is needed, and
    'frame_mse_norm' that of the vector of the frames' errors.
    """
    errors = np.asarray(frame_errors, np.float64)
    if form == "norm":
        return np.sqrt(errors.sum(axis=1) * values_per_frame)
    return np.sqrt(np.square(errors).sum(axis=1))


def spread_over_frames(clip_score: np.ndarray, windows: Windows, alignment: str) -> np.ndarray:
    """Turn the scores of a run's clips, (n_clips,), into scores of its frames, (n_frames,) float64.

    By 'mean' over the clips that hold a frame, or that of the clip whose middle ('centre') or last
    frame ('end') is nearest.
    """
    frames, n_frames = windows
    if alignment == "mean":
        total, count = np.zeros(n_frames), np.zeros(n_frames, np.int64)
        for column in frames.T:  # one at a time, which keeps memory small
            total += np.bincount(column, clip_score, minlength=n_frames)
            count += np.bincount(column, minlength=n_frames)
        return total / count
    anchor = frames[:, -1 if alignment == "end" else frames.shape[1] // 2]
    held = np.arange(n_frames)
    after = np.clip(np.searchsorted(anchor, held), 1, max(len(anchor) - 1, 1))
    before = np.minimum(after - 1, len(anchor) - 1)
    after = np.minimum(after, len(anchor) - 1)
    nearer = np.where(held - anchor[before] <= anchor[after] - held, before, after)
    return np.asarray(clip_score, np.float64)[nearer]
