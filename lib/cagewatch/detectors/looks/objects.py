"""Objects in front of a still camera: where they are, how they move and what they look like.

An object is what differs from the recording's own background (`looks.foreground`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from typing import NamedTuple

import cv2
import numpy as np

from cagewatch.detectors.looks.foreground import (
    Scale,
    find_foreground,
    find_pieces,
    place_windows,
    shrink,
)
from cagewatch.detectors.looks.rhythm import describe_rhythm

FILLED = 0.15  # share of foreground that a window in a crowd holds at least
MARGIN = 12  # pixels around the objects within which flow is computed
LAGS = (1 / 30, 4 / 30, 16 / 30)  # seconds between the images whose difference is taken
CELLS, TILTS = 4, 4  # a side, and gradient orientations, of what an object looks like
WINDOW = 24  # pixels a side of the picture that looks are taken from
N_MOTION = 2 + len(LAGS)
N_PLACE = 4


class Objects(NamedTuple):
    """The objects of one frame.

    Attributes
    ----------
    row : (n,) float32, row of the middle, pixels.
    motion : (n, N_MOTION) float32: median and 90th percentile of the flow's size inside the object,
        pixels per frame, and the mean change over each of LAGS relative to the object's contrast.
    look : (n, 80) float32, gradient histogram and silhouette; (n, 0) in a crowd.
    place : (n, 4) float32, middle, top and bottom relative to the frame's height.
    rhythm : (n, 10) float32, see `describe_rhythm`; (n, 0) in a crowd.
    """

    row: np.ndarray
    motion: np.ndarray
    look: np.ndarray
    place: np.ndarray
    rhythm: np.ndarray


def describe_objects(
    frames: Iterable[np.ndarray], background: np.ndarray, scale: Scale, fps: float, one: bool
) -> Iterator[Objects]:
    """Yield the objects of each frame of a run of successive frames, (rows, columns) uint8.

    The motion of one animal is averaged over a second around the frame, over which it has a rhythm
    too; things in a crowd are not followed, and their motion is the moment's.
    """
    if not one:
        yield from _describe_moments(frames, background, scale, fps, one)
        return
    frames, again = tee(frames)
    moments = _describe_moments(frames, background, scale, fps, one)
    averaged = _average_motion(moments, round(fps / 2))
    for objects, rhythm in zip(averaged, describe_rhythm(again, fps), strict=True):
        yield objects._replace(rhythm=np.repeat(rhythm[None], len(objects.row), axis=0))


def _describe_moments(
    frames: Iterable[np.ndarray], background: np.ndarray, scale: Scale, fps: float, one: bool
) -> Iterator[Objects]:
    cv2.setNumThreads(1)
    lags = [max(1, round(fps * lag)) for lag in LAGS]
    held: deque[np.ndarray] = deque(maxlen=max(lags) + 1)
    for frame in map(shrink, frames):
        held.append(frame)
        mask = find_foreground(frame, background)
        middles = place_windows(find_pieces(mask, one), scale, one)
        before = [held[max(len(held) - 1 - lag, 0)] for lag in lags]
        pair = held[max(len(held) - 2, 0)], frame
        yield _measure(pair, before, mask, background, middles, scale, one)


def _measure(
    pair: tuple[np.ndarray, np.ndarray],
    before: Sequence[np.ndarray],
    mask: np.ndarray,
    background: np.ndarray,
    middles: Sequence[tuple[float, float]],
    scale: Scale,
    one: bool,
) -> Objects:
    """The objects of one frame; in a crowd only those whose windows are filled enough."""
    previous, frame = pair
    if not middles:
        return _stack([], one)
    boxes = [_box(middle, scale.at(middle[1]), frame.shape) for middle in middles]
    speed = _speed_within(previous, frame, boxes)
    contrast = cv2.absdiff(frame, background)
    changes = [cv2.absdiff(frame, earlier) for earlier in before]
    found = []
    for (column, row), box in zip(middles, boxes, strict=True):
        inside = mask[box] > 0
        if inside.mean() <= (0 if one else FILLED):
            continue
        sizes = np.percentile(speed[box][inside], (50, 90))
        level = max(float(contrast[box][inside].mean()), 1.0)
        moved = [float(change[box][inside].mean()) / level for change in changes]
        tops = np.flatnonzero(inside.any(axis=1)) + box[0].start
        place = np.array([column, row, tops[0], tops[-1]]) / frame.shape[0]
        look = describe_look(frame[box], mask[box]) if one else np.empty(0)
        found.append((row, [*sizes, *moved], look, place))
    return _stack(found, one)


def _stack(found: list, one: bool) -> Objects:
    if not found:
        look = CELLS * CELLS * (TILTS + 1) if one else 0
        empty = (np.empty((0, width), np.float32) for width in (N_MOTION, look, N_PLACE, 0))
        return Objects(np.empty(0, np.float32), *empty)
    parts = [np.array(part, np.float32) for part in zip(*found, strict=True)]
    return Objects(*parts, rhythm=np.empty((len(found), 0), np.float32))


def _box(
    middle: Sequence[float], size: Sequence[float], shape: Sequence[int]
) -> tuple[slice, slice]:
    """The part of a frame that a window covers, at least one pixel of it."""
    spans = []
    for centre, length, most in zip(middle[::-1], size, shape, strict=True):
        start = min(max(round(centre - length / 2), 0), most - 1)
        spans.append(slice(start, max(min(round(centre + length / 2), most), start + 1)))
    return tuple(spans)


def _speed_within(previous: np.ndarray, frame: np.ndarray, boxes: Sequence[tuple]) -> np.ndarray:
    """Size of the flow (Farneback 2003) in pixels per frame, 0 away from the boxes."""
    speed = np.zeros(frame.shape, np.float32)
    top, left = (max(min(box[axis].start for box in boxes) - MARGIN, 0) for axis in (0, 1))
    bottom, right = (max(box[axis].stop for box in boxes) + MARGIN for axis in (0, 1))
    part = np.s_[top:bottom, left:right]
    if min(speed[part].shape) >= 2 * MARGIN:
        # Backwards, so that it is known where the object is now; 9 pixels keep small things apart.
        flow = cv2.calcOpticalFlowFarneback(
            frame[part], previous[part], None, 0.5, 3, 9, 3, 5, 1.2, 0
        )
        # Not cv2.magnitude, whose last digit depends on where in memory its input lies.
        speed[part] = np.hypot(flow[..., 0], flow[..., 1])
    return speed


def describe_look(patch: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Orientations of gradients (Dalal & Triggs 2005) and silhouette in CELLS x CELLS cells.

    From a window's gray and foreground, both (height, width) uint8. (80,) float32 >= 0: square
    roots of each cell's and orientation's share of the gradients inside the object, then each
    cell's share of foreground over CELLS.
    """
    size = (WINDOW, WINDOW)
    gray = cv2.resize(patch, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    shape = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    edge, tilt = cv2.cartToPolar(across, down)
    edge *= shape
    position = np.mod(tilt, np.pi) * (TILTS / np.pi)
    gaps = np.abs(position[..., None] - np.arange(TILTS))
    shares = edge[..., None] * np.maximum(1 - np.minimum(gaps, TILTS - gaps), 0)
    cells = cv2.resize(shares, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    filled = cv2.resize(shape, (CELLS, CELLS), interpolation=cv2.INTER_AREA) / CELLS
    return np.r_[np.sqrt(cells / (cells.sum() + 1e-6)).ravel(), filled.ravel()].astype(np.float32)


def _average_motion(moments: Iterable[Objects], half: int) -> Iterator[Objects]:
    """Replace the one object's motion by the mean of its logarithm over `half` frames either way.

    Frames in which the animal is not seen are left out of the mean.
    """
    waiting: deque[Objects] = deque()
    around: deque[np.ndarray] = deque(maxlen=2 * half + 1)

    def averaged() -> Objects:
        first = waiting.popleft()
        seen = [motion for motion in around if len(motion)]
        mean = np.exp(np.mean(np.log(np.concatenate(seen) + 1e-3), axis=0)) if seen else None
        return first._replace(motion=mean[None]) if len(first.motion) else first

    for objects in moments:
        waiting.append(objects)
        around.append(objects.motion)
        if len(waiting) > half:
            yield averaged()
    while waiting:
        if len(around) > half + 1:
            around.popleft()
        yield averaged()
