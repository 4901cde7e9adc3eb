"""From frames to seconds, by time stamps: no frame rate is assumed to be constant."""

from __future__ import annotations

import numpy as np

from cagewatch.errors import InputError
from cagewatch.metrics.inputs import recording_codes


def frame_durations(
    n_frames: int,
    recording: np.ndarray | None = None,
    times: np.ndarray | None = None,
    fps: float | None = None,
) -> np.ndarray:
    """Compute how long each frame lasts.

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


def bout_seconds(
    bouts: np.ndarray, times: np.ndarray, recording: np.ndarray | None = None
) -> np.ndarray:
    """Say when bouts or alarms begin and end, from the time stamps of all frames.

    Parameters
    ----------
    bouts : ndarray of int, shape (n_bouts, 2)
        First frame and the frame after the last, as positions in `times`; see `find_bouts`.
    times : ndarray of float, shape (n_frames,)
        Seconds at which each frame is shown.
    recording : ndarray, shape (n_frames,), optional
        Ids; the frames of a recording together, in order.

    Returns
    -------
    seconds : ndarray of float64, shape (n_bouts, 2)
        Start: the stamp of the first frame. Stop: that of the frame after the last; at the end of a
        recording, where there is none, one median frame after its last stamp.
    """
    times = np.asarray(times, np.float64)
    ends = times + frame_durations(len(times), recording, times)
    bouts = np.asarray(bouts, np.int64).reshape(-1, 2)
    return np.column_stack([times[bouts[:, 0]], ends[bouts[:, 1] - 1]])
