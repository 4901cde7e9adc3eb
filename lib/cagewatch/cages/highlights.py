"""The most anomalous moments of a recording: a film of them, a table, and a still of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch import plots
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
    folder: Path, result: Result, threshold: float, count: int, seconds: float
) -> list[Moment]:
    """Write highlights.mp4 and moments.csv into `folder`; the moments, highest score first."""
    source, scored = result.source, result.scored
    moments = choose_moments(scored.score, scored.time_s, count, seconds)
    # The mean, as stamps are rounded to the container's clock.
    step = float(np.mean(np.diff(scored.time_s)))
    write_highlights(
        folder / "highlights.mp4", source, scored.frame, scored.time_s, scored.score, moments,
        threshold, 1 / step,
    )  # fmt: skip
    peaks = [moment.peak for moment in moments]
    table = {name: getattr(scored, name)[peaks] for name in ("frame", "time_s", "score")}
    with whole_file(folder / "moments.csv") as partial:
        pd.DataFrame(table).to_csv(partial, index=False, float_format="%.9g")
    return moments


def show_moments(result: Result, moments: Sequence[Moment]) -> Figure:
    """The frame at the peak of each moment, with its time and score."""
    source, scored = result.source, result.scored
    figure, axes = plt.subplots(
        1, len(moments), figsize=(2.7 * len(moments), 2.9), layout="constrained", squeeze=False
    )
    for ax, moment in zip(axes[0], moments, strict=True):
        peak = min(moment.peak, len(scored.score) - 2)
        part = slice(peak, peak + 2)
        # Two neighbours, so that the seek knows how far apart frames are.
        first, last = scored.frame[part]
        stamps = np.interp(np.arange(first, last + 1), scored.frame[part], scored.time_s[part])
        frame = read_frames_at(source, int(first), stamps)[0 if peak == moment.peak else -1]
        ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        text = f"{clock(scored.time_s[moment.peak])}\nscore {scored.score[moment.peak]:.4g}"
        ax.set(title=text, xticks=[], yticks=[])
    figure.suptitle(escape_math(source.name))
    plots.mark_simulated(figure, [source.name])
    return figure
