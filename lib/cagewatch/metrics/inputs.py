"""What every metric is given: scores, flags and recordings, checked once and in one way."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cagewatch.errors import InputError


def check_score(score: np.ndarray, name: str = "score") -> np.ndarray:
    """Return scores as (n,) float64.

    Raises
    ------
    InputError
        If they are not one-dimensional numbers, or one of them is NaN or infinite: such a frame has
        no rank, and dropping it unasked would change what is measured.
    """
    try:
        score = np.asarray(score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The {name} holds values that are not numbers; check its file."
        ) from error
    if score.ndim != 1:
        raise InputError(f"The {name} must be one number per frame, not shaped {score.shape}.")
    bad = np.flatnonzero(~np.isfinite(score))
    if len(bad):
        raise InputError(
            f"The {name} of {len(bad)} of {len(score)} frames is NaN or infinite, first at "
            f"position {bad[0]}; score those frames or leave them out."
        )
    return score


def check_flags(anomalous: np.ndarray, n_frames: int, name: str = "anomalous") -> np.ndarray:
    """Return flags as (n_frames,) bool; they may come as bool, as 0 and 1, or as True/False text.

    Raises
    ------
    InputError
        If the length differs from `n_frames` or a value is anything else (an empty one included).
    """
    flags = np.asarray(anomalous)
    if flags.shape != (n_frames,):
        raise InputError(
            f"There are {n_frames} scores but {name} is shaped {flags.shape}; give one per frame."
        )
    if flags.dtype == bool:
        return flags
    known = {True: True, False: False, "True": True, "False": False, "1": True, "0": False}
    values = pd.unique(pd.Series(flags))
    wrong = [value for value in values if value not in known]
    if wrong:
        raise InputError(f"The values of {name} must be true or false, not {wrong[0]!r}.")
    return np.isin(flags, [value for value in values if known[value]])


def recording_codes(recording: np.ndarray | None, n_frames: int) -> np.ndarray:
    """Return (n_frames,) int64, 0 for the first recording, 1 for the next, and so on.

    `recording` holds one id per frame; None means that all frames are of one recording.

    Raises
    ------
    InputError
        If the length differs, or a recording's frames do not lie together: runs of frames, and so
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
    codes = codes.astype(np.int64)
    again = np.flatnonzero(np.diff(codes) < 0)
    if len(again):
        raise InputError(
            f"The frames of recording {names[codes[again[0] + 1]]!r} do not lie together; sort the "
            "scores by recording and frame."
        )
    return codes


def find_bouts(flag: np.ndarray, recording: np.ndarray | None = None) -> np.ndarray:
    """Find the runs of true frames; no run spans two recordings.

    Returns
    -------
    bouts : (n_bouts, 2) int64, first frame and the frame after the last, as positions in `flag`.
    """
    flag = check_flags(flag, len(flag), "flag")
    codes = recording_codes(recording, len(flag))
    if not len(flag):
        return np.empty((0, 2), np.int64)
    cut = np.r_[True, codes[1:] != codes[:-1]]
    starts = np.flatnonzero(flag & (cut | np.r_[True, ~flag[:-1]]))
    stops = np.flatnonzero(flag & np.r_[cut[1:] | ~flag[1:], True]) + 1
    return np.column_stack([starts, stops])
