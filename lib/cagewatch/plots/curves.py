"""Curves, histograms and matrices: how scores, thresholds and training behave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from matplotlib.ticker import MaxNLocator

from cagewatch.metrics import Interval, Roc, RocBand, format_auc
from cagewatch.plots.style import ANOMALOUS, NORMAL, THRESHOLD, axes_or_new, cycle_style

MARKERS = "osD^v"
BINS = 50  # of a histogram of scores
REACH = 0.5  # from 0.5, which chance reaches and is white, to the darkest colours of a heat map


def plot_roc(
    roc: Roc,
    label: str = "",
    auc: Interval | float | None = None,
    band: RocBand | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
    index: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Plot a ROC with its AUC in the legend, the chance diagonal, a band and operating points.

    Parameters
    ----------
    auc : an `Interval` is written with its bounds and seeds, a number alone.
    band : of the curve, shaded.
    points : operating points by name, as (false positive rate, true positive rate).
    index : which colour and dash; give each curve on the same axes its own.
    roc : Roc
        Rates from 0 to 1.
    label : str
        Name in the legend.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    ax = axes_or_new(ax, figsize=(4.4, 4.4))
    style = cycle_style(index)
    if not any(line.get_gid() == "chance" for line in ax.lines):
        look = {"color": "0.8", "linewidth": 2, "linestyle": "-", "zorder": 1}
        ax.plot([0, 1], [0, 1], label="chance", gid="chance", **look)
    text = label
    if isinstance(auc, Interval):
        text = f"{label}\n{format_auc(auc.value, auc.low, auc.high, auc.n_seeds)}".strip()
    elif auc is not None:
        text = f"{label}\n{format_auc(auc)}".strip()
    if np.isfinite(roc.true_positive_rate).all() and np.isfinite(roc.false_positive_rate).all():
        ax.plot(roc.false_positive_rate, roc.true_positive_rate, label=text or None, **style)
    else:
        ax.plot([], [], label=f"{label} (undefined: one class only)".strip(), **style)
    if band is not None:
        ax.fill_between(
            band.false_positive_rate,
            band.low,
            band.high,
            color=style["color"],
            alpha=0.15,
            linewidth=0,
        )
    for (name, (x, y)), marker in zip((points or {}).items(), MARKERS, strict=False):
        ax.plot(
            x,
            y,
            marker=marker,
            color=style["color"],
            markeredgecolor="white",
            linestyle="none",
            markersize=8,
            label=name,
            zorder=5,
        )
    ax.set(
        xlabel="False positive rate",
        ylabel="True positive rate",
        aspect="equal",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="lower right")
    return ax


def plot_score_histograms(
    score: np.ndarray,
    anomalous: np.ndarray | None = None,
    threshold: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the scores of normal and of anomalous frames, each as shares of its own class.

    Without labels, `anomalous` is None and there is one histogram of all frames.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
        Higher is more anomalous.
    anomalous : ndarray of bool, shape (n,), optional
    threshold : float, optional
        Drawn as a line.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    ax = axes_or_new(ax)
    flags = np.zeros(len(score), bool) if anomalous is None else np.asarray(anomalous, bool)
    edges = np.histogram_bin_edges(score, BINS) if len(score) else np.linspace(0, 1, BINS)
    looks = [
        ("normal" if anomalous is not None else "all frames", ~flags, NORMAL, None, "-"),
        ("anomalous", flags, ANOMALOUS, "////", "--"),
    ]
    for name, of, colour, hatch, dash in looks:
        if of.any():
            share = np.histogram(score[of], edges)[0] / of.sum()
            ax.stairs(
                share,
                edges,
                fill=True,
                facecolor=(colour, 0.25 if hatch is None else 0.0),
                hatch=hatch,
                edgecolor=colour,
                linestyle=dash,
                linewidth=1.4,
                label=f"{name} ({of.sum():,})",
            )
    if threshold is not None and np.isfinite(threshold):
        ax.axvline(threshold, color=THRESHOLD, linewidth=1.4, linestyle=":", label="threshold")
    share_of = "Share of frames" if anomalous is None else "Share of the class's frames"
    ax.set(xlabel="Score (higher is more anomalous)", ylabel=share_of)
    ax.set_ylim(bottom=0)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="best")
    return ax


def plot_history(history: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot training and validation loss against the epoch, on a logarithmic scale.

    `history` has one row per epoch and a column ``loss``; ``val_loss`` and ``epoch`` if there.

    Parameters
    ----------
    history : DataFrame
        One row an epoch.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    ax = axes_or_new(ax)
    epoch = history["epoch"] if "epoch" in history else np.arange(1, len(history) + 1)
    marker = "o" if len(history) < 30 else None
    for index, (column, name) in enumerate([("loss", "training"), ("val_loss", "validation")]):
        if column in history and history[column].notna().any():
            style = cycle_style(index)
            ax.plot(epoch, history[column], marker=marker, markersize=4, label=name, **style)
    ax.set(xlabel="Epoch", ylabel="Loss")
    losses = history[[name for name in ("loss", "val_loss") if name in history]]
    if losses.min().min() > 0:  # a zero has no logarithm
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="best")
    return ax


def plot_heatmap(
    values: pd.DataFrame,
    texts: Sequence[Sequence[str]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot a matrix of frame AUCs with its values written in, for example behaviour by model.

    Colours are blue above 0.5 and red below; the same distance looks as strong on either side.

    Parameters
    ----------
    values : rows and columns by name; NaN cells are left blank with a dash.
    texts : what to write in the cells instead of the values with two digits.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    n_rows, n_columns = values.shape
    ax = axes_or_new(ax, figsize=(1.6 + 0.95 * n_columns, 1.5 + 0.42 * n_rows))
    norm = CenteredNorm(0.5, REACH)
    image = ax.imshow(values.to_numpy(float), cmap="RdBu", norm=norm, aspect="auto")
    for (row, column), value in np.ndenumerate(values.to_numpy(float)):
        text = texts[row][column] if texts is not None else f"{value:.2f}"
        red, green, blue, _ = image.cmap(image.norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        ax.text(
            column,
            row,
            text if np.isfinite(value) else "–",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark and np.isfinite(value) else "black",
        )
    long = max((len(str(name)) for name in values.columns), default=0) > 9
    ax.set_xticks(
        range(n_columns),
        values.columns,
        rotation=35 if long else 0,
        ha="right" if long else "center",
        rotation_mode="anchor" if long else "default",
    )
    ax.set_yticks(range(n_rows), values.index)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(image, ax=ax, label="Frame AUC", fraction=0.05)
    return ax
