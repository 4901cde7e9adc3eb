"""A detector that learns "more anomalous" from pseudo-anomalies made of normal video only.

Windows of a frame are described by how fast, in which direction and how coherently they move and
by what their moving parts look like. Normal clips are changed: played at double rate, or given a
cut-out of one of their own animals that glides too fast, is too large or is turned. A logistic
regression tells the windows of both apart; its largest log-odds in a frame is the frame's score.
Cut-outs pasted unchanged at normal speed count as normal, so that the paste itself is not learnt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.models.pseudo import cut_out, paste_along

CELL = 6  # pixels at half resolution
LAG = 3  # frames from one image of a flow to the other
SPAN = 11  # frames a window is averaged over
WINDOWS = (3, 5)  # cells
MOVING = 0.2  # mean speed, source pixels per frame, from which a window is looked at
STILL = -5.0  # log-odds of a frame in which nothing moves
CHANNELS = 17  # speed, its square, 8 directions, temporal difference, 6 gradient orientations
PASTED = ("glide", "large", "turned")


@dataclass(frozen=True)
class Contrast:
    """The fitted detector: log-odds of a window = descriptor @ weights + bias."""

    weights: np.ndarray
    bias: float


def measure_cells(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield (rows, columns, CHANNELS) float32 means over cells, one per (height, width) frame.

    Flow is Farneback's at half resolution between frames `LAG` apart, in source pixels per frame;
    the first `LAG` frames have none. Memory does not depend on the length.
    """
    cv2.setNumThreads(1)
    earlier: deque[np.ndarray] = deque(maxlen=LAG)
    for frame in frames:
        size = (frame.shape[1] // 2, frame.shape[0] // 2)
        if min(size) < CELL * max(WINDOWS):
            raise InputError(
                f"A frame is {frame.shape[1]}x{frame.shape[0]} pixels; the contrast detector needs"
                f" at least {2 * CELL * max(WINDOWS)} each way, so give it larger video."
            )
        half = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        if len(earlier) == LAG:
            yield _measure_pair(earlier[0], half)
        earlier.append(half)


def _measure_pair(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    flow = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    flow *= 2 / LAG
    speed, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1])
    across = cv2.Sobel(after, cv2.CV_32F, 1, 0, scale=1 / 2040)
    down = cv2.Sobel(after, cv2.CV_32F, 0, 1, scale=1 / 2040)
    edge, tilt = cv2.cartToPolar(across, down)
    edge *= speed > 0.4  # what stands still is background
    channels = [speed, speed * speed]
    channels += _spread(speed, angle * (8 / (2 * np.pi)), 8)
    channels.append(cv2.absdiff(after, before).astype(np.float32) / 255)
    channels += _spread(edge, np.mod(tilt, np.pi) * (6 / np.pi), 6)
    rows, columns = (length // CELL for length in speed.shape)
    stack = np.stack(channels, -1)[: rows * CELL, : columns * CELL]
    return stack.reshape(rows, CELL, columns, CELL, CHANNELS).mean((1, 3))


def _spread(amount: np.ndarray, position: np.ndarray, bins: int) -> list[np.ndarray]:
    """Share `amount` linearly between the two bins nearest to `position` on a circle of `bins`."""
    gaps = (np.abs(position - index) for index in range(bins))
    return [amount * np.maximum(1 - np.minimum(gap, bins - gap), 0) for gap in gaps]


def describe_windows(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield per frame the moving windows' (n, 2) cell row and column, and (n, 23) descriptors.

    Left and right are mirrored into one another: neither is the more anomalous.
    """
    held: deque[np.ndarray] = deque(maxlen=SPAN)
    for cells in _repeat_ends(measure_cells(frames)):
        held.append(cells)
        if len(held) == SPAN:
            yield _describe(np.mean(held, axis=0))


def _repeat_ends(cells: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Repeat the first and last cells, so that there are as many windows in time as frames."""
    last = next(cells, None)
    if last is None:
        raise InputError(f"A recording has under {LAG + 1} frames; leave it out or give more.")
    yield from repeat(last, LAG + SPAN // 2 + 1)
    for last in cells:
        yield last
    yield from repeat(last, SPAN // 2)


def _describe(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where, parts = None, []
    for window in WINDOWS:
        pooled = np.maximum(uniform_filter(mean, (window, window, 1), mode="nearest"), 0)
        if where is None:
            where = np.argwhere(pooled[..., 0] >= MOVING)
        p = pooled[where[:, 0], where[:, 1]]
        d, o = p[:, 2:10], p[:, 11:17]
        directions = [d[:, 0] + d[:, 4], d[:, 1] + d[:, 3], d[:, 2], d[:, 5] + d[:, 7], d[:, 6]]
        tilts = [o[:, 0], o[:, 1] + o[:, 5], o[:, 2] + o[:, 4], o[:, 3]]
        parts.append(np.log(p[:, 1:2] / np.maximum(p[:, :1], 1e-6) + 0.1))
        parts.append(np.sqrt(np.stack(directions, 1)))
        parts.append(np.log(np.stack([*tilts, p[:, 10]], 1) + 1e-3))
    parts.append((where[:, :1] + 0.5) / len(mean))
    return where, np.hstack(parts)


def score_frames(detector: Contrast, frames: Iterable[np.ndarray], sigma: float = 5) -> np.ndarray:
    """Score a recording in one pass.

    Parameters
    ----------
    frames : (height, width) uint8, in order; `sigma` : Gaussian smoothing over time, frames.

    Returns
    -------
    (n_frames,) float64, higher is more anomalous: the largest window's log-odds.
    """
    scores = [
        float((windows @ detector.weights).max() + detector.bias) if len(windows) else STILL
        for _, windows in describe_windows(frames)
    ]
    return gaussian_filter1d(np.array(scores), sigma, mode="nearest")


def fit_contrast(
    clips: Sequence[np.ndarray],
    seed: int = 0,
    heights: tuple[int, int] = (22, 50),
    widths: tuple[int, int] = (9, 24),
    pastes: int = 3,
    windows: int = 15_000,
) -> Contrast:
    """Fit to normal clips of one still camera.

    Parameters
    ----------
    clips : each (n_frames, height, width) uint8; all are held in memory, so give a sample.
    heights, widths : pixels a cut-out animal may measure; the defaults are Ped2's pedestrians.
    pastes : cut-outs of each kind per clip.
    windows : windows drawn of each kind of pseudo-anomaly (three times as many of normal video).

    Raises
    ------
    InputError
        If no moving cut-out of the sizes asked for is found in any clip.
    """
    rng = np.random.default_rng(seed)
    normal = [np.vstack([x for _, x in describe_windows(clip)]) for clip in clips]
    pool = np.vstack(normal)
    # The row is the last column, the weighted speed's logarithm the first.
    slope, level = np.polyfit(pool[:, -1], np.exp(pool[:, 0]) - 0.1, 1)
    background = np.median(np.concatenate([clip[::15] for clip in clips]), 0).astype(np.uint8)
    drawn: dict[str, list[np.ndarray]] = {kind: [] for kind in (*PASTED, "control", "skip")}
    for clip in clips:
        drawn["skip"] += [x for _, x in describe_windows(clip[::2])]
        for kind in (*PASTED, "control") * pastes:
            if (cut := cut_out(clip, background, heights, widths, rng)) is not None:
                foot = (cut[2] - cut[0].shape[0] / 2) / clip.shape[1]
                speed = max(slope * foot + level, MOVING)
                drawn[kind] += _paste_windows(clip, kind, cut, speed, rng)
    if not all(sum(map(len, parts)) for parts in drawn.values()):
        raise InputError(
            f"No moving cut-out {heights[0]}-{heights[1]} pixels high and {widths[0]}-{widths[1]}"
            " wide was found in the training video; give the animal's size as `heights`, `widths`."
        )
    kinds = {kind: _draw(np.vstack(parts), windows, rng) for kind, parts in drawn.items()}
    good = np.vstack([_draw(pool, 3 * windows, rng), kinds.pop("control")])
    bad = np.vstack(list(kinds.values()))
    x, y = np.vstack([good, bad]), np.repeat([0, 1], [len(good), len(bad)])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(max_iter=300, class_weight="balanced").fit(scaler.transform(x), y)
    weights = model.coef_[0] / scaler.scale_
    return Contrast(weights, float(model.intercept_[0] - weights @ scaler.mean_))


def _draw(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.choice(len(rows), min(count, len(rows)), replace=False)]


def _paste_windows(clip, kind, cut, speed, rng) -> list[np.ndarray]:
    """Descriptors of the windows that a cut-out moved along `clip` covers."""
    pasted, covered = paste_along(clip, kind, cut, speed, rng)
    found = []
    for alpha, (where, windows) in zip(covered, describe_windows(pasted), strict=True):
        here = cv2.blur(alpha, (6 * CELL, 6 * CELL))
        centre = np.minimum(where * 2 * CELL + CELL, np.array(here.shape) - 1)
        found.append(windows[here[centre[:, 0], centre[:, 1]] > 0.2])
    return found


def save_contrast(detector: Contrast, path: Path) -> None:
    """Write the detector to an .npz file, whole or not at all."""
    with whole_file(path) as partial:
        np.savez(partial, weights=detector.weights, bias=detector.bias)


def load_contrast(path: Path) -> Contrast:
    """Read what `save_contrast` wrote; InputError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Contrast(file["weights"], float(file["bias"]))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} is no contrast detector; fit and save it again.") from error
