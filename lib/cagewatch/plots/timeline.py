"""Scores and behaviours against time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cagewatch.metrics import find_bouts
from cagewatch.plots.style import ANOMALOUS, BOUT, NORMAL, THRESHOLD, axes_or_new, cycle_style

MAX_POINTS = 2000  # more frames than this are drawn as the extremes of short stretches


def choose_time_unit(seconds: float) -> tuple[float, str]:
    """Divisor and name of the unit in which a span of this length reads well."""
    if seconds >= 3 * 3600:
        return 3600.0, "h"
    return (60.0, "min") if seconds >= 180 else (1.0, "s")


def thin_series(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the lowest and the highest value of each short stretch, in order.

    A figure is a few thousand pixels wide: this draws what all points would, no peak lost.

    Parameters
    ----------
    times, values : ndarray of float, shape (n,)

    Returns
    -------
    times, values : ndarray of float, shape (m,)
        2,000 or so at most.
    """
    if len(values) <= MAX_POINTS:
        return times, values
    edges = np.linspace(0, len(values), MAX_POINTS // 2 + 1).astype(int)
    kept = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        part = values[start:stop]
        kept += sorted({start + int(np.argmin(part)), start + int(np.argmax(part))})
    return times[kept], values[kept]


def spans_of(flag: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Runs of true frames as (n, 2) begin and width, in the unit of `times`."""
    bouts = find_bouts(flag)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    ends = np.append(times, times[-1] + step if len(times) else step)
    return np.column_stack([ends[bouts[:, 0]], ends[bouts[:, 1]] - ends[bouts[:, 0]]])


def plot_score_timeline(
    times: np.ndarray,
    score: np.ndarray,
    anomalous: np.ndarray | None = None,
    threshold: float | None = None,
    legend: bool = True,
    ax: Axes | None = None,
    alarms: np.ndarray | None = None,
) -> Axes:
    """Plot one recording's score against time, true bouts shaded and alarms marked.

    Parameters
    ----------
    times : (n,) float, seconds, growing.
    score : (n,) float, higher is more anomalous.
    anomalous : (n,) bool, or None if unlabelled; alarms are then neither true nor false.
    threshold : drawn as a line; frames at or above it are alarms, drawn as bars along the top:
        full height where the alarm shares a frame with a true bout, half height where it is false.
    alarms : (n,) bool, frames in an alarm, where these are not simply those above the threshold.
    legend : bool
        Whether there is one, beside the axes.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    ax = axes_or_new(ax, figsize=(8, 2.6))
    times, score = np.asarray(times, float), np.asarray(score, float)
    if not np.isfinite(times).all():
        times, unit, scale = np.arange(len(score), dtype=float), "frames", 1.0
    else:
        scale, unit = choose_time_unit(float(times[-1] - times[0]) if len(times) else 0)
    times = times / scale
    handles = [Line2D([], [], label="score", linewidth=1.2, **cycle_style(0))]
    ax.plot(*thin_series(times, score), linewidth=0.9, **cycle_style(0), zorder=3)
    if anomalous is not None:
        for begin, width in spans_of(np.asarray(anomalous, bool), times):
            ax.axvspan(begin, begin + width, color=BOUT, linewidth=0.3, zorder=1)
        handles.append(Patch(color=BOUT, label="true bout"))
    if threshold is not None and np.isfinite(threshold):
        ax.axhline(threshold, color=THRESHOLD, linewidth=1.2, linestyle=":", zorder=4)
        handles.append(Line2D([], [], color=THRESHOLD, linestyle=":", label="threshold"))
        if len(times):  # room for the alarms above the highest score
            top = np.max(score) + 0.15 * max(np.ptp(score), 1e-9)
            ax.update_datalim([(times[0], top)])
            ax.autoscale_view(scalex=False)
        flagged = score >= threshold if alarms is None else np.asarray(alarms, bool)
        handles += _mark_alarms(ax, times, flagged, anomalous)
    ax.set(xlabel=f"Time ({unit})" if unit != "frames" else "Frame", ylabel="Score")
    if len(times):
        ax.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1)
    if legend:
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.005, 0.5))
    return ax


def _mark_alarms(
    ax: Axes, times: np.ndarray, flagged: np.ndarray, anomalous: np.ndarray | None
) -> list[Patch]:
    """Draw alarms as bars just above the axes; return their legend entries."""
    runs = find_bouts(flagged)
    spans = spans_of(flagged, times)
    if anomalous is None:
        kinds = [("alarm", np.ones(len(runs), bool), ANOMALOUS, 1.0)]
    else:
        hit = np.array([np.any(anomalous[start:stop]) for start, stop in runs], bool)
        kinds = [("alarm in a bout", hit, NORMAL, 1.0), ("false alarm", ~hit, ANOMALOUS, 0.5)]
    # An alarm of one frame would be narrower than a pixel, so each bar gets an edge of its colour.
    for _, of, colour, height in kinds:
        ax.broken_barh(
            spans[of],
            (0.92, 0.08 * height),
            facecolor=colour,
            edgecolor=colour,
            linewidth=0.8,
            transform=ax.get_xaxis_transform(),
        )
    return [Patch(color=colour, label=name) for name, _, colour, _ in kinds]
