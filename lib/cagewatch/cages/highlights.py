"""The most anomalous moments of a recording: a film of them, a table, and a still of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    score: np.ndarray,
    times: np.ndarray,
    count: int,
    seconds: float,
    alarms: Iterable[tuple[int, int, int]] = (),
) -> list[Moment]:
    """The stretch around each alarm's peak, highest first, then those around the scores left.

    Parameters
    ----------
    score, times : (n,) float; seconds, growing.
    count : how many at most.
    seconds : length of each. Two alarms close together may share frames; else none overlap.
    alarms : positions of each alarm: its first frame, the one after it, its peak.
    """

    def around(peak: int, reach: float) -> tuple[int, int]:
        first, last = np.searchsorted(times, times[peak] + np.array([-reach, reach]))
        return int(first), max(int(last), peak + 1)

    left = np.array(score, float)
    moments = []
    for start, stop, peak in alarms:
        moments.append(Moment(*around(peak, seconds / 2), peak, start, stop))
        left[slice(*around(peak, seconds))] = left[start:stop] = -np.inf
    moments = sorted(moments, key=lambda moment: -score[moment.peak])[:count]
    while len(moments) < count and np.isfinite(left).any() and left.max() > -np.inf:
        peak = int(np.argmax(left))
        moments.append(Moment(*around(peak, seconds / 2), peak))
        # Half a stretch on either side, so that no later stretch reaches into this one.
        left[slice(*around(peak, seconds))] = -np.inf
    return moments


def moments_of(result: Result, count: int, seconds: float) -> list[Moment]:
    """`choose_moments` of a scored recording."""
    number, times, score = (result.frames[name] for name in ("frame", "time_s", "smooth"))
    columns = result.alarms[["start_frame", "stop_frame", "peak_frame"]].to_numpy(int)
    alarms = np.searchsorted(number, columns + [0, 1, 0]).tolist()
    return choose_moments(score.to_numpy(float), times.to_numpy(float), count, seconds, alarms)


def cut_highlights(
    folder: Path, result: Result, level: Level, count: int, seconds: float
) -> list[Moment]:
    """Write highlights.mp4 and moments.csv into `folder`; the moments, those of alarms first."""
    moments = moments_of(result, count, seconds)
    _write_film(folder / "highlights.mp4", result, level, moments)
    peaks = result.frames.iloc[[moment.peak for moment in moments]]
    table = peaks[["frame", "time_s", "smooth"]].rename(columns={"smooth": "score"})
    with whole_file(folder / "moments.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.9g")
    return moments


def cut_clips(folder: Path, result: Result, level: Level, seconds: float) -> list[Path]:
    """Write ``clips/alarm_001.mp4`` and so on into `folder`, one for each row of alarms.csv."""
    for old in (folder / "clips").glob("alarm_*.mp4"):
        old.unlink()
    moments = sorted(moments_of(result, len(result.alarms), seconds), key=lambda one: one.alarm)
    paths = [folder / "clips" / f"alarm_{row:03d}.mp4" for row in range(1, len(moments) + 1)]
    for path, moment in zip(paths, moments, strict=True):
        _write_film(path, result, level, [moment])
    return paths


def _write_film(path: Path, result: Result, level: Level, moments: Sequence[Moment]) -> None:
    frames = result.frames
    number, times, score = (frames[name].to_numpy() for name in ("frame", "time_s", "smooth"))
    # The mean, as stamps are rounded to the container's clock.
    fps = 1 / float(np.mean(np.diff(times)))
    write_highlights(path, result.source, number, times, score, moments, level.threshold, fps)


def show_moments(result: Result, count: int, seconds: float) -> Figure:
    """The frame at the peak of each moment that `cut_highlights` cuts, with its time and score."""
    source, frames = result.source, result.frames
    number, times, score = (frames[name].to_numpy() for name in ("frame", "time_s", "smooth"))
    moments = moments_of(result, count, seconds)
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
