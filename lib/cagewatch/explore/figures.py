"""The explorer's figures: drawn once per run, then only what moves with the threshold is redrawn.

Each panel keeps its picture without the moving parts as a background. A slider step restores the
background, draws a marker, a line or a strip of alarms on it and encodes the result, which costs
milliseconds where drawing a figure anew costs a tenth of a second or more.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.metrics import (
    Consequences,
    Scored,
    compute_auc,
    compute_precision_recall,
    compute_roc,
    find_bouts,
    weigh_threshold,
)
from cagewatch.plots.style import ANOMALOUS, NORMAL, THRESHOLD
from cagewatch.plots.timeline import choose_time_unit

DPI = 100
SMALL, WIDE = (4.3, 3.9), (11.0, 3.3)  # inches
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]  # fmt: skip
STRIP = (1.02, 1.09)  # where alarms are marked, in heights of the axes

Update = Callable[[Consequences], list[Artist]]


class Panel:
    """One figure with a background that stays and artists that follow the threshold."""

    def __init__(self, draw: Callable[[Axes], Update], size: tuple[float, float]) -> None:
        self.figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.subplots()
        self.update = draw(self.axes)
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def render(self, consequences: Consequences) -> bytes:
        """The panel at a threshold, as JPEG: ten times as fast to encode as PNG."""
        self.canvas.restore_region(self.background)
        for artist in self.update(consequences):
            self.axes.draw_artist(artist)
        picture = cv2.cvtColor(np.asarray(self.canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)
        return cv2.imencode(".jpg", picture, JPEG)[1].tobytes()


def draw_roc(scored: Scored, ax: Axes) -> Update:
    """ROC with a marker at the threshold; says why there is none."""
    if scored.lacking:
        return _say(ax, "No ROC", scored.lacking)
    roc = compute_roc(scored.score, scored.anomalous)
    plots.plot_roc(roc, "frame AUC", compute_auc(scored.score, scored.anomalous), ax=ax)
    return _marker(ax, lambda events: (events.false_positive_rate, events.recall))


def draw_precision_recall(scored: Scored, ax: Axes) -> Update:
    """Precision against recall with a marker at the threshold; says why there is none."""
    if scored.anomalous is None or not scored.anomalous.any():
        return _say(ax, "No precision-recall curve", scored.lacking or "")
    curve = compute_precision_recall(scored.score, scored.anomalous)
    plots.plot_precision_recall(curve, prevalence=float(scored.anomalous.mean()), ax=ax)
    return _marker(ax, lambda events: (events.recall, events.precision))


def draw_histograms(scored: Scored, ax: Axes) -> Update:
    """Scores of normal and anomalous frames with a line at the threshold."""
    plots.plot_score_histograms(scored.score, scored.anomalous, ax=ax)
    (line,) = ax.plot([], [], color=THRESHOLD, linewidth=1.6, linestyle=":", animated=True)
    low, high = ax.get_ylim()

    def update(consequences: Consequences) -> list[Artist]:
        line.set_data([consequences.threshold] * 2, [low, high])
        return [line]

    return update


def draw_timeline(scored: Scored, part: slice, ax: Axes) -> Update:
    """Score against time, true bouts shaded, with a line and a strip of alarms at the threshold.

    Alarms are marked above the axes: full height in blue where they share a frame with a true bout
    or there are no labels, half height in orange where they are false.
    """
    anomalous = None if scored.anomalous is None else scored.anomalous[part]
    score, times, codes = scored.score[part], scored.elapsed_s[part], scored.codes[part]
    plots.plot_score_timeline(times, score, anomalous, legend=False, ax=ax)
    unit = choose_time_unit(float(times[-1] - times[0]))[0]
    for edge in np.flatnonzero(np.diff(codes)) + 1:
        ax.axvline(times[edge] / unit, color="0.75", linewidth=0.6, zorder=0)
    (low, high), heights = ax.get_xlim(), ax.get_ylim()
    (line,) = ax.plot([], [], color=THRESHOLD, linewidth=1.4, linestyle=":", animated=True)
    width = int(WIDE[0] * DPI)
    strip = ax.imshow(
        np.zeros((2, width, 4)), extent=(low, high, *STRIP), origin="lower", aspect="auto",
        transform=ax.get_xaxis_transform(), clip_on=False, interpolation="nearest", animated=True,
    )  # fmt: skip
    ax.set(xlim=(low, high), ylim=heights)
    ax.annotate("alarms", (0, STRIP[0]), xycoords="axes fraction", xytext=(-4, 0), fontsize=8,
                textcoords="offset points", ha="right", va="bottom")  # fmt: skip
    # A frame is shown until the next: zoomed in, it fills many columns of the picture.
    edges = np.append(times, times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1))
    column = np.clip((edges / unit - low) / (high - low) * width, 0, width).astype(int)
    first = np.minimum(column[:-1], width - 1)
    after = np.maximum(column[1:], first + 1)
    right, wrong = (np.array(to_rgba(colour)) for colour in (NORMAL, ANOMALOUS))

    def columns_of(frames: np.ndarray) -> np.ndarray:
        edges = np.zeros(width + 1, int)
        np.add.at(edges, first[frames], 1)
        np.add.at(edges, after[frames], -1)
        return np.cumsum(edges[:-1]) > 0

    def update(consequences: Consequences) -> list[Artist]:
        flagged = score >= consequences.threshold
        picture = np.zeros((2, width, 4))
        if anomalous is None:
            picture[:, columns_of(flagged)] = wrong
        else:
            runs = find_bouts(flagged, codes)
            hits = np.add.reduceat(np.r_[anomalous, False].astype(int), runs.ravel())[::2] > 0
            false = np.zeros(len(score) + 1, int)
            np.add.at(false, runs[~hits, 0], 1)
            np.add.at(false, runs[~hits, 1], -1)
            is_false = np.cumsum(false)[:-1] > 0
            picture[:1, columns_of(is_false)] = wrong
            picture[:, columns_of(flagged & ~is_false)] = right
        strip.set_data(picture)
        line.set_data([low, high], [consequences.threshold] * 2)
        return [strip, line]

    return update


def plot_explorer(scored: Scored, threshold: float, title: str = "") -> Figure:
    """All of the explorer's figures at one threshold, for a notebook that is only read."""
    figure = plt.figure(figsize=(12, 7.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.35, 1))
    drawn = zip(top.subplots(1, 3), (draw_roc, draw_precision_recall, draw_histograms), strict=True)
    everything = slice(0, len(scored.score))
    consequences = weigh_threshold(scored, threshold)
    artists: list[Artist] = []
    for ax, draw in drawn:
        artists += draw(scored, ax)(consequences)
    artists += draw_timeline(scored, everything, bottom.subplots())(consequences)
    for artist in artists:
        artist.set_animated(False)
    figure.suptitle(title)
    plots.mark_simulated(figure, scored.names)
    return figure


def _marker(ax: Axes, place: Callable) -> Update:
    (point,) = ax.plot([], [], "o", color=THRESHOLD, markersize=9, markerfacecolor="#F0E442",
                       markeredgewidth=1.5, animated=True, zorder=6)  # fmt: skip

    def update(consequences: Consequences) -> list[Artist]:
        x, y = place(consequences.events)
        point.set_data([x], [y])
        return [point]

    return update


def _say(ax: Axes, what: str, why: str) -> Update:
    ax.text(0.5, 0.5, f"{what}:\n{why}", ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return lambda consequences: []
