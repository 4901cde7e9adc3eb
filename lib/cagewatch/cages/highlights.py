"""The most anomalous moments of a recording: a film of them, a table, and a still of each."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.cages.alarms import Level
from cagewatch.cages.film import Moment, clock, write_highlights
from cagewatch.cages.scoring import Result
from cagewatch.files import whole_file
from cagewatch.names import escape_math
from cagewatch.video import read_frames_at


def choose_moments(
    score: np.ndarray, times: np.ndarray, count: int, seconds: float
) -> list[Moment]:
    """The stretches around the highest scores, highest first, none overlapping another.

    Parameters
    ----------
    score, times : (n,) float; seconds, growing.
    count : how many at most.
    seconds : length of each.
    """
    left = np.array(score, float)
    moments = []
    while len(moments) < count and np.isfinite(left).any() and left.max() > -np.inf:
        peak = int(np.argmax(left))
        start, stop = np.searchsorted(times, times[peak] + np.array([-0.5, 0.5]) * seconds)
        stop = max(int(stop), peak + 1)
        moments.append(Moment(int(start), stop, peak))
        # Half a stretch on either side, so that no later stretch reaches into this one.
        around = np.searchsorted(times, times[peak] + np.array([-1, 1]) * seconds)
        left[around[0] : max(around[1], peak + 1)] = -np.inf
    return moments


def cut_highlights(
    folder: Path, result: Result, level: Level, count: int, seconds: float
) -> list[Moment]:
    """Write highlights.mp4 and moments.csv into `folder`; the moments, highest score first."""
    frames = result.frames
    score, times = (frames[name].to_numpy(float) for name in ("smooth", "time_s"))
    moments = choose_moments(score, times, count, seconds)
    # The mean, as stamps are rounded to the container's clock.
    step = float(np.mean(np.diff(times)))
    write_highlights(
        folder / "highlights.mp4", result.source, frames["frame"].to_numpy(), times, score, moments,
        level.threshold, 1 / step,
    )  # fmt: skip
    peaks = frames.iloc[[moment.peak for moment in moments]]
    table = peaks[["frame", "time_s", "smooth"]].rename(columns={"smooth": "score"})
    with whole_file(folder / "moments.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.9g")
    return moments


def show_moments(result: Result, count: int, seconds: float) -> Figure:
    """The frame at the peak of each moment that `cut_highlights` cuts, with its time and score."""
    source, frames = result.source, result.frames
    number, times, score = (frames[name].to_numpy() for name in ("frame", "time_s", "smooth"))
    moments = choose_moments(score, times, count, seconds)
    figure, axes = plt.subplots(
        1, len(moments), figsize=(2.7 * len(moments), 2.9), layout="constrained", squeeze=False
    )
    for ax, moment in zip(axes[0], moments, strict=True):
        peak = min(moment.peak, len(score) - 2)
        part = slice(peak, peak + 2)
        # Two neighbours, so that the seek knows how far apart frames are.
        first, last = number[part]
        stamps = np.interp(np.arange(first, last + 1), number[part], times[part])
        frame = read_frames_at(source, int(first), stamps)[0 if peak == moment.peak else -1]
        ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        text = f"{clock(times[moment.peak])}\nscore {score[moment.peak]:.4g}"
        ax.set(title=text, xticks=[], yticks=[])
    figure.suptitle(escape_math(source.name))
    plots.mark_simulated(figure, [source.name])
    return figure
