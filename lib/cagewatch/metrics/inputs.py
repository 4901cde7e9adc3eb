"""What every metric is given: scores, flags, recordings and times, checked once and in one way."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cagewatch.errors import InputError


def check_score(score: np.ndarray) -> np.ndarray:
    """Return scores as (n_frames,) float64; InputError if one is NaN, infinite or no number.

    Such a frame has no rank, and dropping it unasked would change what is measured.
    """
    try:
        score = np.asarray(score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("The score holds values that are not numbers; check its file.") from error
    if score.ndim != 1:
        raise InputError(f"The score must be one number per frame, not shaped {score.shape}.")
    bad = np.flatnonzero(~np.isfinite(score))
    if len(bad):
        raise InputError(
            f"The score of {len(bad)} of {len(score)} frames is NaN or infinite, first at "
            f"position {bad[0]}; score those frames or leave them out."
        )
    return score


def check_flags(anomalous: np.ndarray, n_frames: int) -> np.ndarray:
    """Return flags as bool; they may come as bool, as 0 and 1, or as True/False text.

    InputError if there are not `n_frames`, or a value is anything else (an empty one included).
    """
    flags = np.asarray(anomalous)
    if flags.shape != (n_frames,):
        raise InputError(
            f"There are {n_frames} scores but anomalous is shaped {flags.shape}; give one each."
        )
    if flags.dtype == bool:
        return flags
    known = {True: True, False: False, "True": True, "False": False, "1": True, "0": False}
    values = pd.unique(pd.Series(flags))
    wrong = [value for value in values if value not in known]
    if wrong:
        raise InputError(f"The values of anomalous must be true or false, not {wrong[0]!r}.")
    return np.isin(flags, [value for value in values if known[value]])


def recording_codes(recording: np.ndarray | None, n_frames: int) -> np.ndarray:
    """Number recordings in their order: ndarray of int64, shape (n_frames,), from 0 upwards.

    `recording` holds one id per frame; None means that all frames are of one recording. InputError
    if there are not `n_frames`, or a recording's frames do not lie together: runs of frames, and so
    bouts, alarms and blocks, would then be meaningless.
    """
    if recording is None:
        return np.zeros(n_frames, np.int64)
    ids = np.asarray(recording)
    if ids.shape != (n_frames,):
        raise InputError(
            f"There are {n_frames} scores but recording is shaped {ids.shape}; give one per frame."
        )
    codes, names = pd.factorize(ids, use_na_sentinel=False)
    again = np.flatnonzero(np.diff(codes) < 0)
    if len(again):
        raise InputError(
            f"The frames of recording {names[codes[again[0] + 1]]!r} do not lie together; sort the "
            "scores by recording and frame."
        )
    return codes.astype(np.int64)


def number_runs(codes: np.ndarray, kind: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Number the runs of one kind within a recording: ndarray of int64, shape (n_frames,).

    A run of more than `longest` frames is cut into equal parts.
    """
    if not len(codes):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.r_[True, (np.diff(codes) != 0) | (np.diff(kind) != 0)])
    lengths = np.diff(np.r_[starts, len(codes)])
    parts = -(-lengths // (longest or len(codes)))
    within = np.arange(len(codes)) - np.repeat(starts, lengths)
    part = within * np.repeat(parts, lengths) // np.repeat(lengths, lengths)
    return np.repeat(np.cumsum(parts) - parts, lengths) + part


def find_bouts(flag: np.ndarray, recording: np.ndarray | None = None) -> np.ndarray:
    """Find the runs of true frames; no run spans two recordings.

    Returns
    -------
    bouts : ndarray of int64, shape (n_bouts, 2)
        First frame and the frame after the last, as positions in `flag`.
    """
    flag = check_flags(flag, len(flag))
    run = number_runs(recording_codes(recording, len(flag)), flag.astype(int))
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    bouts = np.column_stack([starts, np.r_[starts[1:], len(flag)][: len(starts)]])
    return bouts[flag[starts]].astype(np.int64)


def frame_durations(
    n_frames: int,
    recording: np.ndarray | None = None,
    times: np.ndarray | None = None,
    fps: float | None = None,
) -> np.ndarray:
    """Compute how long each frame lasts; no frame rate is assumed to be constant.

    Parameters
    ----------
    n_frames : int
    recording : ndarray, shape (n_frames,), optional
        Ids; the frames of a recording together, in order.
    times : ndarray of float, shape (n_frames,), optional
        Seconds; or else give `fps`, frames per second. Times that are NaN leave NaN.

    Returns
    -------
    seconds : ndarray of float64, shape (n_frames,)
        Until the next frame; a recording's last frame lasts as long as the median frame. NaN where
        that is unknown.

    Raises
    ------
    InputError
        If neither is given, lengths differ, or time stamps do not grow within a recording.
    """
    if times is None:
        if fps is None or not fps > 0:
            raise InputError(f"Give time stamps or a frame rate above 0 (it is {fps!r}).")
        return np.full(n_frames, 1 / fps)
    times = np.asarray(times, np.float64)
    codes = recording_codes(recording, n_frames)
    if times.shape != (n_frames,):
        raise InputError(f"There are {n_frames} scores but times are shaped {times.shape}.")
    if not n_frames:
        return times
    step = np.r_[np.diff(times), np.nan]
    last = np.r_[codes[1:] != codes[:-1], True]
    if np.any(step[~last] <= 0):
        raise InputError(
            "Time stamps must grow from frame to frame within a recording; fix time_s."
        )
    known = step[~last & np.isfinite(step)]
    step[last] = np.median(known) if len(known) else np.nan
    return step
