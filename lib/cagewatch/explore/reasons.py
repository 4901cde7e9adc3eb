"""Why a moment scored as it did, for any detector: what moved, where and how fast.

A detector that rebuilds no picture has no error map. What can be said of every moment is where the
picture moved most, how fast, and how far the parts of the score are from ordinary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from cagewatch.store.preprocess import Preprocessing, compute_flow

ROWS = 120  # frames are shrunk to at most so many rows before flow is computed
CELL = 12  # pixels of the shrunken picture: motion is averaged over so many
PLACES = (("upper", "middle", "lower"), ("left", "centre", "right"))
NOISE = 2.5  # a cell counts whose gray changed by this many times what the median cell's did
LONGEST_S = 1.0  # further apart, two frames are not compared


class Motion(NamedTuple):
    """Where a frame moved most since the one before, and how fast.

    Attributes
    ----------
    box : left, top, right and bottom, pixels of the source; the last two exclusive.
    speed : mean flow in the box, pixels of the source per second.
    place : where the box is in the picture, in words.
    """

    box: tuple[int, int, int, int]
    speed: float
    place: str


def find_motion(
    previous: np.ndarray, current: np.ndarray, seconds: float, settings: Preprocessing
) -> Motion | None:
    """Find the cell of a gray picture that moved most in the seconds since the previous one.

    Where nothing is to be seen, flow follows the camera's noise, and may be fast. So a cell counts
    only where the picture changed more than it did elsewhere. None where the time between the
    frames is unknown or nothing moved beyond the noise.
    """
    if not 0 < seconds <= LONGEST_S:
        return None
    height, width = current.shape
    scale = min(1.0, ROWS / height)
    size = (max(CELL, round(width * scale)), max(CELL, round(height * scale)))
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (previous, current)]
    # Backwards, so that the motion lies where the mouse is in the frame that is shown.
    flow = compute_flow(small[1], small[0], settings)
    speed = np.hypot(flow[..., 0] * width / size[0], flow[..., 1] * height / size[1])
    change = average_cells(cv2.absdiff(*small))
    means = average_cells(speed) * (change > NOISE * np.median(change))
    rows, columns = means.shape
    row, column = np.unravel_index(int(np.argmax(means)), means.shape)
    if means[row, column] < 1e-3:
        return None
    across, down = width / size[0], height / size[1]
    box = (
        round(column * CELL * across),
        round(row * CELL * down),
        round((column + 1) * CELL * across),
        round((row + 1) * CELL * down),
    )
    thirds = (min(2, 3 * int(row) // rows), min(2, 3 * int(column) // columns))
    place = " ".join(names[third] for names, third in zip(PLACES, thirds, strict=True))
    return Motion(
        box, float(means[row, column] / seconds), place.replace("middle centre", "middle")
    )


def average_cells(values: np.ndarray) -> np.ndarray:
    """Means of a (rows, columns) array over squares of CELL pixels, what is left over dropped."""
    rows, columns = (length // CELL for length in values.shape)
    squares = values[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return squares.mean(axis=(1, 3))


def describe_parts(row: pd.Series, reference: dict) -> str:
    """Say how the parts of one frame's score compare with normal training frames.

    Such as "flow 3.1 (above 99 % of normal frames)", by the ``reference_scores`` of metrics.json;
    empty for a score without parts.
    """
    words = []
    for column, value in row.items():
        if not str(column).startswith("score_") or not np.isfinite(value):
            continue
        known = reference.get(column, {}).get("quantiles", {})
        below = [float(q) for q, level in known.items() if value > level]
        ordinary = "ordinary" if known else ""
        rank = f"above {100 * max(below):g} % of normal frames" if below else ordinary
        name = str(column).removeprefix("score_").replace("_", " ")
        words.append(f"{name} {value:.3g}" + (f" ({rank})" if rank else ""))
    return ", ".join(words)


def draw_motion(picture: np.ndarray, motion: Motion | None) -> np.ndarray:
    """Mark where a (height, width) gray picture moved most: a colour picture, BGR."""
    shown = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    if motion is not None:
        left, top, right, bottom = motion.box
        cv2.rectangle(shown, (left, top), (right - 1, bottom - 1), (115, 158, 0), 2)
    return shown


def describe_motion(motion: Motion | None) -> str:
    """Say where and how fast, in words."""
    if motion is None:
        return "no clear motion"
    return f"fastest {motion.speed:.3g} pixels/s, {motion.place}"


def motions_of(
    frames: Sequence[np.ndarray], times: np.ndarray, settings: Preprocessing
) -> list[Motion | None]:
    """Motion of successive frames, each against the one before; the first is as the second."""
    steps = np.diff(times)
    found = [
        find_motion(before, after, float(step), settings)
        for before, after, step in zip(frames[:-1], frames[1:], steps, strict=True)
    ]
    return [*found[:1], *found] if found else [None] * len(frames)
